package layout

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/ops/clip"
)

// Save writes a checkpoint into a folder that exists, in the files and the
// names of a naming. What that naming cannot hold is an error before any file.
func Save(c *clip.Checkpoint, dir, naming string) error {
	switch naming {
	case OpenCLIP:
		return saveOpenCLIP(c, dir)
	case HF:
		return saveHF(c, dir)
	}
	return fmt.Errorf("unknown naming %q: one of %s", naming, strings.Join(Namings, ", "))
}

func saveHF(c *clip.Checkpoint, dir string) error {
	config, err := hfConfigOf(c.Config)
	if err != nil {
		return err
	}
	processor, err := hfProcessorOf(c.Config)
	if err != nil {
		return err
	}
	w, err := c.Weights.Check(c.Config)
	if err != nil {
		return err
	}
	if w, err = hfWeightsOf(w); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, hfConfigFile), config); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, hfProcessorFile), processor); err != nil {
		return err
	}
	// transformers wants to be told that the tensors lie as PyTorch's do.
	return writeSafetensors(filepath.Join(dir, hfWeightsFile), w, `{"format":"pt"}`)
}

// hfWeightsOf gives weights the names and shapes of CLIPModel; what is not
// transposed is shared.
func hfWeightsOf(w *clip.Weights) (*clip.Weights, error) {
	out := &clip.Weights{}
	for _, name := range w.Names() {
		t := w.At(name)
		names := toHF(name)
		switch {
		case len(names) == 0:
			return nil, fmt.Errorf("parameter %q has no place in Hugging Face's CLIPModel", name)
		case slices.Contains(hfTransposed, name):
			out.Put(names[0], []int{t.Shape[1], t.Shape[0]}, transposed(t.Data, t.Shape[0], t.Shape[1]))
			continue
		}
		rows := len(t.Data) / len(names)
		for i, hf := range names {
			shape := slices.Clone(t.Shape)
			if len(names) > 1 {
				shape[0] /= len(names)
			}
			out.Put(hf, shape, t.Data[i*rows:(i+1)*rows])
		}
	}
	return out, nil
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
