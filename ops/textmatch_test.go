package ops

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/ops/modality"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/retrieve"
)

// classesFile writes class names as a role's outside file.
func classesFile(t *testing.T, role, name, text string) op.Files {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return op.Files{Root: filepath.Dir(path), Paths: []string{path}}
}

// TestTextMatchRetrieves: hits of classes, by synonyms too, in order, at any depth a prefix; a
// class without captions is a shortfall.
func TestTextMatchRetrieves(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i }, nil)
	files := map[string]op.Files{"classes": classesFile(t, "classes", "c.txt", "kind 0\nkind 1\nnothing\n"), "synonyms": classesFile(t, "synonyms", "s.json", `{"kind 1": ["kind 2"]}`)}
	hitsAt := func(depth int) []retrieve.Hit {
		r, dir := do(t, "retrieve", retrieve.Params{By: modality.TextMatch, Depth: depth}, map[string]string{"embeddings": w.folder}, files)
		if r.Facts["shortfalls"] == 0 {
			t.Error("no shortfall: no caption says nothing")
		}
		hits, err := parquet.ReadFile[retrieve.Hit](filepath.Join(dir, retrieve.HitsFile))
		if err != nil {
			t.Fatal(err)
		}
		return hits
	}
	deep, shallow := hitsAt(1000), hitsAt(3)
	var prefix []retrieve.Hit
	names := map[string]int{}
	for _, h := range deep {
		if h.Rank <= 3 {
			prefix = append(prefix, h)
		}
		if h.Query != -1 || h.Score != 1 || h.Modality != modality.TextMatch {
			t.Fatalf("hit %+v: want query -1, score 1 (the caption is the name)", h)
		}
		names[h.Prompt]++
	}
	if !slices.Equal(shallow, prefix) {
		t.Error("the hits at depth 3 are no prefix of those at depth 1000")
	}
	if names["kind 0"] == 0 || names["kind 1"] == 0 || names["kind 2"] == 0 || names["kind 3"] != 0 {
		t.Errorf("found by %v, want kinds 0, 1 and 2", names)
	}
	in := w.in()
	_, in["hits."+modality.TextMatch] = do(t, "retrieve", retrieve.Params{By: modality.TextMatch, Depth: 40}, map[string]string{"embeddings": w.folder}, files)
	delete(in, "hits.t2t")
	w2 := *w
	list, report := w2.pairsOf(t, pairs.Params{K: 4, Per: "prompt", Overfetch: 8, Dedup: true, Source: "retrieved"}, in)
	if report.Wanted != 3*4 || report.Shortfall != 4 || len(list) != 8 {
		t.Errorf("%d pairs, %+v: want 4 of each of two classes, none of the third", len(list), report)
	}
	for _, p := range list {
		if f := p.Found[0]; f.Query() != f.Prompt || f.Modality != modality.TextMatch {
			t.Errorf("found by %+v", f)
		}
	}
}
