package graph

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Loss is the γ-supervised contrastive loss (REACT eq. 4-6, means of both
// directions, added) with its gradients.
type Loss struct {
	Loss      *Node        // [1, 1]
	Positives *Node        // [1, 1], mean size of P(i)
	DImage    func() *Node // [B, E]; built only where it is needed
	DText     func() *Node // [B, E]

	Direct     []*Node // to the parameters that the loss gives gradients to, and no tower
	Statistics []*Node // new values of HeadOptions.statistics
}

// Positives is the mask [B, B] of P(i): the k with base_k·base_i ≥ gamma, and i
// itself; base are text features of length 1, through which nothing is
// differentiated.
func Positives(base, gamma *Node) *Node {
	similar := matmul(base, transpose(base)) // [B, B]
	return Max(ConvertDType(GreaterOrEqual(similar, gamma), dtypes.Float32), OwnPairs(base.Graph(), base.Shape().Dimensions[0]))
}

// Contrastive builds the loss of image features u and text features v, both
// [B, E] of length 1, with a mask of positives.
func Contrastive(u, v, scaleLog, mask *Node) Loss {
	n := 1 / float64(u.Shape().Dimensions[0])
	scale := Exp(scaleLog)
	logits := Mul(matmul(u, transpose(v)), scale) // rows are images
	rows, drows := logMeanPositive(logits, mask, -1)
	columns, dcolumns := logMeanPositive(logits, mask, 0)
	dlogits := MulScalar(Add(drows, dcolumns), n)
	return Loss{
		Loss:      MulScalar(Add(ColumnSums(rows), RowSums(columns)), n),
		Positives: MulScalar(ColumnSums(RowSums(mask)), n),
		DImage:    func() *Node { return Mul(matmul(dlogits, v), scale) },
		DText:     func() *Node { return Mul(matmul(transpose(dlogits), u), scale) },
		Direct:    []*Node{ColumnSums(RowSums(Mul(dlogits, logits)))},
	}
}

// logMeanPositive is the mean over positives of minus the log-probability along
// an axis, and its gradient to the logits.
func logMeanPositive(logits, mask *Node, axis int) (*Node, *Node) {
	shifted := Sub(logits, ReduceAndKeep(logits, ReduceMax, axis))
	e := Exp(shifted)
	sum := ReduceAndKeep(e, ReduceSum, axis)
	share := Div(mask, ReduceAndKeep(mask, ReduceSum, axis)) // 1/|P(i)| at positives
	value := Sub(Log(sum), ReduceAndKeep(Mul(share, shifted), ReduceSum, axis))
	return value, Sub(Div(e, sum), share)
}

// OwnPairs is [n, n]. It is computed: a constant of a large batch would take as
// much memory as the logits for as long as the graph is there.
func OwnPairs(g *Graph, n int) *Node {
	form := shapes.Make(dtypes.Int64, n, n)
	return ConvertDType(Equal(Iota(g, form, 0), Iota(g, form, 1)), dtypes.Float32)
}
