package pairs

import (
	"math"
	"slices"
	"testing"

	"react/ops/embed"
	"react/ops/retrieve"
)

// TestReciprocalRanks works one query out by hand.
func TestReciprocalRanks(t *testing.T) {
	hits := func(modality string, rows ...int64) hitList {
		l := hitList{}
		for i, row := range rows {
			l.hits = append(l.hits, candidate{Hit: retrieve.Hit{Row: row, Rank: int32(i + 1), Modality: modality, Prompt: "a {}"}})
		}
		return l
	}
	m := &maker{p: Params{Fuse: "rrf", K: 3, Overfetch: 1}, classes: []string{"cat"}, queries: []embed.Query{{}}}
	lists, err := m.fuse([][]hitList{{hits("t2t", 10, 20, 30)}, {hits("t2i", 20, 40, 10)}})
	if err != nil {
		t.Fatal(err)
	}
	var rows []int64
	for _, h := range lists[0].hits {
		rows = append(rows, h.Row)
	}
	// 20: 1/62+1/61; 10: 1/61+1/63; 40: 1/62; 30: 1/63
	if want := []int64{20, 10, 40, 30}; !slices.Equal(rows, want) {
		t.Errorf("got %v, want %v", rows, want)
	}
	first := lists[0].hits[0]
	if math.Abs(float64(first.Score)-(1.0/62+1.0/61)) > 1e-7 || len(first.parts) != 2 || first.parts[1].Modality != "t2i" || first.parts[1].Rank != 1 {
		t.Errorf("got %+v", first)
	}
}
