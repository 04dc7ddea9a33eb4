package knn

import (
	"context"
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
	for name, p := range map[string]Params{"flat": kinds["flat"], "ivf-flat": {Kind: "ivf-flat", Lists: 256, Probes: 16, TrainSize: 16384}} {
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
			a, b := inTurn(rounds, ours, theirs)
			n := float64(queries * (1 + 50/queries))
			peer.Record(t, peer.Row{Work: "search of 50,000 x 512, " + name + ", k 100, " + map[bool]string{true: "500 queries together", false: "one query at a time"}[queries > 1], Us: "ops/knn", Peer: "FAISS 1.7.3 in C",
				Ours: n / peer.Median(a), Theirs: n / peer.Median(b), Unit: "queries/s", Ratio: peer.Compare(a, b)})
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
// search of IndexFlatIP over the same vectors in memory, and beside the matrix
// product alone, which is all that it could be.
func TestExactAgainstFlat(t *testing.T) {
	rounds := peer.Rounds(t)
	const rows, dim, k, queries = 65_536, 512, 100, 1024
	vectors, q := units(1, rows, dim), units(2, queries, dim)
	dir := filepath.Join(t.TempDir(), "embeddings")
	w, err := embeddings.Create(dir, dim, embeddings.Options{Image: true, RowsPerFile: 30_000})
	if err == nil {
		err = w.Append(vectors, nil, make([]embeddings.Meta, rows))
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
	defer folder.Close()
	matrix, err := folder.Image()
	if err != nil {
		t.Fatal(err)
	}
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
	stream := timed(func() error { _, err := Exact{Source: matrix}.Search(context.Background(), q, k); return err })
	flat := timed(func() error {
		_, err := direct.Search(unsafe.Pointer(pointer(x.faiss)), q, queries, k)
		return err
	})
	scores := make([]float32, exactRows*exactQueries)
	bare := timed(func() error {
		for r := 0; r < rows; r += exactRows {
			for at := 0; at < queries; at += exactQueries {
				part := vectors[r*dim : min(r+exactRows, rows)*dim]
				product(q[at*dim:(at+exactQueries)*dim], part, scores[:exactQueries*len(part)/dim], dim)
			}
		}
		return nil
	})
	const flops = 2e-9 * rows * dim * queries
	record := func(name string, theirs func() float64) {
		a, b := inTurn(rounds, stream, theirs)
		peer.Record(t, peer.Row{Work: "exact search of 65,536 x 512, 1,024 queries, k 100", Us: "stream over npy of halves", Peer: name,
			Ours: flops / peer.Median(a), Theirs: flops / peer.Median(b), Unit: "GFLOP/s", Ratio: peer.Compare(a, b)})
	}
	record("IndexFlatIP in C, in memory", flat)
	record("the matrix product alone, in memory", bare)
}
