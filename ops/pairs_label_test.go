package ops

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/columns"
	"react/ops/internal/optest"
	"react/ops/pairs"
)

// relabel gives the rows of a folder other labels.
func relabel(t *testing.T, folder string, label func(i int) string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(folder, "metadata"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	path := filepath.Join(folder, "metadata", files[0].Name())
	cols := []columns.Column{{Name: "image_path"}, {Name: "caption"}, {Name: "url"}, {Name: "row", Kind: columns.Int}, {Name: "label"}}
	f, err := columns.Open(path, cols)
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Next(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	labels := &columns.Vector{Strings: make([]string, b.Len)}
	for i := range labels.Strings {
		labels.Strings[i] = label(i)
	}
	b.Cols[4] = labels
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := columns.Create(path, cols)
	if err == nil {
		if err = w.Append(b.Len, b.Cols); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLabelsOfAnotherMeaning: a column label that names no class of the task is no class
// that was missed; one class anywhere in the pool makes it ours.
func TestLabelsOfAnotherMeaning(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i }, nil)
	p := pairs.Params{K: 2, Per: "prompt", Overfetch: 4, Source: "retrieved"}
	precision := func() (bool, []pairs.Pair, *optest.Run) {
		list, _, r := w.pairs(t, p)
		raw, err := os.ReadFile(filepath.Join(r.Dir, "rows.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(raw), `"precision"`), list, r
	}
	has := func(list []pairs.Pair) bool {
		return slices.ContainsFunc(list, func(p pairs.Pair) bool { return p.Label != "" })
	}
	list, _, _ := w.pairs(t, p)
	taken := map[int64]bool{}
	for _, pair := range list {
		taken[pair.Index] = true
	}
	relabel(t, w.folder, func(i int) string { return []string{"neg", "pos"}[i%2] })
	told, list, r := precision()
	if told || has(list) || !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "no class of the task (it has %s)") }) {
		t.Errorf("labels of others: precision %v, labels %v, warnings %q", told, has(list), r.Warnings)
	}
	free := 0 // a row that is not found
	for taken[int64(free)] {
		free++
	}
	relabel(t, w.folder, func(i int) string {
		if i == free {
			return "kind 0"
		}
		return "kind of another task"
	})
	if told, list, _ := precision(); !told || !has(list) {
		t.Errorf("labels of the task, none found: precision %v, labels %v", told, has(list))
	}
}
