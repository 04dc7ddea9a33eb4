package knn

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"react/data/embeddings"
	"react/data/peer"
	"react/ops/knn/internal/direct"
)

// TestMain starts the measurements once more with the settings that BLAS and
// OpenMP read only at start, as the program starts itself.
func TestMain(m *testing.M) {
	if env := StartupEnv(); os.Getenv("PEER_ROUNDS") != "" && os.Getenv("KNN_RESTARTED") == "" && len(env) > 0 {
		if program, err := os.Executable(); err == nil {
			syscall.Exec(program, os.Args, append(append(os.Environ(), env...), "KNN_RESTARTED=1"))
		}
	}
	os.Exit(m.Run())
}

// TestSearchAgainstC measures Search beside the same search called in C on the
// same index, for a batch of queries and for one query.
func TestSearchAgainstC(t *testing.T) {
	rounds := peer.Rounds(t)
	const rows, dim, k = 50_000, 512, 100
	vectors := units(1, rows, dim)
	for name, p := range map[string]Params{"flat": kinds["flat"], "ivf-flat": {Kind: "ivf-flat", NList: 256, NProbe: 16, TrainSize: 16384}} {
		x := build(t, p, vectors, dim)
		for _, queries := range []int{500, 1} {
			q := units(2, queries, dim)
			ours := func() float64 {
				start := time.Now()
				for range 1 + 50/queries {
					if _, err := x.Search(context.Background(), q, k); err != nil {
						t.Fatal(err)
					}
				}
				return time.Since(start).Seconds()
			}
			theirs := func() float64 {
				var sum time.Duration
				for range 1 + 50/queries {
					d, err := direct.Search(unsafe.Pointer(pointer(x.faiss)), q, queries, k)
					if err != nil {
						t.Fatal(err)
					}
					sum += d
				}
				return sum.Seconds()
			}
			a, b := inTurn(4*rounds, ours, theirs) // short ones: more of them
			ratio := peer.Compare(a, b)
			n := float64(queries * (1 + 50/queries))
			peer.Record(t, peer.Row{Work: "search of 50,000 x 512, " + name + ", k 100, " + map[bool]string{true: "500 queries together", false: "one query at a time"}[queries > 1], Us: "ops/knn", Peer: "FAISS 1.7.3 in C",
				Ours: n / peer.Median(a), Theirs: n / peer.Median(b), Unit: "queries/s", Ratio: ratio, Target: peer.AtMost(1/ratio.Low, 1.03, "upper end of time against C")})
		}
	}
}

// inTurn runs both once to warm up, then in rounds, each in the other order than
// the one before: seconds of each.
func inTurn(rounds int, ours, theirs func() float64) (a, b []float64) {
	ours()
	theirs()
	for i := range rounds {
		if i%2 == 0 {
			a = append(a, ours())
			b = append(b, theirs())
		} else {
			b = append(b, theirs())
			a = append(a, ours())
		}
	}
	return a, b
}

