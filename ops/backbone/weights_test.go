package backbone

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/tokenizer"
	"react/ops/clip"
)

func TestWeightsFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"model.pt", "config.json", "merges.txt", "other.pt", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := WeightsFiles(filepath.Join(dir, "model.pt"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range f.Paths {
		names = append(names, filepath.Base(path))
	}
	if want := []string{"model.pt", "config.json", "merges.txt"}; !slices.Equal(names, want) || f.Root != filepath.Join(dir, "model.pt") {
		t.Errorf("%v of %s, want %v", names, f.Root, want)
	}
}

func TestTokenizerOfWeights(t *testing.T) {
	cfg, err := clip.Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	weights := filepath.Join(dir, "model.pt")
	if err := os.WriteFile(weights, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Tokenizer(weights, cfg); err == nil || !strings.Contains(err.Error(), "no tokenizer: none of tokenizer.json") || !strings.Contains(err.Error(), dir) {
		t.Errorf("none: %v", err)
	}
	for _, c := range []struct {
		vocab, context int
		want           string
	}{{514, 20, ""}, {514, tokenizer.DefaultContext, ""}, {514, 16, "is not the text tower's"}, {513 + 2, 20, ""}} {
		tok, err := tokenizer.Train(slices.Values([]string{"a red circle", "a red square"}), c.vocab, c.context)
		if err != nil {
			t.Fatal(err)
		}
		if err := tok.Save(dir); err != nil {
			t.Fatal(err)
		}
		model := cfg.WithVocab(514)
		if c.vocab > 514 {
			c.want = "is not the text tower's"
		}
		got, err := Tokenizer(weights, model)
		if c.want == "" && (err != nil || got.Context() != 20) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
