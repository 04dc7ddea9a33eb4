package knn

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// evens is a Subset.
type evens struct{}

func (evens) Has(row int64) bool { return row%2 == 0 }

func TestExactAgreesWithTripleLoop(t *testing.T) {
	for _, shape := range []struct{ rows, queries, dim, k int }{{8300, 4, 8, 10}, {500, 3, 7, 1}, {60, 1030, 3, 20}, {1100, 1, 16, 100}} {
		src, queries := memory{vectors: units(1, shape.rows, shape.dim), dim: shape.dim}, units(2, shape.queries, shape.dim)
		want := obvious(src.vectors, queries, shape.dim, shape.k)
		done := int64(0)
		got, err := Exact{Source: src, Progress: func(rows int64) { done = rows }}.Search(context.Background(), queries, shape.k)
		if err != nil || done != int64(shape.rows) {
			t.Fatalf("%v: %v, progress %d", shape, err, done)
		}
		for i := range want.Rows {
			if got.Rows[i] != want.Rows[i] && math.Abs(float64(got.Scores[i]-want.Scores[i])) > 1e-5 {
				t.Fatalf("%v: hit %d is row %d at %v, want row %d at %v", shape, i, got.Rows[i], got.Scores[i], want.Rows[i], want.Scores[i])
			}
		}
	}
}

func TestExactSkipsRowsAndPads(t *testing.T) {
	src := memory{vectors: units(1, 21, 4), dim: 4}
	got, err := Exact{Source: src, Subset: evens{}}.Search(context.Background(), units(2, 2, 4), 15)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range got.Rows {
		if found := i%15 < 11; found != (row >= 0) || row > 0 && row%2 != 0 {
			t.Errorf("hit %d of 15 among 11 rows is row %d", i%15, row)
		}
	}
}

