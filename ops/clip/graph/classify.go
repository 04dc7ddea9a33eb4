package graph

import . "github.com/gomlx/gomlx/core/graph"

// The names of the inputs of a step that classifies.
const (
	HeadInput    = "head"
	TargetsInput = "targets"
)

// Classification is the mean cross entropy of image features u [B, E] of length
// 1 against a fixed classifier head [C, E]: targets [B, C] are the probabilities
// of the classes of each image. Positives is the mean number of classes that a
// target gives a share.
func (t *Tape) Classification(u, head, scaleLog, targets *Node) Loss {
	n := 1 / float64(u.Shape().Dimensions[0])
	logits := Mul(t.byRows(u, head), Exp(scaleLog)) // [B, C]
	return Loss{
		Loss:      MulScalar(t.ColumnSums(t.crossEntropy(logits, targets)), n),
		Positives: MulScalar(ColumnSums(RowSums(Sign(targets))), n),
	}
}

// crossEntropy of logits with targets, both [B, C], is the loss of each row [B, 1]. The
// targets of a row add up to 1.
func (t *Tape) crossEntropy(logits, targets *Node) *Node {
	shifted := Sub(logits, StopGradient(ReduceAndKeep(logits, ReduceMax, -1)))
	return Sub(Log(t.RowSums(Exp(shifted))), t.RowSums(Mul(targets, shifted)))
}
