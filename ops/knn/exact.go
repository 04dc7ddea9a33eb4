package knn

/*
// Of OpenBLAS, which FAISS is linked with.
void cblas_sgemm(int order, int transA, int transB, int m, int n, int k, float alpha, const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc);
enum { row_major = 101, no_trans = 111, trans = 112 };
*/
import "C"

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
)

// Subset says which rows may be found; *pool.Rows is one.
type Subset interface{ Has(row int64) bool }

// exactRows and exactQueries are the rows and queries of one matrix product: 4 MiB of scores, which stay in the cache until they are looked at.
const (
	exactRows    = 1024
	exactQueries = 1024
	readRows     = 8 * exactRows // read together, while those before are searched
)

// Exact searches a source without an index.
type Exact struct {
	Source   Source
	Subset   Subset           // nil is all rows
	Progress func(rows int64) // of the pass; may be nil
}

// Search streams all rows by once and gives the k best of each query: what a flat index gives, in memory for two blocks of rows, the queries and
// their hits, whatever the number of rows. Of rows with equal scores the first come first, but scores are sums in the order of a matrix product,
// whose last bits depend on the shape of the blocks. Fewer than k rows are padded with -1.
func (x Exact) Search(ctx context.Context, queries []float32, k int) (Hits, error) {
	dim := x.Source.Dim()
	n, err := countRows(queries, dim, "query", 0)
	if err != nil {
		return Hits{}, err
	}
	if n == 0 {
		return Hits{}, errors.New("no queries")
	}
	if k <= 0 || k > maxHits/n {
		return Hits{}, fmt.Errorf("k %d is not in 1..%d for %d queries", k, maxHits/n, n)
	}
	s := exactSearch{Exact: x, queries: queries, n: n, dim: dim, best: make([]best, n), scores: make([]float32, exactRows*exactQueries)}
	for i := range s.best {
		s.best[i] = best{k: k, floor: float32(math.Inf(-1))}
	}
	if err := s.stream(ctx); err != nil {
		return Hits{}, err
	}
	return s.hits(k), nil
}

type exactSearch struct {
	Exact
	queries []float32
	n, dim  int
	best    []best
	scores  []float32
}

// stream reads blocks of rows ahead of the products.
func (s *exactSearch) stream(ctx context.Context) error {
	rows := s.Source.Rows()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type block struct {
		start   int64
		vectors []float32
		err     error
	}
	blocks, free := make(chan block), make(chan []float32, 2)
	for range 2 {
		free <- make([]float32, min(rows, readRows)*int64(s.dim))
	}
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	reader.Go(func() {
		defer close(blocks)
		for start := int64(0); start < rows; start += readRows {
			var buffer []float32
			select {
			case buffer = <-free:
			case <-ctx.Done():
				return
			}
			n := min(readRows, rows-start)
			b := block{start: start, vectors: buffer[:n*int64(s.dim)]}
			b.err = s.Source.Block(start, int(n), b.vectors)
			select {
			case blocks <- b:
			case <-ctx.Done():
				return
			}
		}
	})
	for b := range blocks {
		if b.err != nil {
			return b.err
		}
		if _, err := countRows(b.vectors, s.dim, "vector", int(b.start)); err != nil {
			return err
		}
		if err := s.block(ctx, b.start, b.vectors); err != nil {
			return err
		}
		if s.Progress != nil {
			s.Progress(b.start + int64(len(b.vectors)/s.dim))
		}
		free <- b.vectors[:cap(b.vectors)]
	}
	return ctx.Err()
}

// block compares some rows with all queries.
func (s *exactSearch) block(ctx context.Context, start int64, vectors []float32) error {
	for r := 0; r*s.dim < len(vectors); r += exactRows {
		part := vectors[r*s.dim : min((r+exactRows)*s.dim, len(vectors))]
		for q := 0; q < s.n; q += exactQueries {
			if err := ctx.Err(); err != nil {
				return err
			}
			s.tile(q, min(exactQueries, s.n-q), start+int64(r), part)
		}
	}
	return nil
}

// tile is one product [queries, rows] and its look at the scores.
func (s *exactSearch) tile(q, n int, start int64, rows []float32) {
	numRows := len(rows) / s.dim
	product(s.queries[q*s.dim:(q+n)*s.dim], rows, s.scores[:n*numRows], s.dim)
	workers := min(runtime.GOMAXPROCS(0), n)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w * n / workers; i < (w+1)*n/workers; i++ {
				s.best[q+i].take(s.scores[i*numRows:(i+1)*numRows], start, s.Subset)
			}
		})
	}
	group.Wait()
}

// product writes the inner products of the rows of a [m, dim] and b [n, dim] to out [m, n].
func product(a, b, out []float32, dim int) {
	m, n := C.int(len(a)/dim), C.int(len(b)/dim)
	d := C.int(dim)
	C.cblas_sgemm(C.row_major, C.no_trans, C.trans, m, n, d, 1, (*C.float)(&a[0]), d, (*C.float)(&b[0]), d, 0, (*C.float)(&out[0]), n)
}

// best keeps the k best hits of a query: it collects up to 2k and then throws the worse half away.
type best struct {
	k     int
	floor float32 // the k-th best score seen, once there are k
	found []exactHit
}

type exactHit struct {
	row   int64
	score float32
}

func (b *best) take(scores []float32, start int64, in Subset) {
	for i, score := range scores {
		if score <= b.floor || in != nil && !in.Has(start+int64(i)) {
			continue
		}
		if b.found = append(b.found, exactHit{start + int64(i), score}); len(b.found) >= 2*b.k+64 {
			b.trim()
		}
	}
}

func (b *best) trim() {
	slices.SortFunc(b.found, func(x, y exactHit) int { return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(x.row, y.row)) })
	if len(b.found) >= b.k {
		b.found = b.found[:b.k]
		b.floor = b.found[b.k-1].score
	}
}

func (s *exactSearch) hits(k int) Hits {
	out := Hits{K: k, Rows: make([]int64, s.n*k), Scores: make([]float32, s.n*k)}
	for i := range s.best {
		s.best[i].trim()
		for j := range k {
			if j < len(s.best[i].found) {
				out.Rows[i*k+j], out.Scores[i*k+j] = s.best[i].found[j].row, s.best[i].found[j].score
			} else {
				out.Rows[i*k+j] = -1
			}
		}
	}
	return out
}
