package tokenizer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// loadPair reads a vocab.json and the merges.txt beside it, as Hugging Face's
// slow tokenizers keep them. Their ids are those of the vocabulary; the context
// is DefaultContext.
func loadPair(vocabPath string) (*Tokenizer, error) {
	mergesPath := filepath.Join(filepath.Dir(vocabPath), mergesName)
	vocab, err := os.Open(vocabPath)
	if err != nil {
		return nil, err
	}
	defer vocab.Close()
	merges, err := os.Open(mergesPath)
	if err != nil {
		return nil, fmt.Errorf("file %s: its merges are missing: %w", vocabPath, err)
	}
	defer merges.Close()
	tokens, ids, err := readVocab(vocab)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", vocabPath, err)
	}
	rules, err := readMergeLines(merges, ids)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", mergesPath, err)
	}
	t, err := build(tokens, rules, DefaultContext)
	if err != nil {
		return nil, fmt.Errorf("files %s, %s: %w", vocabPath, mergesName, err)
	}
	return t, nil
}

// readVocab reads a JSON object of token: id.
func readVocab(r io.Reader) ([]string, map[string]int32, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, nil, err
	}
	if len(raw) > maxBytes {
		return nil, nil, fmt.Errorf("larger than %d MiB", maxBytes>>20)
	}
	var f hfFile
	if err := json.Unmarshal(raw, &f.Model.Vocab); err != nil {
		return nil, nil, err
	}
	return f.vocabulary()
}

// readMergeLines reads "left right" from each line but a first that names a
// #version, and but empty ones. Lines after the merges that CLIP uses are not
// read: some files are the whole list that those were taken from.
func readMergeLines(r io.Reader, ids map[string]int32) ([][2]int32, error) {
	var merges [][2]int32
	lines := bufio.NewScanner(io.LimitReader(r, maxBytes))
	for line := 1; len(merges) < numMerges && lines.Scan(); line++ {
		text := strings.TrimSuffix(lines.Text(), "\r")
		if text == "" || line == 1 && strings.HasPrefix(text, "#version") {
			continue
		}
		merge, err := parseMerge(text, ids)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		merges = append(merges, merge)
	}
	return merges, lines.Err()
}
