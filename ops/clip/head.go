package clip

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// HeadOptions say that a step trains the image tower with a linear head on its
// features, by labels: what fine-tuning is. The zero value is no head. It goes
// with mode LockedText; the whole image tower trains, gates included, and
// logit_scale does not.
type HeadOptions struct {
	Classes       int    // 0: no head
	Many          bool   // an image may have several classes: binary cross entropy of each, averaged; else the softmax's cross entropy
	Normalization string // of features, before the head: ByBatch, ByLength or NoNormalization
	SGD           bool   // momentum 0.9, every parameter decays; else AdamW, matrices decay
}

// What is done to features [B, E] before the head.
const (
	ByBatch         = "batch"  // a batch normalisation without parameters, as ELEVATER's toolkit has it
	ByLength        = "length" // to length 1; logits are multiplied by the checkpoint's logit scale, so that a head of text embeddings is the zero-shot classifier
	NoNormalization = "none"
)

// Parameters of a head in a checkpoint's Weights, beside the model's. The last
// two are the running statistics of ByBatch.
const (
	HeadWeight   = "head.weight"           // [C, E]
	HeadBias     = "head.bias"             // [C]
	HeadMean     = "head.running_mean"     // [E]
	HeadVariance = "head.running_variance" // [E]
)

// HeadNormEpsilon is torch.nn.BatchNorm1d's.
const HeadNormEpsilon = 1e-5

// headNormPace is the momentum of torch.nn.BatchNorm1d.
const headNormPace = 0.1

// headMomentum is the SGD's of ELEVATER's toolkit.
const headMomentum = 0.9

// parameters are those that stand beside a model's.
func (o HeadOptions) parameters(dim int) []parameter {
	if o.Classes == 0 {
		return nil
	}
	list := []parameter{{name: HeadWeight, shape: []int{o.Classes, dim}}, {name: HeadBias, shape: []int{o.Classes}}}
	for _, name := range o.statistics() {
		list = append(list, parameter{name: name, shape: []int{dim}})
	}
	return list
}

// statistics are followed, not trained.
func (o HeadOptions) statistics() []string {
	if o.Classes == 0 || o.Normalization != ByBatch {
		return nil
	}
	return []string{HeadMean, HeadVariance}
}

func isHead(name string) bool { return name == HeadWeight || name == HeadBias }

// check refuses options that do not go together.
func (o TrainOptions) checkHead() error {
	switch h := o.Head; {
	case h == (HeadOptions{}):
		return nil
	case h.Classes < 2:
		return fmt.Errorf("trainer: a head of %d classes", h.Classes)
	case o.mode() != (Mode{Name: LockedText, Image: true}) || o.Classes > 0 || o.CachedText || o.PositivesFixed:
		return fmt.Errorf("trainer: a head goes with mode %s and labels, no captions", LockedText)
	case !slices.Contains([]string{ByBatch, ByLength, NoNormalization}, h.Normalization):
		return fmt.Errorf("trainer: unknown normalization %q", h.Normalization)
	case h.Normalization == ByBatch && o.Batch < 2:
		return fmt.Errorf("trainer: a batch of %d has no variance", o.Batch)
	}
	return nil
}

// trainable lists what trains.
func (o TrainOptions) trainable(cfg Config) ([]string, error) {
	names, err := Trainable(cfg, o.Mode)
	if err != nil || o.Head.Classes == 0 {
		return names, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "logit_scale" })
	return append(names, HeadWeight, HeadBias), nil
}

// allParameters are those of a training: the model's and a head's.
func (o TrainOptions) allParameters(cfg Config) []parameter {
	return append(parameters(cfg), o.Head.parameters(cfg.Dim())...)
}

// stateful are the prefixes of the inputs that each trainable parameter has and
// a step renews, in the order of its outputs.
func (o TrainOptions) stateful() []string {
	if o.Head.SGD {
		return []string{paramPrefix, meanPrefix}
	}
	return []string{paramPrefix, meanPrefix, squarePrefix}
}

// direct are the parameters that the loss gives gradients to, and no tower.
func (o TrainOptions) direct() []string {
	if o.Head.Classes > 0 {
		return []string{HeadWeight, HeadBias}
	}
	return []string{"logit_scale"}
}

