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

// TestPairsPerClassBreakTiesByRow: captions repeat, and the hits of a class's prompts with one score stand in the order of the pool.
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
