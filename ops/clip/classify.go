package clip

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// The names of the inputs of a step that classifies.
const (
	headInput    = "head"
	targetsInput = "targets"
)

// classification is the mean cross entropy of image features u [B, E] of length
// 1 against a fixed classifier head [C, E]: targets [B, C] are the probabilities
// of the classes of each image. positives is the mean number of classes that a
// target gives a share.
func classification(u, head, scaleLog, targets *Node) lossGraph {
	n := 1 / float64(u.Shape().Dimensions[0])
	scale := Exp(scaleLog)
	logits := Mul(matmul(u, transpose(head)), scale) // [B, C]
	value, slope := crossEntropy(logits, targets)
	dlogits := MulScalar(slope, n)
	return lossGraph{
		loss:      MulScalar(columnSums(value), n),
		positives: MulScalar(columnSums(rowSums(Sign(targets))), n),
		dImage:    func() *Node { return Mul(matmul(dlogits, head), scale) },
		direct:    []*Node{columnSums(rowSums(Mul(dlogits, logits)))},
	}
}

// crossEntropy of logits with targets, both [B, C], gives the loss of each row
// [B, 1] and its gradient to the logits. The targets of a row add up to 1.
func crossEntropy(logits, targets *Node) (value, slope *Node) {
	shifted := Sub(logits, ReduceAndKeep(logits, ReduceMax, -1))
	e := Exp(shifted)
	sum := rowSums(e)
	return Sub(Log(sum), rowSums(Mul(targets, shifted))), Sub(Div(e, sum), targets)
}

// checkClasses refuses options of a classifying step that do not go together.
func (o TrainOptions) checkClasses() error {
	switch {
	case o.Classes < 0:
		return fmt.Errorf("trainer: %d classes", o.Classes)
	case o.Classes > 0 && o.mode().Text:
		return fmt.Errorf("trainer: classes against a fixed head in mode %s, which trains the text tower", o.Mode)
	case o.Classes > 0 && (o.CachedText || o.PositivesFixed):
		return fmt.Errorf("trainer: a step that classifies reads no captions")
	}
	return nil
}

// textGiven says whether a step's text features are made before it, or not needed.
func (o TrainOptions) textGiven() bool { return o.CachedText || o.classifies() }

// classifies says whether a step reads labels and no captions.
func (o TrainOptions) classifies() bool { return o.Classes > 0 || o.Head.Classes > 0 }

// lossOf is the loss of features of the whole batch; v is nil where the step
// classifies.
func (t *Trainer) lossOf(tape *tape, u, v *Node) lossGraph {
	batch, dim := t.opts.Batch, t.cfg.Dim()
	if t.opts.Head.Classes > 0 {
		return tape.headLoss(t.opts.Head, u, input(tape.g, targetsInput, batch, t.opts.Head.Classes))
	}
	if t.opts.Classes > 0 {
		return classification(u, input(tape.g, headInput, t.opts.Classes, dim), tape.at("logit_scale"), input(tape.g, targetsInput, batch, t.opts.Classes))
	}
	if t.opts.GammaOff {
		return contrastive(u, v, tape.at("logit_scale"), identity(tape.g, batch))
	}
	base := v
	if t.opts.PositivesFixed {
		base = input(tape.g, baseInput, batch, dim)
	}
	return contrastive(u, v, tape.at("logit_scale"), positives(base, input(tape.g, gammaInput, 1, 1)))
}

// giveTargets puts what the loss reads beside features.
func (t *Trainer) giveTargets(given *given, b Batch, gamma float64) {
	if !t.opts.GammaOff && !t.opts.classifies() {
		given.put(gammaInput, []float32{float32(gamma)}, 1, 1)
	}
	if t.opts.PositivesFixed {
		given.put(baseInput, b.BaseText, t.opts.Batch, t.cfg.Dim())
	}
	if n := t.opts.Head.Classes; n > 0 {
		given.put(targetsInput, b.Targets, t.opts.Batch, n)
	}
	if t.opts.Classes > 0 {
		given.put(headInput, b.Head, t.opts.Classes, t.cfg.Dim())
		given.put(targetsInput, b.Targets, t.opts.Batch, t.opts.Classes)
	}
}