// headLoss is the mean cross entropy of features f [B, E] under the head with
// targets [B, C]. In place of positives it gives the share of images whose
// largest logit is of their class; of several classes, of logits on the right
// side of 0.
func (t *tape) headLoss(o HeadOptions, f, targets *Node) lossGraph {
	w, b := t.at(HeadWeight), t.at(HeadBias)
	x, pullX, statistics := t.normalized(o, f)
	scale := func(x *Node) *Node { return x }
	if o.Normalization == ByLength {
		by := Exp(t.at("logit_scale"))
		scale = func(x *Node) *Node { return Mul(x, by) }
	}
	logits := Add(scale(matmul(x, transpose(w))), b) // [B, C]
	n := 1 / float64(f.Shape().Dimensions[0])
	var l lossGraph
	var dlogits *Node
	if o.Many {
		n /= float64(o.Classes)
		l.loss, dlogits = binaryCrossEntropy(logits, targets)
		right := ConvertDType(Equal(ConvertDType(GreaterThan(logits, ZerosLike(logits)), targets.DType()), targets), targets.DType())
		l.positives = MulScalar(columnSums(rowSums(right)), n)
	} else {
		l.loss, dlogits = crossEntropy(logits, targets)
		top := ConvertDType(GreaterOrEqual(logits, ReduceAndKeep(logits, ReduceMax, -1)), targets.DType())
		l.positives = MulScalar(columnSums(Div(rowSums(Mul(top, targets)), rowSums(top))), n)
	}
	l.loss = MulScalar(columnSums(rowSums(l.loss)), n)
	dlogits = MulScalar(dlogits, n)
	l.dImage = func() *Node { return pullX(scale(matmul(dlogits, w))) }
	l.direct = []*Node{scale(matmul(transpose(dlogits), x)), columnSums(dlogits)}
	l.statistics = statistics
	return l
}

// normalized gives what the head reads of features, the way back, and the new
// running statistics.
func (t *tape) normalized(o HeadOptions, f *Node) (x *Node, back func(dx *Node) *Node, statistics []*Node) {
	switch o.Normalization {
	case ByLength:
		x, pull := normalize(f)
		return x, func(dx *Node) *Node { return pull(dx, true) }, nil
	case NoNormalization:
		return f, func(dx *Node) *Node { return dx }, nil
	}
	rows := float64(f.Shape().Dimensions[0])
	mean := MulScalar(columnSums(f), 1/rows) // [1, E]
	centred := Sub(f, mean)
	variance := MulScalar(columnSums(Square(centred)), 1/rows)
	by := Reciprocal(Sqrt(AddScalar(variance, HeadNormEpsilon)))
	x = Mul(centred, by)
	follow := func(name string, now *Node) *Node {
		old := t.at(name)
		return Add(old, MulScalar(Sub(now, old), headNormPace))
	}
	statistics = []*Node{follow(HeadMean, mean), follow(HeadVariance, MulScalar(variance, rows/(rows-1)))}
	return x, func(dx *Node) *Node {
		along := MulScalar(columnSums(Mul(dx, x)), 1/rows)
		return Mul(Sub(Sub(dx, MulScalar(columnSums(dx), 1/rows)), Mul(x, along)), by)
	}, statistics
}

// binaryCrossEntropy of logits with targets of 0 and 1, [B, C]: the losses and
// their slopes.
func binaryCrossEntropy(logits, targets *Node) (value, slope *Node) {
	tail := Log(AddScalar(Exp(Neg(Abs(logits))), 1))
	return Add(Sub(MaxScalar(logits, 0), Mul(logits, targets)), tail), Sub(Logistic(logits), targets)
}

// headHyper holds the numbers of a step with a head, in the order of the input
// [1, numHeadHyper].
type headHyper struct{ step, towerStep, decay, towerDecay, epsilon, clip *Node }

const numHeadHyper = 6

func newHeadHyper(g *Graph) headHyper {
	in := input(g, hyperInput, 1, numHeadHyper)
	at := func(i int) *Node { return Slice(in, AxisRange(), AxisRange(i, i+1)) }
	return headHyper{at(0), at(1), at(2), at(3), at(4), at(5)}
}

