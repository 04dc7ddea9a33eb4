package heap

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHeap holds the heap to a sorted list, with items whose order changes and that are taken out.
func TestHeap(t *testing.T) {
	type item struct{ order, at int }
	rng := rand.New(rand.NewPCG(1, 2))
	h := &Heap[*item]{Before: func(a, b *item) bool { return a.order < b.order }, Moved: func(x *item, at int) { x.at = at }}
	var all []*item
	for i := range 300 {
		all = append(all, &item{order: rng.IntN(1000)})
		h.Push(all[i])
	}
	for _, x := range all[:100] {
		x.order = rng.IntN(1000)
		h.Fix(x.at)
	}
	for _, x := range all[100:150] {
		h.Remove(x.at)
		if x.at != -1 {
			t.Fatalf("an item that was removed is at %d", x.at)
		}
	}
	var want []int
	for _, x := range slices.Concat(all[:100], all[150:]) {
		want = append(want, x.order)
	}
	slices.Sort(want)
	for i, order := range want {
		if first := h.First(); first != h.Pop() || first.order != order || first.at != -1 {
			t.Fatalf("item %d: got %+v, want %d", i, first, order)
		}
	}
	if h.Len() != 0 {
		t.Errorf("%d items are left", h.Len())
	}
}
