package retrieve

import (
	"testing"

	"react/data/embeddings"
	"react/ops/internal/optest"
)

// TestShortListsHoldNoOtherRow: where an index finds fewer rows than were asked for it says -1,
// which is no row: not the last one either.
func TestShortListsHoldNoOtherRow(t *testing.T) {
	vectors := []float32{1, 0, 0.8, 0.6, 0, 1}
	folder := optest.WriteFolder(t, 2, vectors, make([]embeddings.Meta, 3))
	f, err := embeddings.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := f.Text()
	if err != nil {
		t.Fatal(err)
	}
	s := &searcher{matrix: m, dim: 2, depth: 3, maxK: 3, scratch: make([]float32, 2)}
	list, err := s.rescore([]float32{1, 0}, []int64{1, -1, -1})
	if err != nil || len(list) != 1 || list[0].row != 1 {
		t.Errorf("got %+v, %v, want row 1 alone", list, err)
	}
	if !s.settled(list, []int64{1, -1, -1}) {
		t.Error("a search that found all there is goes on")
	}
}

// TestACutThroughEqualScoresIsNotSettled: which rows of a group of equal scores a search gives
// depends on its depth.
func TestACutThroughEqualScoresIsNotSettled(t *testing.T) {
	s := &searcher{depth: 2}
	list := func(scores ...float32) []scored {
		var out []scored
		for i, v := range scores {
			out = append(out, scored{int64(i), v})
		}
		return out
	}
	for _, c := range []struct {
		scores []float32
		want   bool
	}{
		{[]float32{0.9, 0.8, 0.7}, true},
		{[]float32{0.9, 0.8, 0.8}, false},
		{[]float32{0.9, 0.8, 0.8 - TieMargin/4}, false},
		{[]float32{0.9}, false},
	} {
		if got := s.settled(list(c.scores...), []int64{0, 1, 2}); got != c.want {
			t.Errorf("scores %v at depth 2: settled %v, want %v", c.scores, got, c.want)
		}
	}
}
