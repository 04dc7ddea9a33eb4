package graph

import (
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
)

// headNormPace is the momentum of torch.nn.BatchNorm1d.
const headNormPace = 0.1

// HeadLoss is the mean cross entropy of features f [B, E] under the head with
// targets [B, C]. In place of positives it gives the share of images whose
// largest logit is of their class; of several classes, of logits on the right
// side of 0.
func (t *Tape) HeadLoss(o clip.HeadOptions, f, targets *Node) Loss {
	x, statistics := t.normalized(o, f)
	logits := t.byRows(x, t.At(clip.HeadWeight))
	if o.Normalization == clip.ByLength {
		logits = Mul(logits, Exp(t.At("logit_scale")))
	}
	logits = Add(logits, t.At(clip.HeadBias)) // [B, C]
	n := 1 / float64(f.Shape().Dimensions[0])
	l := Loss{Statistics: statistics}
	if o.Many {
		n /= float64(o.Classes)
		l.Loss = binaryCrossEntropy(logits, targets)
		right := ConvertDType(Equal(ConvertDType(GreaterThan(logits, ZerosLike(logits)), targets.DType()), targets), targets.DType())
		l.Positives = MulScalar(ColumnSums(RowSums(right)), n)
	} else {
		l.Loss = t.crossEntropy(logits, targets)
		top := ConvertDType(GreaterOrEqual(logits, ReduceAndKeep(logits, ReduceMax, -1)), targets.DType())
		l.Positives = MulScalar(ColumnSums(Div(RowSums(Mul(top, targets)), RowSums(top))), n)
	}
	l.Loss = MulScalar(t.ColumnSums(t.RowSums(l.Loss)), n)
	return l
}

// normalized gives what the head reads of features, and the new running statistics.
func (t *Tape) normalized(o clip.HeadOptions, f *Node) (x *Node, statistics []*Node) {
	switch o.Normalization {
	case clip.ByLength:
		return t.Normalize(f), nil
	case clip.NoNormalization:
		return f, nil
	}
	rows := float64(f.Shape().Dimensions[0])
	mean := MulScalar(t.ColumnSums(f), 1/rows) // [1, E]
	centred := Sub(f, mean)
	variance := MulScalar(t.ColumnSums(Square(centred)), 1/rows)
	follow := func(name string, now *Node) *Node {
		old := t.At(name)
		return Add(old, MulScalar(Sub(now, old), headNormPace))
	}
	statistics = []*Node{follow(clip.HeadMean, mean), follow(clip.HeadVariance, MulScalar(variance, rows/(rows-1)))}
	return Mul(centred, Reciprocal(Sqrt(AddScalar(variance, clip.HeadNormEpsilon)))), statistics
}

// binaryCrossEntropy of logits with targets of 0 and 1, [B, C]. At logits of 0, where a head of
// zeros starts, GoMLX's slopes of max and abs are both 1, which add up to the right 1/2.
func binaryCrossEntropy(logits, targets *Node) *Node {
	tail := Log(AddScalar(Exp(Neg(Abs(logits))), 1))
	return Add(Sub(MaxScalar(logits, 0), Mul(logits, targets)), tail)
}
