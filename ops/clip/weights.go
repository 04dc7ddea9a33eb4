package clip

import (
	"fmt"
	"slices"
	"strings"
)

// Tensor is one parameter, in the layout of PyTorch ([out, in] for a linear
// layer), row-major. A scalar has no dimensions and one value.
type Tensor struct {
	Shape []int
	Data  []float32
}

// Weights are parameters by their open_clip names, in a fixed order. Not safe
// for concurrent writing.
type Weights struct {
	names   []string
	tensors map[string]*Tensor
}

// Names are the parameters in order; the slice is the caller's.
func (w *Weights) Names() []string { return slices.Clone(w.names) }

// At is a parameter, nil when there is none of that name.
func (w *Weights) At(name string) *Tensor { return w.tensors[name] }

// Put adds a parameter at the end, or replaces one in its place.
func (w *Weights) Put(name string, shape []int, data []float32) {
	if w.tensors == nil {
		w.tensors = map[string]*Tensor{}
	}
	if _, ok := w.tensors[name]; !ok {
		w.names = append(w.names, name)
	}
	w.tensors[name] = &Tensor{Shape: shape, Data: data}
}

// Clone is a deep copy.
func (w *Weights) Clone() *Weights {
	c := &Weights{tensors: map[string]*Tensor{}}
	for _, name := range w.names {
		t := w.tensors[name]
		c.Put(name, slices.Clone(t.Shape), slices.Clone(t.Data))
	}
	return c
}

// Init draws the weights of a new model as open_clip does (its text rule in
// both towers), the gates as PyTorch does. Each parameter has its own stream,
// so that one more does not change the others.
func Init(cfg Config, seed uint64) *Weights {
	w := &Weights{}
	for _, p := range Parameters(cfg) {
		w.Put(p.Name, p.Shape, p.draw(seed))
	}
	return w
}

// addGates gives the weights new gated blocks before the last k vision blocks,
// drawn from the seed; their alphas are 0, so the model stays what it was.
func (w *Weights) addGates(cfg Config, k int, seed uint64) error {
	if cfg.ResNet() {
		return fmt.Errorf("gates before the last %d vision blocks: %w", k, errNoGates)
	}
	if k < 1 || k > cfg.Model.Vision.Layers {
		return fmt.Errorf("gates before the last %d of %d vision blocks", k, cfg.Model.Vision.Layers)
	}
	if cfg.Gates() > 0 {
		return fmt.Errorf("the model has gated blocks already: %d", cfg.Gates())
	}
	ordered := &Weights{}
	for _, p := range Parameters(cfg.WithGates(k)) {
		if t := w.At(p.Name); t != nil {
			ordered.Put(p.Name, t.Shape, t.Data)
			continue
		}
		if !IsGate(p.Name) {
			return fmt.Errorf("parameter %q is missing", p.Name)
		}
		ordered.Put(p.Name, p.Shape, p.draw(seed))
	}
	*w = *ordered
	return nil
}

// Check says what is missing, superfluous or misshapen for a config, and puts
// the parameters in order.
func (w *Weights) Check(cfg Config) (*Weights, error) { return w.Ordered(Parameters(cfg)) }

// Ordered is Check for a list of parameters.
func (w *Weights) Ordered(all []Parameter) (*Weights, error) {
	ordered := &Weights{}
	for _, p := range all {
		t := w.At(p.Name)
		switch {
		case t == nil:
			return nil, fmt.Errorf("parameter %q is missing", p.Name)
		// logit_scale of some checkpoints
		case len(p.Shape) == 0 && slices.Equal(t.Shape, []int{1}):
		case !slices.Equal(t.Shape, p.Shape):
			return nil, fmt.Errorf("parameter %q is %v, the config says %v", p.Name, t.Shape, p.Shape)
		}
		ordered.Put(p.Name, p.Shape, t.Data)
	}
	for _, name := range w.names {
		if ordered.At(name) == nil && !IsLeftOut(name) {
			return nil, fmt.Errorf("parameter %q is not one of the config's model", name)
		}
	}
	return ordered, nil
}

// leftOut are buffers that checkpoints carry and no model needs.
// the last is of averaged weights
var leftOut = []string{"attn_mask", "input_resolution", "context_length", "vocab_size", "n_averaged"}

// IsLeftOut says whether a checkpoint may carry the name and no model needs it.
func IsLeftOut(name string) bool {
	// of a BatchNorm
	return slices.Contains(leftOut, name) || strings.HasSuffix(name, ".num_batches_tracked")
}
