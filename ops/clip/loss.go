package clip

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// lossGraph is the γ-supervised contrastive loss (REACT eq. 4-6, means of both
// directions, added) with its gradients.
type lossGraph struct {
	loss      *Node        // [1, 1]
	positives *Node        // [1, 1], mean size of P(i)
	dImage    func() *Node // [B, E]; built only where it is needed
	dText     func() *Node // [B, E]

	direct     []*Node // of TrainOptions.direct
	statistics []*Node // new values of HeadOptions.statistics
}

// positives is the mask [B, B] of P(i): the k with base_k·base_i ≥ gamma, and i
// itself; base are text features of length 1, through which nothing is
// differentiated.
func positives(base, gamma *Node) *Node {
	similar := matmul(base, transpose(base)) // [B, B]
	return Max(ConvertDType(GreaterOrEqual(similar, gamma), dtypes.Float32), identity(base.Graph(), base.Shape().Dimensions[0]))
}

// contrastive builds the loss of image features u and text features v, both
// [B, E] of length 1, with a mask of positives.
func contrastive(u, v, scaleLog, mask *Node) lossGraph {
	n := 1 / float64(u.Shape().Dimensions[0])
	scale := Exp(scaleLog)
	logits := Mul(matmul(u, transpose(v)), scale) // rows are images
	rows, drows := logMeanPositive(logits, mask, -1)
	columns, dcolumns := logMeanPositive(logits, mask, 0)
	dlogits := MulScalar(Add(drows, dcolumns), n)
	return lossGraph{
		loss:      MulScalar(Add(columnSums(rows), rowSums(columns)), n),
		positives: MulScalar(columnSums(rowSums(mask)), n),
		dImage:    func() *Node { return Mul(matmul(dlogits, v), scale) },
		dText:     func() *Node { return Mul(matmul(transpose(dlogits), u), scale) },
		direct:    []*Node{columnSums(rowSums(Mul(dlogits, logits)))},
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

// identity is [n, n]. It is computed: a constant of a large batch would take as
// much memory as the logits for as long as the graph is there.
func identity(g *Graph, n int) *Node {
	form := shapes.Make(dtypes.Int64, n, n)
	return ConvertDType(Equal(Iota(g, form, 0), Iota(g, form, 1)), dtypes.Float32)
}