func TestExactGuards(t *testing.T) {
	src := memory{vectors: units(1, 30, 4), dim: 4}
	nan := units(1, 30, 4)
	nan[4*17] = float32(math.NaN())
	fire := errors.New("disk on fire")
	for name, c := range map[string]struct {
		src     Source
		queries []float32
		k       int
		want    string
	}{
		"NaN query": {src, nan[4*17 : 4*18], 1, "query 0: component 0 is NaN"},
		"NaN row":   {memory{vectors: nan, dim: 4}, units(2, 1, 4), 1, "vector 17: component 0 is NaN"},
		"other dim": {src, units(2, 1, 3), 1, "3 numbers are no whole number of vectors of 4"},
		"k 0":       {src, units(2, 1, 4), 0, "k 0"},
		"nothing":   {src, nil, 1, "no queries"},
		"source":    {memory{vectors: units(1, 30, 4), dim: 4, err: fire}, units(2, 1, 4), 1, "disk on fire"},
	} {
		if _, err := (Exact{Source: c.src}).Search(context.Background(), c.queries, c.k); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Exact{Source: src}).Search(ctx, units(2, 1, 4), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestCodedKinds: codes keep most of the neighbours, the same ones in every build, also through a
// file whose lists are mapped.
func TestCodedKinds(t *testing.T) {
	const rows, dim, k = 500, 8, 5
	vectors, queries := units(1, rows, dim), units(2, 20, dim)
	truth := obvious(vectors, queries, dim, k)
	for name, p := range coded {
		x := build(t, p, vectors, dim)
		got := search(t, x, queries, 5*k)
		if recall := overlap(truth, got); recall < 0.6 {
			t.Errorf("%s: %.2f of the %d nearest are among %d found", name, recall, k, 5*k)
		}
		if name == "ivf-pq" {
			again := search(t, build(t, p, vectors, dim), queries, 5*k)
			if !slices.Equal(got.Rows, again.Rows) {
				t.Errorf("%s: hits differ between two builds", name)
			}
		}
		path := filepath.Join(t.TempDir(), "x.index")
		if err := x.Save(path); err != nil {
			t.Fatal(err)
		}
		for _, mapFrom := range []int64{0, math.MaxInt64} {
			y, err := open(path, p, mapFrom)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if found := search(t, y, queries, 5*k); !slices.Equal(found.Rows, got.Rows) {
				t.Errorf("%s, mapped from %d bytes: other hits than in memory", name, mapFrom)
			}
			y.Close()
		}
	}
}

// overlap is the mean share of the truth among what was found.
func overlap(truth, found Hits) float64 {
	n := 0
	for q := range len(truth.Rows) / truth.K {
		for _, row := range truth.Rows[q*truth.K : (q+1)*truth.K] {
			if slices.Contains(found.Rows[q*found.K:(q+1)*found.K], row) {
				n++
			}
		}
	}
	return float64(n) / float64(len(truth.Rows))
}

func TestKindGuards(t *testing.T) {
	src := memory{vectors: units(1, 500, 16), dim: 16}
	for name, c := range map[string]struct {
		p    Params
		want string
	}{
		"no code":           {Params{Kind: "ivf-pq", NList: 2, NProbe: 1, TrainSize: 400}, "code 0 is not in 1.."},
		"code no divisor":   {Params{Kind: "ivf-pq", NList: 2, NProbe: 1, TrainSize: 400, Code: 5}, "code 5 does not divide the embedding's length 16"},
		"few for codes":     {Params{Kind: "ivf-pq", NList: 2, NProbe: 1, TrainSize: 100, Code: 4}, "codes need 256 rows to train on, and trainSize is 100"},
		"no factory":        {Params{Kind: "factory"}, "no factory string"},
		"unknown factory":   {Params{Kind: "factory", Factory: "IFV4,Flat", TrainSize: 9}, "it does not know the name IFV4,Flat"},
		"factory, probes":   {Params{Kind: "factory", Factory: "IVF4,Flat", TrainSize: 100}, "IVF4,Flat is searched with nprobe, which is 0"},
		"factory, efSearch": {Params{Kind: "factory", Factory: "HNSW8"}, "HNSW8 is searched with efSearch, which is 0"},
		"factory, train":    {Params{Kind: "factory", Factory: "IVF4,Flat", NProbe: 1}, "trainSize is not set"},
		"auto":              {Params{Kind: "auto"}, "auto is resolved before"},
	} {
		if x, err := Build(context.Background(), src, c.p, nil); err == nil || !strings.Contains(err.Error(), c.want) || x != nil {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestSearchParameterCanChange(t *testing.T) {
	const dim = 16
	vectors, queries := units(1, 400, dim), units(2, 20, dim)
	truth := obvious(vectors, queries, dim, 10)
	x := build(t, Params{Kind: "ivf-flat", NList: 16, NProbe: 1, TrainSize: 400}, vectors, dim)
	before := 0.0
	for _, probes := range []int{1, 4, 16} {
		if err := x.SetSearch(probes); err != nil {
			t.Fatal(err)
		}
		recall := overlap(truth, search(t, x, queries, 10))
		if recall <= before || x.Params().NProbe != probes {
			t.Errorf("probes %d: recall %.3f after %.3f", probes, recall, before)
		}
		before = recall
	}
	if before != 1 {
		t.Errorf("all cells: recall %.3f, want 1", before)
	}
	if err := x.SetSearch(0); err == nil {
		t.Error("probes 0 is taken")
	}
	if err := build(t, kinds["flat"], vectors, dim).SetSearch(3); err == nil {
		t.Error("flat takes a parameter of search")
	}
}

func TestAuto(t *testing.T) {
	for _, c := range []struct {
		rows   int64
		each   int64
		dim    int
		memory float64
		want   Params
		says   string
	}{
		{1000, 0, 512, 1, Params{Kind: "flat"}, "searched exactly"},
		{500_000, 0, 512, 4, Params{Kind: "ivf-flat", NList: 2048, NProbe: 128, TrainSize: 131072}, "take 0.957 GiB of 4 GiB"},
		{3_000_000, 0, 512, 4, Params{Kind: "opq-ivf-pq", NList: 16384, NProbe: 1024, TrainSize: 1048576, Code: 256}, "in codes they take 0.738 GiB"},
		{3_000_000, 0, 512, 4, Params{Kind: "opq-ivf-pq", NList: 16384, NProbe: 1024, TrainSize: 1048576, Code: 256}, "(shardRows: 2088991 would keep them whole, a shard at a time)"},
		{3_000_000, 2_000_000, 512, 4, Params{Kind: "ivf-flat", NList: 16384, NProbe: 1024, TrainSize: 1048576}, "2000000 of 3000000 rows, a shard, whole take 3.83 GiB of 4 GiB"},
		{3_000_000, 5_000_000, 512, 8, Params{Kind: "ivf-flat", NList: 16384, NProbe: 1024, TrainSize: 1048576}, "cells: 3000000 rows whole"},
		{407_000_000, 0, 512, 16, Params{Kind: "opq-ivf-pq", NList: 131072, NProbe: 8192, TrainSize: 8388608, Code: 32}, "codes of 32 bytes"},
	} {
		p, why, err := Auto(Params{Kind: "auto", MemoryGiB: c.memory}, c.rows, c.each, c.dim)
		if err != nil || p != c.want || !strings.Contains(why, c.says) {
			t.Errorf("%d rows in %g GiB: got %+v, %q, %v; want %+v", c.rows, c.memory, p, why, err, c.want)
		}
		if err := p.Validate(); err != nil {
			t.Errorf("%d rows: %v", c.rows, err)
		}
	}
	if _, _, err := Auto(Params{MemoryGiB: 4}, 407_000_000, 0, 512); err == nil || !strings.Contains(err.Error(), "in codes of 4 bytes take 4.55 GiB, and memoryGiB is 4 (shards: index.shardRows up to 357913941)") {
		t.Errorf("got %v, want what would fit", err)
	}
}
