package train

import (
	"fmt"
	"slices"
	"testing"

	"react/ops/pairs"
)

func TestSamplerIsAPermutationEachEpochAndStartsAnywhere(t *testing.T) {
	const n, batch = 10, 4
	whole := make([]int, 5*n)
	newSampler(n, 7).batch(0, whole)
	for epoch := range 5 {
		seen := map[int]bool{}
		for _, i := range whole[epoch*n : (epoch+1)*n] {
			seen[i] = true
		}
		if len(seen) != n {
			t.Errorf("epoch %d: got %d different pairs, want %d", epoch, len(seen), n)
		}
	}
	orders := map[string]bool{}
	for epoch := range 5 {
		orders[fmt.Sprint(whole[epoch*n:(epoch+1)*n])] = true
	}
	other := make([]int, n)
	newSampler(n, 8).batch(0, other)
	if orders[fmt.Sprint(other)] = true; len(orders) != 6 {
		t.Errorf("%d different orders of 5 epochs and another seed, want 6", len(orders))
	}
	for first := 0; first+batch <= len(whole); first++ {
		got := make([]int, batch)
		newSampler(n, 7).batch(first, got)
		for i := range got {
			if got[i] != whole[first+i] {
				t.Fatalf("from %d: got %v, want %v", first, got, whole[first:first+batch])
			}
		}
	}
}

// TestOneCaptionOfEachImage: an epoch takes every image once, whichever batch it begins with; over
// epochs all captions come, and the seed decides which.
func TestOneCaptionOfEachImage(t *testing.T) {
	rows := []pairs.Pair{{SHA256: "a"}, {SHA256: "b"}, {SHA256: "a"}, {SHA256: "c"}, {SHA256: "a"}, {SHA256: "c"}}
	groups := byImage(rows)
	if len(groups) != 3 || len(groups[0]) != 3 || len(groups[1]) != 1 || len(groups[2]) != 2 {
		t.Fatalf("groups %v", groups)
	}
	const epochs = 40
	draw := func(seed uint64, first, n int) []int {
		out := make([]int, n)
		newSampler(len(groups), seed).batch(first, out)
		groups.choose(first, out, seed)
		return out
	}
	whole, seen := draw(7, 0, 3*epochs), map[int]int{}
	for epoch := range epochs {
		images := map[string]bool{}
		for _, pair := range whole[3*epoch : 3*epoch+3] {
			images[rows[pair].SHA256] = true
			seen[pair]++
		}
		if len(images) != 3 {
			t.Errorf("epoch %d: %v", epoch, whole[3*epoch:3*epoch+3])
		}
	}
	if len(seen) != len(rows) || seen[1] != epochs {
		t.Errorf("captions taken: %v", seen)
	}
	for first := range 20 {
		if got := draw(7, first, 5); !slices.Equal(got, whole[first:first+5]) {
			t.Errorf("from %d: got %v, want %v", first, got, whole[first:first+5])
		}
	}
	if slices.Equal(draw(8, 0, 60), whole[:60]) {
		t.Error("another seed gives the same captions")
	}
}
