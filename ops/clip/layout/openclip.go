package layout

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"react/ops/clip"
)

// The files of a checkpoint folder, as open_clip names them. The tokenizer's
// files lie beside them and are not this package's.
const (
	ConfigFile  = "open_clip_config.json"
	weightsFile = "open_clip_model.safetensors"
)

// OpenCLIP is the layout of open_clip. OpenAI's and REACT's own names are the same.
const OpenCLIP = "open_clip"

var openCLIP = Layout{
	name:    OpenCLIP,
	config:  ConfigFile,
	weights: []string{weightsFile, "open_clip_pytorch_model.bin"},
	image:   []string{"visual."},
	text:    []string{"token_embedding.", "transformer.resblocks."},
	other:   []string{"positional_embedding", "ln_final.", "text_projection", "logit_scale"},
	claims:  func(string) claimed { return isOwn },
	read:    func(dir string) (clip.Config, error) { return LoadConfig(filepath.Join(dir, ConfigFile)) },
	origins: plainOrigins,
	write:   saveOpenCLIP,
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
	return WriteSafetensors(filepath.Join(dir, weightsFile), c.Weights)
}
