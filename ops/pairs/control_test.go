package pairs

import (
	"fmt"
	"slices"
	"testing"

	"react/data/embeddings"
	"react/ops/retrieve"
)

func TestCaptionMatchIsByWholeWords(t *testing.T) {
	match := captionMatcher([]string{"Cat", "red car", "C++"})
	for _, c := range []struct {
		caption string
		want    []int
	}{
		{"a CAT on a mat", []int{0}},
		{"concatenate", nil},
		{"a red carpet", nil},
		{"red car, cat", []int{0, 1}},
		{"learn c++.", []int{2}},
	} {
		if got := match(embeddings.Meta{Caption: c.caption}); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%q: got %v, want %v", c.caption, got, c.want)
		}
	}
}

// TestPairsPerClassBreakTiesByRow: captions repeat, and the hits of a class's prompts with one
// score stand in the order of the pool.
func TestPairsPerClassBreakTiesByRow(t *testing.T) {
	hit := func(row int64, score float32) candidate { return candidate{Hit: retrieve.Hit{Row: row, Score: score}} }
	lists := mergeClasses([]hitList{{hits: []candidate{hit(9, 0.5), hit(4, 0.5), hit(2, 0.1)}}, {hits: []candidate{hit(7, 0.5), hit(2, 0.9)}}}, 3)
	var rows []int64
	for _, h := range lists[0].hits {
		rows = append(rows, h.Row)
	}
	if want := []int64{2, 4, 7}; len(lists) != 1 || !slices.Equal(rows, want) {
		t.Errorf("got rows %v, want %v: each with its best score, equal scores in the order of the pool, cut at 3", rows, want)
	}
}

// TestCausesOfAShortfall: rows that were passed over are named by their number, a small pool only
// where those do not make up for what is missing.
func TestCausesOfAShortfall(t *testing.T) {
	for want, c := range map[string]counts{
		"k times queries is much for so small a pool":                                               {Shortfall: 6},
		"passed over were 29 rows in an evaluation set":                                             {Shortfall: 6, Leaks: 29},
		"passed over were 2 hits without an image, and k times queries is much for so small a pool": {Shortfall: 6, NoImage: 2},
	} {
		if got := c.causes(); got != want {
			t.Errorf("%+v: got %q, want %q", c, got, want)
		}
	}
}