// TestExactAgainstFlat measures an exact pass over npy files of halves beside a
// search of IndexFlatIP over the same vectors in memory, for many queries, for more
// hits, and for so few queries that FAISS takes them one by one; beside the matrix
// product alone, which is all that it could be; and what its parts take.
func TestExactAgainstFlat(t *testing.T) {
	rounds := peer.Rounds(t)
	const rows, dim, queries = 65_536, 512, 1024
	vectors, q := units(1, rows, dim), units(2, queries, dim)
	matrix := halves(t, vectors, dim)
	x := build(t, Params{Kind: "flat"}, vectors, dim)
	timed := func(fn func() error) func() float64 {
		return func() float64 {
			start := time.Now()
			if err := fn(); err != nil {
				t.Fatal(err)
			}
			return time.Since(start).Seconds()
		}
	}
	record := func(n, k int, name string, ours, theirs func() float64, least float64) {
		a, b := inTurn(rounds, ours, theirs)
		flops, ratio := 2e-9*rows*dim*float64(n), peer.Compare(a, b)
		row := peer.Row{Work: fmt.Sprintf("exact search of 65,536 x 512, %d queries, k %d", n, k), Us: "stream over npy of halves", Peer: name,
			Ours: flops / peer.Median(a), Theirs: flops / peer.Median(b), Unit: "GFLOP/s", Ratio: ratio}
		if least > 0 {
			row.Target = peer.AtLeast(ratio.Mean, least, "")
		}
		peer.Record(t, row)
	}
	for _, c := range []struct{ n, k int }{{queries, 100}, {queries, 1000}, {16, 100}} {
		stream := timed(func() error {
			_, err := Exact{Source: matrix}.Search(context.Background(), q[:c.n*dim], c.k)
			return err
		})
		flat := timed(func() error {
			_, err := direct.Search(unsafe.Pointer(pointer(x.faiss)), q[:c.n*dim], c.n, c.k)
			return err
		})
		record(c.n, c.k, "IndexFlatIP in C, in memory", stream, flat, 2)
		if c.n == queries && c.k == 100 {
			scores := make([]float32, exactRows*exactQueries)
			record(c.n, c.k, "the matrix product alone, in memory", stream, timed(func() error {
				for r := 0; r < rows; r += exactRows {
					product(q, vectors[r*dim:(r+exactRows)*dim], scores, dim)
				}
				return nil
			}), 0)
			recordParts(t, rounds, Exact{Source: matrix}, q, dim, c.k)
		}
	}
}

// recordParts says what of a pass is reading and laying out rows, and what choosing
// the best: what is left when no score is over a floor.
func recordParts(t *testing.T, rounds int, x Exact, q []float32, dim, k int) {
	if !fusedKernel() {
		return
	}
	ctx := context.Background()
	var all, without, packing []float64
	seconds := func(to *[]float64, fn func() error) {
		start := time.Now()
		if err := fn(); err != nil {
			t.Fatal(err)
		}
		*to = append(*to, time.Since(start).Seconds())
	}
	for range rounds {
		seconds(&all, func() error { _, err := x.Search(ctx, q, k); return err })
		seconds(&without, func() error {
			f := newFused(x, q, dim, k)
			for i := range f.floors {
				f.floors[i] = float32(math.Inf(1))
			}
			_, err := x.search(ctx, f, k)
			return err
		})
		seconds(&packing, func() error {
			f := &fused{Exact: x, dim: dim, ids: make([]int64, readRows)}
			var b block
			for b.start = 0; b.start < x.Source.Rows(); b.start += readRows {
				b.rows = int(min(readRows, x.Source.Rows()-b.start))
				if err := x.read(&b, true); err != nil {
					return err
				}
				f.choose(&b)
				for at := 0; at < b.rows; at += packedRows {
					f.pack(&f.packed[0], b, at, min(packedRows, b.rows-at))
				}
			}
			return nil
		})
	}
	whole := peer.Median(all)
	for part, took := range map[string]float64{"reading halves and laying them out": peer.Median(packing), "choosing the best": max(0, whole-peer.Median(without))} {
		peer.Record(t, peer.Row{Work: "exact search, a part of it: " + part, Us: "stream over npy of halves", Peer: "the whole", Ours: 1000 * took, Theirs: 1000 * whole, Unit: "ms"})
	}
}

// halves writes vectors as npy files and opens them.
func halves(t *testing.T, vectors []float32, dim int) *embeddings.Matrix {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "embeddings")
	w, err := embeddings.Create(dir, dim, embeddings.Options{Image: true, RowsPerFile: 30_000})
	if err == nil {
		err = w.Append(vectors, nil, make([]embeddings.Meta, len(vectors)/dim))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	folder, err := embeddings.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	matrix, err := folder.Image()
	if err != nil {
		t.Fatal(err)
	}
	return matrix
}
