package clip

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The files of a checkpoint folder, as open_clip names them. The tokenizer's
// files lie beside them and are not this package's.
const (
	ConfigFile  = "open_clip_config.json"
	WeightsFile = "open_clip_model.safetensors"
)

// Checkpoint is a config with weights that fit it.
type Checkpoint struct {
	Config  Config
	Weights *Weights
}

// Load reads a checkpoint folder. An error names the file and the field or
// parameter that is wrong.
func Load(dir string) (*Checkpoint, error) {
	cfg, err := LoadConfig(filepath.Join(dir, ConfigFile))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, WeightsFile)
	w, err := ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	if w, err = w.check(cfg); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Checkpoint{Config: cfg, Weights: w}, nil
}

// LoadConfig reads an open_clip_config.json.
func LoadConfig(path string) (Config, error) {
	var c Config
	data, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Save writes the checkpoint into a folder that exists; the same checkpoint
// gives the same bytes.
func (c *Checkpoint) Save(dir string) error {
	if _, err := c.Weights.check(c.Config); err != nil {
		return err
	}
	text, err := json.MarshalIndent(c.Config, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return WriteSafetensors(filepath.Join(dir, WeightsFile), c.Weights)
}

// WithGates is the checkpoint with new gated blocks before its last k vision
// blocks (see Weights.AddGates); the receiver is left as it is, and its tensors
// are shared. A checkpoint that has k gates already is given back.
func (c *Checkpoint) WithGates(k int, seed uint64) (*Checkpoint, error) {
	if c.Config.Gates() == k && k > 0 {
		return c, nil
	}
	w := &Weights{names: c.Weights.Names(), tensors: c.Weights.tensors}
	if err := w.AddGates(c.Config, k, seed); err != nil {
		return nil, err
	}
	return &Checkpoint{Config: c.Config.withGates(k), Weights: w}, nil
}
