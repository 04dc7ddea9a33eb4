package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"react/ops/clip"
)

// The files of a checkpoint folder, as open_clip names them. The tokenizer's
// files lie beside them and are not this package's.
const (
	ConfigFile  = "open_clip_config.json"
	WeightsFile = "open_clip_model.safetensors"
)

// Load reads a checkpoint of any layout that Open takes. An error names the
// file and the field or parameter that is wrong. Close gives the memory back.
func Load(path string) (*clip.Checkpoint, error) {
	s, err := Open(path, OpenOptions{})
	if err != nil {
		return nil, err
	}
	c, err := s.Checkpoint()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return c, nil
}

// LoadConfig reads an open_clip_config.json.
func LoadConfig(path string) (clip.Config, error) {
	var c clip.Config
	data, err := readConfigFile(path)
	if err == nil {
		err = c.UnmarshalJSON(data)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// maxConfig bounds a config file; with a list of labels they have some 100 KiB.
const maxConfig = 16 << 20

// readConfigFile reads a JSON file beside weights, if it is of a sane size.
func readConfigFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxConfig {
		return nil, fmt.Errorf("%d bytes are no config (over %d MiB)", info.Size(), maxConfig>>20)
	}
	return os.ReadFile(path)
}

// saveOpenCLIP writes a checkpoint into a folder that exists; the same checkpoint
// gives the same bytes.
func saveOpenCLIP(c *clip.Checkpoint, dir string) error {
	if _, err := c.Weights.Check(c.Config); err != nil {
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
