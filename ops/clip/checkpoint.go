package clip

import "io"

// Checkpoint is a config with weights that fit it.
type Checkpoint struct {
	Config  Config
	Weights *Weights

	Files io.Closer // that the weights lie in; nil for none
}

// Close unmaps the files of a checkpoint that was loaded; its weights, and those
// of checkpoints made from it, must not be used after. It is not needed when the
// program ends.
func (c *Checkpoint) Close() error {
	if c.Files == nil {
		return nil
	}
	return c.Files.Close()
}

// WithGates is the checkpoint with new gated blocks before its last k vision
// blocks (see Weights.addGates); the receiver is left as it is, and its tensors
// are shared. A checkpoint that has k gates already is given back.
func (c *Checkpoint) WithGates(k int, seed uint64) (*Checkpoint, error) {
	if c.Config.Gates() == k && k > 0 {
		return c, nil
	}
	w := &Weights{names: c.Weights.Names(), tensors: c.Weights.tensors}
	if err := w.addGates(c.Config, k, seed); err != nil {
		return nil, err
	}
	return &Checkpoint{Config: c.Config.WithGates(k), Weights: w}, nil
}
