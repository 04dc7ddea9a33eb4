package metric

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"react/ops/blas"
)

// whole makes a matrix of small whole numbers: products are exact, and many are equal.
func whole(rows, cols int, seed uint64) blas.Matrix {
	m := blas.New(rows, cols)
	rng := rand.New(rand.NewPCG(seed, 7))
	for i := range m.Values {
		m.Values[i] = float32(rng.IntN(5) - 2)
	}
	return m
}

// plainMatches sorts all similarities.
func plainMatches(a, b blas.Matrix, k int) [][]int {
	var out [][]int
	for i := range a.Rows {
		scores := make([]float32, b.Rows)
		order := make([]int, b.Rows)
		for j := range scores {
			order[j] = j
			for d, v := range a.Row(i) {
				scores[j] += v * b.Row(j)[d]
			}
		}
		slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(scores[y], scores[x]) })
		out = append(out, order[:min(k, len(order))])
	}
	return out
}

func TestTopMatches(t *testing.T) {
	for _, shape := range [][3]int{{1, 1, 1}, {7, 3, 5}, {30, 200, 10}, {matchRows + 9, 40, 3}, {5, matchCols + 33, 10}} {
		a, b := whole(shape[0], 6, 1), whole(shape[1], 6, 2)
		got := TopMatches(a, b, shape[2])
		if !slices.EqualFunc(got.Rows, plainMatches(a, b, shape[2]), slices.Equal) {
			t.Errorf("%v: rows differ", shape)
		}
		if !slices.EqualFunc(got.Cols, plainMatches(b, a, shape[2]), slices.Equal) {
			t.Errorf("%v: columns differ", shape)
		}
	}
}

// TestTopMatchesMemory: what is taken does not grow with the product of the rows, here 640 MB:
// 100,000 images with 500,000 captions fit beside their embeddings.
func TestTopMatchesMemory(t *testing.T) {
	a, b := whole(8_000, 4, 1), whole(20_000, 4, 2)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := TopMatches(a, b, 10)
	runtime.ReadMemStats(&after)
	if len(got.Rows) != a.Rows || len(got.Cols) != b.Rows {
		t.Fatalf("%d and %d lists", len(got.Rows), len(got.Cols))
	}
	// bytes: of a block, of a query's matches with their lists
	const block, each = 4 * matchRows * matchCols, 1000
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 2*block+uint64(each*(a.Rows+b.Rows)) {
		t.Errorf("%d bytes", taken)
	}
}

// BenchmarkTopMatches is MSCOCO's test split, both directions, of a model with 512 values. MB is
// what it takes beside the embeddings.
func BenchmarkTopMatches(b *testing.B) {
	const images, captions = 5_000, 25_000
	x, y := whole(images, 512, 1), whole(captions, 512, 2)
	b.Run(fmt.Sprintf("%dx%d", images, captions), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			TopMatches(x, y, 10)
		}
	})
	b.Run("product alone", func(b *testing.B) { // what no way of it can do without
		s := blas.New(matchRows, captions)
		for b.Loop() {
			for top := 0; top+matchRows <= images; top += matchRows {
				blas.Times(s, 1, x.Slice(top, top+matchRows), y, 0)
			}
		}
	})
}
