package metric

import (
	"math"

	"react/ops/blas"
)

// Sizes of the blocks in which similarities are made and forgotten: rows of the one side, rows of
// the other.
const (
	matchRows = 512
	matchCols = 4096
)

// Matches are the best k rows of the other side for each row of either, from the best; equal
// similarities in the order of the rows.
type Matches struct {
	Rows [][]int // for each row of a, rows of b
	Cols [][]int // for each row of b, rows of a
}

// TopMatches compares every row of a with every row of b in one pass over blocks: memory does not
// grow with their product, and both directions cost one multiplication. Rows are of length 1 where
// the similarity is to be the cosine.
func TopMatches(a, b blas.Matrix, k int) Matches {
	rows, cols := newBest(a.Rows, min(k, b.Rows)), newBest(b.Rows, min(k, a.Rows))
	scores := make([]float32, min(matchRows, a.Rows)*min(matchCols, b.Rows))
	for top := 0; top < a.Rows; top += matchRows {
		x := a.Slice(top, min(top+matchRows, a.Rows))
		for left := 0; left < b.Rows; left += matchCols {
			y := b.Slice(left, min(left+matchCols, b.Rows))
			s := blas.Matrix{Rows: x.Rows, Cols: y.Rows, Values: scores[:x.Rows*y.Rows]}
			blas.Times(s, 1, x, y, 0)
			blas.Share(s.Rows, func(start, end int) {
				for i := start; i < end; i++ {
					rows.addRow(top+i, left, s.Row(i))
				}
			})
			blas.Share(s.Cols, func(start, end int) {
				for i := range s.Rows {
					cols.addColumns(left+start, top+i, s.Row(i)[start:end])
				}
			})
		}
	}
	return Matches{rows.lists(), cols.lists()}
}

// best keeps the k highest scores of each of n queries, sorted, with what they are of.
type best struct {
	k, n   int
	scores []float32 // [n, k]
	items  []int32
	count  []int32
	// what a query's score must be above: the lowest kept, or -Inf while there is room
	bar []float32
}

func newBest(n, k int) *best {
	b := &best{k: k, n: n, scores: make([]float32, n*k), items: make([]int32, n*k), count: make([]int32, n), bar: make([]float32, n)}
	for i := range b.bar {
		b.bar[i] = float32(math.Inf(-1))
	}
	return b
}

// addRow offers a query the scores of consecutive items.
func (b *best) addRow(query, first int, scores []float32) {
	bar := b.bar[query]
	for j, s := range scores {
		if s > bar {
			b.insert(query, first+j, s)
			bar = b.bar[query]
		}
	}
}

// addColumns offers consecutive queries the score of one item.
func (b *best) addColumns(first, item int, scores []float32) {
	bars := b.bar[first : first+len(scores)]
	for j, s := range scores {
		if s > bars[j] {
			b.insert(first+j, item, s)
		}
	}
}

// insert puts an item behind all that score as much; the last falls out.
func (b *best) insert(query, item int, score float32) {
	at := query * b.k
	n := int(b.count[query])
	if n < b.k {
		b.count[query]++
		n++
	}
	i := n - 1
	for ; i > 0 && b.scores[at+i-1] < score; i-- {
		b.scores[at+i], b.items[at+i] = b.scores[at+i-1], b.items[at+i-1]
	}
	b.scores[at+i], b.items[at+i] = score, int32(item)
	if n == b.k {
		b.bar[query] = b.scores[at+n-1]
	}
}

func (b *best) lists() [][]int {
	out := make([][]int, b.n)
	for q := range out {
		for _, item := range b.items[q*b.k : q*b.k+int(b.count[q])] {
			out[q] = append(out[q], int(item))
		}
	}
	return out
}
