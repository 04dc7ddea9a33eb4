package tokenizer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// loadPair reads a vocab.json and the merges.txt beside it, as Hugging Face's
// slow tokenizers keep them. Their ids are those of the vocabulary; the context
// is DefaultContext.
func loadPair(vocabPath string) (*Tokenizer, error) {
	mergesPath := filepath.Join(filepath.Dir(vocabPath), mergesName)
	var ids map[string]int32
	tokens, err := fromFile(vocabPath, func(r io.Reader) (tokens []string, err error) {
		tokens, ids, err = readVocab(r)
		return tokens, err
	})
	if err != nil {
		return nil, err
	}
	rules, err := fromFile(mergesPath, func(r io.Reader) ([][2]int32, error) { return readMergeLines(r, ids) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("file %s: its merges are missing: %w", vocabPath, err)
	}
	if err != nil {
		return nil, err
	}
	t, err := build(tokens, rules, DefaultContext)
	if err != nil {
		return nil, fmt.Errorf("files %s, %s: %w", vocabPath, mergesName, err)
	}
	return t, nil
}

// readVocab reads a JSON object of token: id.
func readVocab(r io.Reader) ([]string, map[string]int32, error) {
	raw, err := readBounded(r)
	if err != nil {
		return nil, nil, err
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
