package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEmojiStudy holds what the files of the study share, and that choices are made on another
// group of emoji than the published tables.
func TestEmojiStudy(t *testing.T) {
	files, err := filepath.Glob("../experiments/emoji*.cue")
	if err != nil || len(files) == 0 {
		t.Fatal("no files of the study", err)
	}
	choosing := []string{"emoji-base.cue", "emoji-choose.cue", "emoji-choose-labels.cue", "emoji-why.cue"}
	shared := map[string]string{} // start of a line → the line
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		final := !slices.Contains(choosing, filepath.Base(file))
		for _, line := range strings.Split(string(raw), "\n") {
			for _, start := range []string{"pool:", "backbone:", "let templates", "retrieve:"} {
				if !strings.HasPrefix(line, start) {
					continue
				}
				if first, ok := shared[start]; ok && line != first {
					t.Errorf("%s: %q, elsewhere %q", file, line, first)
				}
				shared[start] = line
			}
			if code, _, _ := strings.Cut(line, "//"); !final && strings.Contains(code, "animals-food") {
				t.Errorf("%s: a choice looks at the group of the published tables: %s", file, line)
			}
		}
	}
}
