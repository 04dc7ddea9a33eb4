package graph

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Loss is a loss with what a step tells of it.
type Loss struct {
	Loss       *Node   // [1, 1]
	Positives  *Node   // [1, 1], mean size of P(i)
	Statistics []*Node // new values of clip.HeadOptions.Statistics
}

// Positives is the mask [B, B] of P(i): the k with base_k·base_i ≥ gamma, and i
// itself; base are text features of length 1, through which nothing is
// differentiated. lossOf of ops/clip/optim/loss.go applies it, and feeds gamma.
func Positives(base, gamma *Node) *Node {
	similar := matmul(base, transpose(base)) // [B, B]
	mask := Max(ConvertDType(GreaterOrEqual(similar, gamma), dtypes.Float32), OwnPairs(base.Graph(), base.Shape().Dimensions[0]))
	return StopGradient(mask)
}

// Contrastive is the γ-supervised contrastive loss (REACT eq. 4-6, means of both
// directions, added) of image features u and text features v, both [B, E] of length 1,
// with a mask of positives.
func (t *Tape) Contrastive(u, v, scaleLog, mask *Node) Loss {
	n := 1 / float64(u.Shape().Dimensions[0])
	logits := Mul(t.byRows(u, v), Exp(scaleLog)) // rows are images
	rows, columns := t.logMeanPositive(logits, mask, -1), t.logMeanPositive(logits, mask, 0)
	return Loss{
		Loss:      MulScalar(Add(t.ColumnSums(rows), t.RowSums(columns)), n),
		Positives: MulScalar(ColumnSums(RowSums(mask)), n),
	}
}

// logMeanPositive is the mean over positives of minus the log-probability along an axis.
func (t *Tape) logMeanPositive(logits, mask *Node, axis int) *Node {
	shifted := Sub(logits, StopGradient(ReduceAndKeep(logits, ReduceMax, axis)))
	share := Div(mask, ReduceAndKeep(mask, ReduceSum, axis)) // 1/|P(i)| at positives
	return Sub(Log(t.sums(Exp(shifted), axis)), t.sums(Mul(share, shifted), axis))
}

// OwnPairs is [n, n]. It is computed: a constant of a large batch would take as
// much memory as the logits for as long as the graph is there.
func OwnPairs(g *Graph, n int) *Node {
	form := shapes.Make(dtypes.Int64, n, n)
	return ConvertDType(Equal(Iota(g, form, 0), Iota(g, form, 1)), dtypes.Float32)
}
