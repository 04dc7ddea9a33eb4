package ops

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestNameMatcherIsAWholeWordSearch: what is found word by word is what a pattern for each name finds.
func TestNameMatcherIsAWholeWordSearch(t *testing.T) {
	parts := []string{"cat", "Red", "car", "c++", "#1", "★", "é", "o'neill", "-", " ", " ", "  ", ".", "carpet", "9", "红", "🐈"}
	rng := rand.New(rand.NewPCG(7, 7))
	text := func(n int) string {
		var b strings.Builder
		for range 1 + rng.IntN(n) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		return b.String()
	}
	for range 300 {
		var names [][]string
		for range 4 {
			if name := strings.TrimSpace(text(4)); name != "" {
				names = append(names, []string{name})
			}
		}
		caption := text(12)
		var want []int
		for c, of := range names {
			pattern := regexp.MustCompile(`(^|[^\pL\pN])` + regexp.QuoteMeta(strings.ToLower(of[0])) + `($|[^\pL\pN])`)
			if pattern.MatchString(strings.ToLower(caption)) {
				want = append(want, c)
			}
		}
		var got []int
		for _, m := range newNameMatcher(names).match(caption) {
			got = append(got, m.class)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("names %q in %q: got %v, want %v", names, caption, got, want)
		}
	}
}

func TestTheShortestCaptionWithTheNameIsBest(t *testing.T) {
	m := newNameMatcher([][]string{{"cat", "tabby cat"}, {"dog"}})
	for _, c := range []struct {
		caption string
		name    int
		score   float32
	}{{"cat", 0, 1}, {"A Cat, outside", 0, 1.0 / 3}, {"tabby cat outside", 1, 2.0 / 3}, {"cat and tabby cat", 1, 0.5}} {
		got := m.match(c.caption)
		if len(got) != 1 || got[0].class != 0 || got[0].name != c.name || got[0].score != c.score {
			t.Errorf("%q: got %+v, want name %d with %v", c.caption, got, c.name, c.score)
		}
	}
}

// classesFile writes class names as a role's outside file.
func classesFile(t *testing.T, role, name, text string) Files {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return Files{Root: filepath.Dir(path), Paths: []string{path}}
}

// TestTextMatchRetrieves: hits of classes, by synonyms too, in order, at any depth a prefix; a class without captions is a shortfall.
func TestTextMatchRetrieves(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i }, nil)
	files := map[string]Files{"classes": classesFile(t, "classes", "c.txt", "kind 0\nkind 1\nnothing\n"), "synonyms": classesFile(t, "synonyms", "s.json", `{"kind 1": ["kind 2"]}`)}
	hitsAt := func(depth int) []Hit {
		r, dir := do(t, "retrieve", RetrieveParams{By: TextMatch, Depth: depth}, map[string]string{"embeddings": w.folder}, files)
		if r.facts["shortfalls"] == 0 {
			t.Error("no shortfall: no caption says nothing")
		}
		hits, err := parquet.ReadFile[Hit](filepath.Join(dir, hitsFile))
		if err != nil {
			t.Fatal(err)
		}
		return hits
	}
	deep, shallow := hitsAt(1000), hitsAt(3)
	var prefix []Hit
	names := map[string]int{}
	for _, h := range deep {
		if h.Rank <= 3 {
			prefix = append(prefix, h)
		}
		if h.Query != -1 || h.Score != 1 || h.Modality != TextMatch {
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
	_, in["hits."+TextMatch] = do(t, "retrieve", RetrieveParams{By: TextMatch, Depth: 40}, map[string]string{"embeddings": w.folder}, files)
	delete(in, "hits.t2t")
	w2 := *w
	list, report := w2.pairsOf(t, PairsParams{K: 4, Per: "prompt", Overfetch: 8, Dedup: true, Control: "none"}, in)
	if report.Wanted != 3*4 || report.Shortfall != 4 || len(list) != 8 {
		t.Errorf("%d pairs, %+v: want 4 of each of two classes, none of the third", len(list), report.counts)
	}
	for _, p := range list {
		if f := p.Found[0]; f.Query() != f.Prompt || f.Modality != TextMatch {
			t.Errorf("found by %+v", f)
		}
	}
}

// TestQueriesAreWhatWasAsked: of every query, also of a synonym and of a mean, the prompt about the class is the string that was encoded.
func TestQueriesAreWhatWasAsked(t *testing.T) {
	names := [][]string{{"cat", "tabby"}, {"dog"}}
	rows := makeQueries(names, []string{"a {}", "the {} here"})
	var got []string
	for _, q := range rows {
		got = append(got, q.Query)
	}
	if want := []string{"a cat", "the cat here", "a tabby", "the tabby here", "a dog", "the dog here"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	vectors := []float32{1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0}
	mean, meta, means, err := meanQueries(rows, vectors)
	if err != nil {
		t.Fatal(err)
	}
	if len(mean) != 2 || len(meta) != 2 || mean[0].Query != "a cat | the cat here | a tabby | the tabby here" || means[0] != means[1] || means[2] != 1 {
		t.Errorf("means %+v %v", mean, means)
	}
	for _, q := range slices.Concat(rows, mean) {
		if f := (Found{Class: q.Class, Prompt: q.Prompt}); f.Query() != q.Query {
			t.Errorf("prompt %q of class %q stands for %q, and %q was encoded", q.Prompt, q.Class, f.Query(), q.Query)
		}
	}
}
