package pairs

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"react/data/embeddings"
	"react/ops/internal/optest"
)

// TestNearCosineDoesNotChain: a row joins a row that stands for itself, so that steps that are each
// small do not make far images one.
func TestNearCosineDoesNotChain(t *testing.T) {
	const n, dim = 40, 16
	vectors := make([]float32, n*dim)
	meta := make([]embeddings.Meta, n)
	for i := range n { // a quarter circle in steps of 2.25 degrees
		a := float64(i) * math.Pi / 2 / n
		vectors[i*dim], vectors[i*dim+1] = float32(math.Cos(a)), float32(math.Sin(a))
		meta[i] = embeddings.Meta{Key: fmt.Sprint(i), URL: fmt.Sprint(i), Row: int64(i)}
	}
	folder, err := embeddings.Open(optest.WriteFolder(t, dim, vectors, meta))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	m := &maker{p: Params{NearCosine: math.Cos(5 * math.Pi / 180), Dedup: true}, folder: folder, images: &ImageProbe{ids: map[string]string{}},
		leaders: map[string]string{}, passed: map[int64]Passed{}, run: &optest.New(t, nil, nil).Run}
	byRow := map[int64]embeddings.Meta{}
	var rows []int64
	for i := range int64(n) {
		byRow[i], rows = meta[i], append(rows, i)
	}
	if err := m.screen(t.Context(), rows, byRow); err != nil {
		t.Fatal(err)
	}
	leads := 0
	for i := range int64(n) {
		if m.led(m.images.known(meta[i])) == m.images.known(meta[i]) {
			leads++
		}
	}
	if leads != 14 { // each stands for itself and two more: 0, 3, 6, ... 39
		t.Errorf("%d rows stand for themselves, want 14", leads)
	}
}

func TestHashTableFindsTheNearest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int{0, 1, 4, 9, 32} {
		table := newHashTable(most)
		var all []uint64
		for i := range 300 {
			h := rng.Uint64()
			if i%3 > 0 {
				h = all[rng.IntN(len(all))]
				for range rng.IntN(8) {
					h ^= 1 << rng.IntN(64)
				}
			}
			best, at := 65, -1
			for j, other := range all {
				if d := bits.OnesCount64(h ^ other); d < best {
					best, at = d, j
				}
			}
			of, differ, ok := table.nearest(h)
			if ok != (best <= most) || ok && (of != at || differ != best) {
				t.Fatalf("%d bits: got %d at %d, %v; want %d at %d", most, differ, of, ok, best, at)
			}
			table.add(h, i)
			all = append(all, h)
		}
	}
}
