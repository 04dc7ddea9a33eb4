package knn

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"react/ops/blas"
)

// Pair is two rows, A before B, and their inner product.
type Pair struct {
	A, B  int32
	Score float32
}

// Near finds the pairs of rows whose inner product is at least Threshold, as near duplicates of
// unit vectors are found.
type Near struct {
	Source    Source
	Threshold float32
	// 0 compares all rows with all; else an inverted file, which may miss some pairs
	Cells    int
	Probes   int              // with Cells: cells in which a row is looked for
	Seed     int64            // with Cells: of the sample that they are made of
	Progress func(rows int64) // may be nil
}

// exactNear is the number of rows up to which all are compared with all: half a minute for vectors
// of 512 on two cores.
const exactNear = 50_000

// maxNear bounds the pairs that are kept, 12 bytes each: more means that the threshold tells
// nothing apart.
const maxNear = 1 << 27

// NearDuplicates is a search with the usual parameters for so many rows: exact up to 50,000, then 4
// sqrt(rows) cells, 8 of them looked at.
func NearDuplicates(src Source, threshold float32) Near {
	n := Near{Source: src, Threshold: threshold}
	if rows := src.Rows(); rows > exactNear {
		n.Cells, n.Probes = int(4*math.Sqrt(float64(rows))), 8
	}
	return n
}

// Pairs gives the pairs by A, then B, each once. All vectors are in memory together. A pair is
// found if the cell that is nearest to one of them is among the Probes nearest of the other, so the
// nearer two rows are the less likely they are missed; the same pairs come out each time.
func (x Near) Pairs(ctx context.Context) ([]Pair, error) {
	rows, dim := x.Source.Rows(), x.Source.Dim()
	if rows > math.MaxInt32 || rows < 0 {
		return nil, fmt.Errorf("%d rows are too many to look for pairs among", rows)
	}
	if x.Cells > 0 && (x.Probes < 1 || x.Cells > int(rows)) {
		return nil, fmt.Errorf("%d cells and %d probes for %d rows", x.Cells, x.Probes, rows)
	}
	n := &nearSearch{Near: x, ctx: ctx, dim: dim, vectors: make([]float32, int(rows)*dim)}
	if rows < 2 {
		return nil, nil
	}
	if err := x.Source.Block(0, int(rows), n.vectors); err != nil {
		return nil, err
	}
	if _, err := countRows(n.vectors, dim, "vector", 0); err != nil {
		return nil, err
	}
	find := n.all
	if x.Cells > 0 {
		find = n.byCell
	}
	if err := find(); err != nil {
		return nil, err
	}
	slices.SortFunc(n.found, func(a, b Pair) int { return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B)) })
	return slices.CompactFunc(n.found, func(a, b Pair) bool { return a.A == b.A && a.B == b.B }), nil
}

type nearSearch struct {
	Near
	ctx     context.Context
	dim     int
	vectors []float32
	scores  []float32    // of one product
	blocks  [2][]float32 // room for the rows of one product
	found   []Pair
}

func (n *nearSearch) rows() int { return len(n.vectors) / n.dim }

func (n *nearSearch) progress(rows int) {
	if n.Progress != nil {
		n.Progress(int64(rows))
	}
}

// room gives scores for a product.
func (n *nearSearch) room(size int) []float32 {
	if size > cap(n.scores) {
		n.scores = make([]float32, size)
	}
	return n.scores[:size]
}

// all compares every row with every one after it.
func (n *nearSearch) all() error {
	for a := 0; a < n.rows(); a += exactQueries {
		to := min(a+exactQueries, n.rows())
		for b := a; b < n.rows(); b += exactRows {
			if err := n.ctx.Err(); err != nil {
				return err
			}
			end := min(b+exactRows, n.rows())
			scores := n.room((to - a) * (end - b))
			product(n.vectors[a*n.dim:to*n.dim], n.vectors[b*n.dim:end*n.dim], scores, n.dim)
			if err := n.collect(scores, end-b, func(i int) int32 { return int32(a + i) }, func(j int) int32 { return int32(b + j) }); err != nil {
				return err
			}
		}
		n.progress(to)
	}
	return nil
}

// collect keeps the scores [rows, width] that reach the threshold; of two rows the lower comes
// first, and a row is no pair with itself.
func (n *nearSearch) collect(scores []float32, width int, row, column func(int) int32) error {
	for at, score := range scores {
		if score < n.Threshold {
			continue
		}
		a, b := row(at/width), column(at%width)
		if a == b {
			continue
		}
		n.found = append(n.found, Pair{min(a, b), max(a, b), score})
	}
	if len(n.found) > maxNear {
		return fmt.Errorf("over %d pairs of rows are as near as %g: the threshold is too low for these vectors", maxNear, n.Threshold)
	}
	return nil
}

