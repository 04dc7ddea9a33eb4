package knn

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// shardsOf builds shards of each rows and opens them.
func shardsOf(t *testing.T, p Params, vectors []float32, dim int, each int64) []*Index {
	t.Helper()
	x, err := openShards(sharded(t, p, vectors, dim, each), "text", Params{}, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x.kept
}

// TestShardsAreTheWhole: searched together, and merged, shards find what one index of all rows finds.
func TestShardsAreTheWhole(t *testing.T) {
	const n, dim, k = 500, 16, 10
	vectors, queries := units(1, n, dim), units(2, 30, dim)
	for name, p := range map[string]Params{"flat": {Kind: "flat"}, "ivf-flat": kinds["ivf-flat"]} {
		want := search(t, build(t, p, vectors, dim), queries, k)
		shards := shardsOf(t, p, vectors, dim, 180)
		if len(shards) != 3 || shards[2].Len() != 140 {
			t.Fatalf("%s: %d shards, the last of %d", name, len(shards), shards[len(shards)-1].Len())
		}
		together, err := Together(shards)
		if err != nil {
			t.Fatal(err)
		}
		got, err := together.Search(context.Background(), queries, k)
		if err != nil || together.Len() != n || !slices.Equal(got.Rows, want.Rows) {
			t.Errorf("%s together: %v; other rows than the whole", name, err)
		}
		if err := errors.Join(together.Close(), together.Close()); err != nil {
			t.Error(err)
		}
		if _, err := together.Search(context.Background(), queries, k); !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
		merged, err := Merge(shards)
		if name == "flat" {
			if err == nil || !strings.Contains(err.Error(), "index kind flat cannot be merged") {
				t.Errorf("flat: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := search(t, merged, queries, k); merged.Len() != n || !slices.Equal(got.Rows, want.Rows) {
			t.Errorf("%s merged: %d rows, others than the whole", name, merged.Len())
		}
	}
}

func TestReconstruct(t *testing.T) {
	const n, dim = 500, 16
	vectors := units(1, n, dim)
	row := make([]float32, dim)
	for name, p := range kinds {
		x := build(t, p, vectors, dim)
		for _, i := range []int64{0, 7, n - 1} {
			if err := x.Reconstruct(i, row); err != nil || !slices.Equal(row, vectors[int(i)*dim:(int(i)+1)*dim]) {
				t.Errorf("%s: row %d: %v, got %v", name, i, err, row)
			}
		}
		for _, i := range []int64{-1, n} {
			if err := x.Reconstruct(i, row); err == nil || !strings.Contains(err.Error(), "is not in 0..499") {
				t.Errorf("%s: row %d: %v", name, i, err)
			}
		}
		if err := x.Reconstruct(0, row[:3]); err == nil {
			t.Errorf("%s: room for 3 numbers is enough", name)
		}
	}
	coded := build(t, coded["ivf-pq"], vectors, dim)
	if err := coded.Reconstruct(3, row); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for d := range dim {
		sum += float64(row[d]) * float64(vectors[3*dim+d])
	}
	if sum < 0.7 || math.IsNaN(sum) {
		t.Errorf("a code stands for a vector whose inner product with the original is %.2f", sum)
	}
	coded.Close()
	if err := coded.Reconstruct(3, row); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestShardGuards(t *testing.T) {
	const dim = 16
	vectors := units(1, 500, dim)
	if _, err := Together(nil); err == nil {
		t.Error("no shards are searched together")
	}
	if _, err := Merge(nil); err == nil {
		t.Error("no shards are merged")
	}
	a, b := build(t, kinds["ivf-flat"], vectors, dim), build(t, Params{Kind: "ivf-flat", NList: 9, NProbe: 9, TrainSize: 400}, vectors, dim)
	if _, err := Merge([]*Index{a, b}); err == nil || !strings.Contains(err.Error(), "was not trained with the first") {
		t.Errorf("other cells: %v", err)
	}
	together, err := Together([]*Index{a})
	if err != nil {
		t.Fatal(err)
	}
	defer together.Close()
	nan := slices.Clone(vectors[:dim])
	nan[2] = float32(math.NaN())
	for name, search := range map[string]func() error{
		"NaN":    func() error { _, err := together.Search(context.Background(), nan, 3); return err },
		"k 0":    func() error { _, err := together.Search(context.Background(), vectors[:dim], 0); return err },
		"a rest": func() error { _, err := together.Search(context.Background(), vectors[:dim+1], 3); return err },
		"none":   func() error { _, err := together.Search(context.Background(), nil, 3); return err },
		"closed": func() error { a.Close(); _, err := together.Search(context.Background(), vectors[:dim], 3); return err },
	} {
		if name != "closed" && search() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	a.Close()
	if _, err := together.Search(context.Background(), vectors[:dim], 3); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed shard: %v", err)
	}
}
