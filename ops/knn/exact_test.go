package knn

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKernels: the fused kernel finds what matrix products find, from float32 and
// from halves, for numbers of queries, rows, dimensions and hits that fill no panel.
func TestKernels(t *testing.T) {
	if !runsFused() {
		t.Skip("this processor has no AVX2 with FMA and F16C: matrix products serve")
	}
	ctx := context.Background()
	for _, c := range []struct{ rows, queries, dim, k int }{{9000, 1, 17, 3}, {5000, 7, 8, 700}, {100, 250, 33, 5}, {20, 13, 3, 30}, {8193, 31, 64, 1}} {
		vectors, queries := units(1, c.rows, c.dim), units(2, c.queries, c.dim)
		matrix := halves(t, vectors, c.dim)
		rounded := make([]float32, len(vectors)) // as halves have them
		if err := matrix.Block(0, c.rows, rounded); err != nil {
			t.Fatal(err)
		}
		for name, x := range map[string]Exact{"float32": {Source: memory{vectors: rounded, dim: c.dim}}, "halves": {Source: matrix}, "some rows": {Source: matrix, Subset: evens{}}} {
			want, err := x.search(ctx, newProducts(x, queries, c.dim, c.k), c.k)
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.search(ctx, newFused(x, queries, c.dim, c.k), c.k)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range want.Rows {
				if d := math.Abs(float64(got.Scores[i] - want.Scores[i])); d > 1e-5 || (row < 0) != (got.Rows[i] < 0) || row != got.Rows[i] && d == 0 && got.Scores[i] != want.Scores[i] {
					t.Fatalf("%+v, %s: hit %d is row %d at %v, want %d at %v", c, name, i, got.Rows[i], got.Scores[i], row, want.Scores[i])
				}
			}
		}
	}
}

// TestFusedScores: a score does not depend on what is computed beside it, and equal
// ones stand in the order of the rows.
func TestFusedScores(t *testing.T) {
	if !runsFused() {
		t.Skip("this processor has no AVX2 with FMA and F16C: matrix products serve")
	}
	const rows, dim, k = 6000, 40, 50
	vectors, queries := units(1, rows, dim), units(2, 40, dim)
	for r := 100; r < rows; r++ { // each vector comes sixty times
		copy(vectors[r*dim:(r+1)*dim], vectors[r%100*dim:])
	}
	x := Exact{Source: memory{vectors: vectors, dim: dim}}
	search := func(queries []float32) (Hits, error) {
		return x.search(context.Background(), newFused(x, queries, dim, k), k)
	}
	all, err := search(queries)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		one, err := search(queries[i*dim : (i+1)*dim])
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(one.Rows, all.Rows[i*k:(i+1)*k]) || !slices.Equal(one.Scores, all.Scores[i*k:(i+1)*k]) {
			t.Fatalf("query %d: %v alone, %v among others", i, one.Rows, all.Rows[i*k:(i+1)*k])
		}
		for j, row := range one.Rows {
			if row != one.Rows[0]+int64(100*j) {
				t.Fatalf("query %d: hit %d is row %d after %d", i, j, row, one.Rows[0])
			}
		}
	}
}

// TestNaNInHalves: the file and the row are named.
func TestNaNInHalves(t *testing.T) {
	matrix := halves(t, units(1, 300, 4), 4)
	// The writer refuses such values, so that one is put into the file.
	files, _ := filepath.Glob(filepath.Join(t.TempDir(), "..", "*", "embeddings", "img_emb", "*.npy"))
	if len(files) != 1 {
		t.Fatalf("files %v", files)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	at := len(raw) - 300*4*2 + (17*4+1)*2
	raw[at], raw[at+1] = 0, 0x7e
	if err := os.WriteFile(files[0], raw, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := (Exact{Source: matrix}).Search(context.Background(), units(2, 1, 4), 1); err == nil || !strings.Contains(err.Error(), "img_emb_0.npy: row 17: value 1 is NaN") {
		t.Errorf("got %v", err)
	}
}

// TestSelectBest against a sort.
func TestSelectBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		hits := make([]exactHit, 1+rng.IntN(60))
		for i := range hits {
			hits[i] = exactHit{row: int64(i), score: float32(rng.IntN(8))}
		}
		rng.Shuffle(len(hits), func(i, j int) { hits[i], hits[j] = hits[j], hits[i] })
		want := slices.SortedFunc(slices.Values(hits), compareHits)
		k := 1 + rng.IntN(len(hits))
		selectBest(hits, k)
		if hits[k-1] != want[k-1] {
			t.Fatalf("the best %d of %d end with %v, want %v", k, len(hits), hits[k-1], want[k-1])
		}
		slices.SortFunc(hits[:k], compareHits)
		if !slices.Equal(hits[:k], want[:k]) {
			t.Fatalf("the best %d of %d: %v, want %v", k, len(hits), hits[:k], want[:k])
		}
	}
}

// TestExactTiesAreInTheOrderOfRows: captions repeat, and of equal vectors the first rows of the
// pool are found.
func TestExactTiesAreInTheOrderOfRows(t *testing.T) {
	const n, k = 300, 7
	vectors := make([]float32, 2*n)
	for i := range n {
		vectors[2*i] = 1
	}
	got, err := Exact{Source: memory{vectors: vectors, dim: 2}}.Search(context.Background(), []float32{1, 0}, k)
	if want := []int64{0, 1, 2, 3, 4, 5, 6}; err != nil || !slices.Equal(got.Rows, want) {
		t.Errorf("got rows %v, %v, want %v", got.Rows, err, want)
	}
}

// TestMergedTiesAreInTheOrderOfShards, with hits that are missing after those that are there.
func TestMergedTiesAreInTheOrderOfShards(t *testing.T) {
	none := float32(math.Inf(-1))
	a := Hits{K: 3, Rows: []int64{0, 2, -1}, Scores: []float32{0.9, 0.5, none}}
	b := Hits{K: 3, Rows: []int64{10, 11, -1}, Scores: []float32{0.9, 0.5, none}}
	if got, want := mergeHits(a, b).Rows, []int64{0, 10, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := mergeHits(Hits{K: 3, Rows: []int64{-1, -1, -1}, Scores: []float32{none, none, none}}, b).Rows, []int64{10, 11, -1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
