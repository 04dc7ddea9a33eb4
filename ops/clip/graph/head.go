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
	w, b := t.At(clip.HeadWeight), t.At(clip.HeadBias)
	x, pullX, statistics := t.normalized(o, f)
	scale := func(x *Node) *Node { return x }
	if o.Normalization == clip.ByLength {
		by := Exp(t.At("logit_scale"))
		scale = func(x *Node) *Node { return Mul(x, by) }
	}
	logits := Add(scale(matmul(x, transpose(w))), b) // [B, C]
	n := 1 / float64(f.Shape().Dimensions[0])
	var l Loss
	var dlogits *Node
	if o.Many {
		n /= float64(o.Classes)
		l.Loss, dlogits = binaryCrossEntropy(logits, targets)
		right := ConvertDType(Equal(ConvertDType(GreaterThan(logits, ZerosLike(logits)), targets.DType()), targets), targets.DType())
		l.Positives = MulScalar(ColumnSums(RowSums(right)), n)
	} else {
		l.Loss, dlogits = crossEntropy(logits, targets)
		top := ConvertDType(GreaterOrEqual(logits, ReduceAndKeep(logits, ReduceMax, -1)), targets.DType())
		l.Positives = MulScalar(ColumnSums(Div(RowSums(Mul(top, targets)), RowSums(top))), n)
	}
	l.Loss = MulScalar(ColumnSums(RowSums(l.Loss)), n)
	dlogits = MulScalar(dlogits, n)
	l.DImage = func() *Node { return pullX(scale(matmul(dlogits, w))) }
	l.Direct = []*Node{scale(matmul(transpose(dlogits), x)), ColumnSums(dlogits)}
	l.Statistics = statistics
	return l
}

// normalized gives what the head reads of features, the way back, and the new
// running statistics.
func (t *Tape) normalized(o clip.HeadOptions, f *Node) (x *Node, back func(dx *Node) *Node, statistics []*Node) {
	switch o.Normalization {
	case clip.ByLength:
		x, pull := Normalize(f)
		return x, func(dx *Node) *Node { return pull(dx, true) }, nil
	case clip.NoNormalization:
		return f, func(dx *Node) *Node { return dx }, nil
	}
	rows := float64(f.Shape().Dimensions[0])
	mean := MulScalar(ColumnSums(f), 1/rows) // [1, E]
	centred := Sub(f, mean)
	variance := MulScalar(ColumnSums(Square(centred)), 1/rows)
	by := Reciprocal(Sqrt(AddScalar(variance, clip.HeadNormEpsilon)))
	x = Mul(centred, by)
	follow := func(name string, now *Node) *Node {
		old := t.At(name)
		return Add(old, MulScalar(Sub(now, old), headNormPace))
	}
	statistics = []*Node{follow(clip.HeadMean, mean), follow(clip.HeadVariance, MulScalar(variance, rows/(rows-1)))}
	return x, func(dx *Node) *Node {
		along := MulScalar(ColumnSums(Mul(dx, x)), 1/rows)
		return Mul(Sub(Sub(dx, MulScalar(ColumnSums(dx), 1/rows)), Mul(x, along)), by)
	}, statistics
}

// binaryCrossEntropy of logits with targets of 0 and 1, [B, C]: the losses and
// their slopes.
func binaryCrossEntropy(logits, targets *Node) (value, slope *Node) {
	tail := Log(AddScalar(Exp(Neg(Abs(logits))), 1))
	return Add(Sub(MaxScalar(logits, 0), Mul(logits, targets)), tail), Sub(Logistic(logits), targets)
}