// headHyperValues are the values of a step, counted from 1. For SGD decay is what
// is added to a gradient, for AdamW what a weight is multiplied with.
func headHyperValues(p StepParams, o TrainOptions, step int) []float32 {
	tower := p.TowerLR
	if tower == 0 {
		tower = 1
	}
	if o.Head.SGD {
		clip := o.Clip
		if clip <= 0 {
			clip = noClip
		}
		return []float32{float32(p.LR), float32(p.LR * tower), float32(p.WeightDecay), float32(p.WeightDecay), 0, float32(clip)}
	}
	v := hyperValues(StepParams{LR: p.LR, WeightDecay: p.WeightDecay, AlphaLR: tower}, o.AdamW, o.Clip, step)
	return []float32{v[atStep], v[atAlphaStep], v[atKeep], float32(1 - p.LR*tower*p.WeightDecay), v[atEpsilon], v[atClip]}
}

// headUpdates are the statistics of a step and the new values, as updates.
func (t *Trainer) headUpdates(tape *tape, grads []*Node, l lossGraph) []*Node {
	h := newHeadHyper(tape.g)
	norm := globalNorm(grads)
	outputs := []*Node{t.statsOf(tape, norm, l)}
	shrink := MinScalar(Div(h.clip, AddScalar(norm, 1e-6)), 1.0)
	adam := t.opts.AdamW.orDefault()
	by := gradientWeights{MulScalar(shrink, 1-adam.Beta1), MulScalar(Square(shrink), 1-adam.Beta2)}
	for i, p := range t.trainable() {
		dims := deviceShape(p.shape)
		w, mean := tape.at(p.name), input(tape.g, meanPrefix+p.name, dims...)
		step, decay := h.towerStep, h.towerDecay
		if isHead(p.name) {
			step, decay = h.step, h.decay
		}
		if t.opts.Head.SGD {
			mean = Add(MulScalar(mean, headMomentum), Add(Mul(grads[i], shrink), Mul(w, decay)))
			outputs = append(outputs, Sub(w, Mul(mean, step)), mean)
			continue
		}
		as := hyper{adam: adam, step: step, alphaStep: step, keep: decay, epsilon: h.epsilon}
		w, m := as.update(p, w, grads[i], by, moments{mean, input(tape.g, squarePrefix+p.name, dims...)})
		outputs = append(outputs, w, m.mean, m.square)
	}
	return outputs
}

// Head is a linear classifier on an image tower's features, with what was done to
// them in training.
type Head struct {
	Weight, Bias   []float32 // [C, E], [C]
	Mean, Variance []float32 // [E], running; nil unless ByBatch
}

// WithHead gives a checkpoint a head to train; its tensors are shared. The running
// statistics begin at 0 and 1.
func (c *Checkpoint) WithHead(h Head, o HeadOptions) *Checkpoint {
	w := &Weights{names: c.Weights.Names(), tensors: map[string]*Tensor{}}
	for name, t := range c.Weights.tensors {
		w.tensors[name] = t
	}
	dim := c.Config.Dim()
	w.Put(HeadWeight, []int{o.Classes, dim}, h.Weight)
	w.Put(HeadBias, []int{o.Classes}, h.Bias)
	if len(o.statistics()) > 0 {
		ones := make([]float32, dim)
		for i := range ones {
			ones[i] = 1
		}
		w.Put(HeadMean, []int{dim}, make([]float32, dim))
		w.Put(HeadVariance, []int{dim}, ones)
	}
	return &Checkpoint{Config: c.Config, Weights: w}
}

// SplitHead takes a checkpoint apart again: the model, and its head. Tensors are
// shared.
func (c *Checkpoint) SplitHead() (*Checkpoint, Head) {
	var h Head
	into := map[string]*[]float32{HeadWeight: &h.Weight, HeadBias: &h.Bias, HeadMean: &h.Mean, HeadVariance: &h.Variance}
	w := &Weights{}
	for _, name := range c.Weights.names {
		tensor := c.Weights.tensors[name]
		if part, ok := into[name]; ok {
			*part = tensor.Data
			continue
		}
		w.Put(name, tensor.Shape, tensor.Data)
	}
	return &Checkpoint{Config: c.Config, Weights: w}, h
}
