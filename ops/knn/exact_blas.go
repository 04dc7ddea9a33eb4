package knn

import (
	"context"

	"react/ops/blas"
)

// exactRows and exactQueries are the rows and queries of one matrix product: 4 MiB of scores, which
// stay in the cache until they are looked at.
const (
	exactRows    = 1024
	exactQueries = 1024
)

// products compares by OpenBLAS: a matrix of scores for each tile, then a look at it.
type products struct {
	Exact
	queries []float32
	n, dim  int
	best    []best
	scores  []float32
}

func newProducts(x Exact, queries []float32, dim, k int) *products {
	s := &products{Exact: x, queries: queries, n: len(queries) / dim, dim: dim, scores: make([]float32, exactRows*exactQueries)}
	s.best = make([]best, s.n)
	for i := range s.best {
		s.best[i] = best{k: k, floor: lowest}
	}
	return s
}

func (s *products) hits() []best      { return s.best }
func (s *products) wantsHalves() bool { return false }
func (s *products) finish()           {}

func (s *products) compare(ctx context.Context, b block) error {
	if _, err := countRows(b.vectors, s.dim, "vector", int(b.start)); err != nil {
		return err
	}
	for r := 0; r < b.rows; r += exactRows {
		part := b.vectors[r*s.dim : min(r+exactRows, b.rows)*s.dim]
		for q := 0; q < s.n; q += exactQueries {
			if err := ctx.Err(); err != nil {
				return err
			}
			s.tile(q, min(exactQueries, s.n-q), b.start+int64(r), part)
		}
	}
	return nil
}

// tile is one product [queries, rows] and its look at the scores.
func (s *products) tile(q, n int, start int64, rows []float32) {
	numRows := len(rows) / s.dim
	product(s.queries[q*s.dim:(q+n)*s.dim], rows, s.scores[:n*numRows], s.dim)
	blas.Share(n, func(from, to int) {
		for i := from; i < to; i++ {
			s.best[q+i].take(s.scores[i*numRows:(i+1)*numRows], start, s.Subset)
		}
	})
}

// take notes what is over the floor.
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

// product writes the inner products of the rows of a [m, dim] and b [n, dim] to out [m, n].
func product(a, b, out []float32, dim int) {
	m, n := len(a)/dim, len(b)/dim
	blas.Times(blas.Matrix{Rows: m, Cols: n, Values: out[:m*n]}, 1, blas.Matrix{Rows: m, Cols: dim, Values: a}, blas.Matrix{Rows: n, Cols: dim, Values: b}, 0)
}
