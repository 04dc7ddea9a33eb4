package retrieve

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNameMatcherIsAWholeWordSearch: what is found word by word is what a pattern for each name
// finds.
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
		for _, m := range NewNameMatcher(names).Match(caption) {
			got = append(got, m.Class)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("names %q in %q: got %v, want %v", names, caption, got, want)
		}
	}
}

func TestTheShortestCaptionWithTheNameIsBest(t *testing.T) {
	m := NewNameMatcher([][]string{{"cat", "tabby cat"}, {"dog"}})
	for _, c := range []struct {
		caption string
		name    int
		score   float32
	}{{"cat", 0, 1}, {"A Cat, outside", 0, 1.0 / 3}, {"tabby cat outside", 1, 2.0 / 3}, {"cat and tabby cat", 1, 0.5}} {
		got := m.Match(c.caption)
		if len(got) != 1 || got[0].Class != 0 || got[0].name != c.name || got[0].score != c.score {
			t.Errorf("%q: got %+v, want name %d with %v", c.caption, got, c.name, c.score)
		}
	}
}
