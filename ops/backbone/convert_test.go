package backbone

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/tokenizer"
	"react/ops/clip"
	"react/ops/clip/layout"
)

// TestConvertNamesItsTokenizer converts a checkpoint with a vocabulary of its own:
// open_clip reads the folder's files only where the config names a tokenizer, and
// transformers only with tokenizer_config.json.
func TestConvertNamesItsTokenizer(t *testing.T) {
	tok, err := tokenizer.Train(slices.Values([]string{"a red square", "a blue square"}), 520, 20)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := clip.Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.WithVocab(tok.VocabSize())
	from := t.TempDir()
	c := &clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}
	if err := layout.Save(c, from, layout.OpenCLIP); err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(from); err != nil {
		t.Fatal(err)
	}
	for _, naming := range layout.Namings() {
		dir := t.TempDir()
		var converted Conversion
		if err := converted.write(from, dir, naming, c); err != nil || len(converted.Warnings) > 0 {
			t.Fatal(err, converted.Warnings)
		}
		var kind struct {
			Class   string `json:"tokenizer_class"`
			Pad     string `json:"pad_token"`
			Context int    `json:"model_max_length"`
		}
		text, err := os.ReadFile(filepath.Join(dir, "tokenizer_config.json"))
		if err == nil {
			err = json.Unmarshal(text, &kind)
		}
		if err != nil || kind.Class != "PreTrainedTokenizerFast" || kind.Pad != "<|endoftext|>" || kind.Context != 20 {
			t.Errorf("%s: %s, %v", naming, text, err)
		}
		if naming == layout.OpenCLIP {
			text, err = os.ReadFile(filepath.Join(dir, layout.ConfigFile))
			if err != nil || !strings.Contains(string(text), `"hf_tokenizer_name": "."`) {
				t.Errorf("open_clip would take its own vocabulary: %s, %v", text, err)
			}
		}
		if _, err := layout.Load(dir); err != nil {
			t.Errorf("%s: %v", naming, err)
		}
	}
}