// byCell compares the rows of each cell with the rows that look into it.
func (n *nearSearch) byCell() error {
	centres, err := n.cluster()
	if err != nil {
		return err
	}
	visitors := make([][]int32, n.Cells) // those whose home it is come first
	home := make([]int, n.Cells)
	near, err := n.assign(n.vectors, centres, n.Probes)
	if err != nil {
		return err
	}
	for p := range n.Probes {
		for i := range n.rows() {
			c := near[i*n.Probes+p]
			visitors[c] = append(visitors[c], int32(i))
			if p == 0 {
				home[c]++
			}
		}
	}
	done := 0
	for c, of := range visitors {
		if err := n.cell(of, home[c]); err != nil {
			return err
		}
		done += home[c]
		n.progress(done)
	}
	return nil
}

// cell compares its rows, the first of those that look into it, with all of them.
func (n *nearSearch) cell(visitors []int32, home int) error {
	for a := 0; a < home; a += exactQueries {
		to := min(a+exactQueries, home)
		rows := n.gather(visitors[a:to], 0)
		for b := a; b < len(visitors); b += exactRows {
			if err := n.ctx.Err(); err != nil {
				return err
			}
			end := min(b+exactRows, len(visitors))
			scores := n.room((to - a) * (end - b))
			product(rows, n.gather(visitors[b:end], 1), scores, n.dim)
			if err := n.collect(scores, end-b, func(i int) int32 { return visitors[a+i] }, func(j int) int32 { return visitors[b+j] }); err != nil {
				return err
			}
		}
	}
	return nil
}

// gather copies rows into one of the two blocks, where they stay until the next call for it.
func (n *nearSearch) gather(rows []int32, block int) []float32 {
	if size := len(rows) * n.dim; size > cap(n.blocks[block]) {
		n.blocks[block] = make([]float32, size)
	}
	out := n.blocks[block][:len(rows)*n.dim]
	for i, r := range rows {
		copy(out[i*n.dim:(i+1)*n.dim], n.vectors[int(r)*n.dim:(int(r)+1)*n.dim])
	}
	return out
}

// clusterRounds and clusterSample are the effort that goes into cells: they only decide how often
// two near rows fall apart.
const clusterRounds, clusterSample = 4, 32

// cluster makes the centres of the cells, of length 1, by spherical k-means on a sample of 32 rows
// a cell.
func (n *nearSearch) cluster() ([]float32, error) {
	// "near": a stream of its own for the seed
	rng := rand.New(rand.NewPCG(uint64(n.Seed), 0x6e656172))
	order := rng.Perm(n.rows())
	pick := make([]int32, min(n.rows(), clusterSample*n.Cells))
	for i := range pick {
		pick[i] = int32(order[i])
	}
	sample := n.gather(pick, 0)
	defer func() { n.blocks[0] = nil }()
	centres := slices.Clone(sample[:n.Cells*n.dim])
	for range clusterRounds {
		nearest, err := n.assign(sample, centres, 1)
		if err != nil {
			return nil, err
		}
		sums := make([]float32, len(centres))
		for i, c := range nearest {
			sum := sums[int(c)*n.dim : (int(c)+1)*n.dim]
			for d, v := range sample[i*n.dim : (i+1)*n.dim] {
				sum[d] += v
			}
		}
		for c := range n.Cells { // a cell that lost all its rows stays where it was
			if sum := sums[c*n.dim : (c+1)*n.dim]; blas.Normalize(sum) {
				copy(centres[c*n.dim:], sum)
			}
		}
	}
	return centres, nil
}

// assign gives the k cells nearest to each vector, nearest first, [rows, k].
func (n *nearSearch) assign(vectors, centres []float32, k int) ([]int32, error) {
	rows, cells := len(vectors)/n.dim, len(centres)/n.dim
	k = min(k, cells)
	out := make([]int32, rows*k)
	block := max(1, min(exactQueries, (1<<24)/cells))
	for start := 0; start < rows; start += block {
		if err := n.ctx.Err(); err != nil {
			return nil, err
		}
		count := min(block, rows-start)
		scores := n.room(count * cells)
		product(vectors[start*n.dim:(start+count)*n.dim], centres, scores, n.dim)
		blas.Share(count, func(from, to int) {
			best := make([]float32, k)
			for i := from; i < to; i++ {
				largest(scores[i*cells:(i+1)*cells], best, out[(start+i)*k:(start+i+1)*k])
			}
		})
	}
	return out, nil
}

// largest fills at with the places of the largest scores, largest first; best is room for them.
func largest(scores, best []float32, at []int32) {
	for i := range best {
		best[i] = float32(math.Inf(-1))
	}
	last := len(best) - 1
	for c, score := range scores {
		if score <= best[last] {
			continue
		}
		i := last
		for ; i > 0 && best[i-1] < score; i-- {
			best[i], at[i] = best[i-1], at[i-1]
		}
		best[i], at[i] = score, int32(c)
	}
}
