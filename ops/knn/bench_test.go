package knn

import (
	"context"
	"math"
	"testing"
	"time"
	"unsafe"

	"react/ops/knn/internal/direct"
)

// BenchmarkFlatAgainstC compares Search with the same search called in C on the same index, as 40
// pairs in one run, each in the other order than the one before. It reports the ratio of times
// (ours over C) with its 95 % interval.
func BenchmarkFlatAgainstC(b *testing.B) {
	const rows, queries, dim, k, pairs = 50_000, 500, 512, 100, 40
	x := build(b, kinds["flat"], units(1, rows, dim), dim)
	q := units(2, queries, dim)
	ours := func() time.Duration {
		start := time.Now()
		if _, err := x.Search(context.Background(), q, k); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	theirs := func() time.Duration {
		d, err := direct.Search(unsafe.Pointer(pointer(x.faiss)), q, queries, k)
		if err != nil {
			b.Fatal(err)
		}
		return d
	}
	ours()
	theirs()
	for b.Loop() {
		var logs []float64
		var total time.Duration
		for i := range pairs {
			var a, c time.Duration
			if i%2 == 0 {
				a, c = ours(), theirs()
			} else {
				c, a = theirs(), ours()
			}
			logs = append(logs, math.Log(float64(a)/float64(c)))
			total += a
		}
		mean, half := interval(logs)
		b.ReportMetric(math.Exp(mean), "ratio")
		b.ReportMetric(math.Exp(mean-half), "ratio-low")
		b.ReportMetric(math.Exp(mean+half), "ratio-high")
		b.ReportMetric(queries*pairs/total.Seconds(), "queries/s")
	}
}

// interval returns the mean and half of its 95 % interval (Student's t for 39 degrees of freedom).
func interval(values []float64) (mean, half float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	var sum float64
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return mean, 2.0227 * math.Sqrt(sum/(n-1)/n)
}

func BenchmarkSearch(b *testing.B) {
	const rows, queries, dim = 20_000, 200, 128
	vectors, q := units(1, rows, dim), units(2, queries, dim)
	for _, p := range []Params{
		{Kind: "flat"},
		{Kind: "hnsw", M: 32, EfConstruction: 40, EfSearch: 128},
		{Kind: "ivf-flat", NList: 64, NProbe: 16, TrainSize: 16384},
	} {
		b.Run(p.Kind, func(b *testing.B) {
			x := build(b, p, vectors, dim)
			for b.Loop() {
				search(b, x, q, 50)
			}
			b.ReportMetric(float64(queries*b.N)/b.Elapsed().Seconds(), "queries/s")
		})
	}
}
