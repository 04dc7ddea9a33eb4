package graph

import . "github.com/gomlx/gomlx/core/graph"

// The names of the inputs of a step that classifies.
const (
	HeadInput    = "head"
	TargetsInput = "targets"
)

// Classification is the mean cross entropy of image features u [B, E] of length
// 1 against a fixed classifier head [C, E]: targets [B, C] are the probabilities
// of the classes of each image. positives is the mean number of classes that a
// target gives a share.
func Classification(u, head, scaleLog, targets *Node) Loss {
	n := 1 / float64(u.Shape().Dimensions[0])
	scale := Exp(scaleLog)
	logits := Mul(matmul(u, transpose(head)), scale) // [B, C]
	value, slope := crossEntropy(logits, targets)
	dlogits := MulScalar(slope, n)
	return Loss{
		Loss:      MulScalar(ColumnSums(value), n),
		Positives: MulScalar(ColumnSums(RowSums(Sign(targets))), n),
		DImage:    func() *Node { return Mul(matmul(dlogits, head), scale) },
		Direct:    []*Node{ColumnSums(RowSums(Mul(dlogits, logits)))},
	}
}

// crossEntropy of logits with targets, both [B, C], gives the loss of each row
// [B, 1] and its gradient to the logits. The targets of a row add up to 1.
func crossEntropy(logits, targets *Node) (value, slope *Node) {
	shifted := Sub(logits, ReduceAndKeep(logits, ReduceMax, -1))
	e := Exp(shifted)
	sum := RowSums(e)
	return Sub(Log(sum), RowSums(Mul(targets, shifted))), Sub(Div(e, sum), targets)
}
