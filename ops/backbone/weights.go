package backbone

import (
	"fmt"
	"os"
	"path/filepath"

	"react/data/tokenizer"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/op"
)

// besideWeights are the files that are read with a file of weights from the folder that it lies in.
var besideWeights = []string{layout.ConfigFile, "config.json", "preprocessor_config.json", "tokenizer.json", "vocab.json", "merges.txt", "bpe_simple_vocab_16e6.txt.gz"}

// WeightsFiles are a file of weights and what is read with it: configs and the tokenizer. Root is
// the file itself, which the checkpoint's readers are given.
func WeightsFiles(path string) (op.Files, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return op.Files{}, err
	}
	f := op.Files{Root: path, Paths: []string{path}}
	for _, name := range besideWeights {
		beside := filepath.Join(filepath.Dir(path), name)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			f.Paths = append(f.Paths, beside)
		}
	}
	return f, nil
}

// Tokenizer loads the tokenizer that lies with a checkpoint: in the folder that weights names, or
// beside the file. Its rows are as long as the text tower's; a vocabulary that the tower does not
// have is an error.
func Tokenizer(weights string, cfg clip.Config) (*tokenizer.Tokenizer, error) {
	dir := weights
	if info, err := os.Stat(weights); err == nil && !info.IsDir() {
		dir = filepath.Dir(weights)
	}
	tok, err := tokenizer.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("tokenizer of %s: %w", weights, err)
	}
	// the files may say none
	if tok.Context() == tokenizer.DefaultContext && tok.Context() != cfg.ContextLength() {
		if tok, err = tok.WithContext(cfg.ContextLength()); err != nil {
			return nil, err
		}
	}
	if tok.Context() != cfg.ContextLength() || tok.VocabSize() > cfg.VocabSize() {
		return nil, fmt.Errorf("%s: the tokenizer (context %d, vocabulary %d) is not the text tower's (context %d, vocabulary %d)",
			dir, tok.Context(), tok.VocabSize(), cfg.ContextLength(), cfg.VocabSize())
	}
	return tok, nil
}
