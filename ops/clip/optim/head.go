package optim

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
)

// headMomentum is the SGD's of ELEVATER's toolkit.
const headMomentum = 0.9

// check refuses options that do not go together.
func (o Options) checkHead() error {
	switch h := o.Head; {
	case h == (clip.HeadOptions{}):
		return nil
	case h.Classes < 2:
		return fmt.Errorf("trainer: a head of %d classes", h.Classes)
	case o.Mode != clip.LockedText || o.Classes > 0 || o.CachedText || o.PositivesFixed:
		return fmt.Errorf("trainer: a head goes with mode %s and labels, no captions", clip.LockedText)
	case !slices.Contains([]string{clip.ByBatch, clip.ByLength, clip.NoNormalization}, h.Normalization):
		return fmt.Errorf("trainer: unknown normalization %q", h.Normalization)
	case h.Normalization == clip.ByBatch && o.Batch < 2:
		return fmt.Errorf("trainer: a batch of %d has no variance", o.Batch)
	}
	return nil
}

// trainable lists what trains.
func (o Options) trainable(cfg clip.Config) ([]string, error) {
	names, err := clip.Trainable(cfg, o.Mode)
	if err != nil || o.Head.Classes == 0 {
		return names, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "logit_scale" })
	return append(names, clip.HeadWeight, clip.HeadBias), nil
}

// allParameters are those of a training: the model's and a head's.
func (o Options) allParameters(cfg clip.Config) []clip.Parameter {
	return append(clip.Parameters(cfg), o.Head.Parameters(cfg.Dim())...)
}

// stateful are the prefixes of the inputs that each trainable parameter has and
// a step renews, in the order of its outputs.
func (o Options) stateful() []string {
	if o.Head.SGD {
		return []string{graph.ParamPrefix, meanPrefix}
	}
	return []string{graph.ParamPrefix, meanPrefix, squarePrefix}
}

// direct are the parameters that the loss gives gradients to, and no tower.
func (o Options) direct() []string {
	if o.Head.Classes > 0 {
		return []string{clip.HeadWeight, clip.HeadBias}
	}
	return []string{"logit_scale"}
}

// headHyper holds the numbers of a step with a head, in the order of the input
// [1, numHeadHyper].
type headHyper struct{ step, towerStep, decay, towerDecay, epsilon, clip *Node }

const numHeadHyper = 6

func newHeadHyper(g *Graph) headHyper {
	in := graph.Input(g, graph.HyperInput, 1, numHeadHyper)
	at := func(i int) *Node { return Slice(in, AxisRange(), AxisRange(i, i+1)) }
	return headHyper{at(0), at(1), at(2), at(3), at(4), at(5)}
}

// headHyperValues are the values of a step, counted from 1. For SGD decay is what
// is added to a gradient, for AdamW what a weight is multiplied with.
func headHyperValues(p StepParams, o Options, step int) []float32 {
	tower := p.TowerLRScale
	if tower == 0 {
		tower = 1
	}
	if o.Head.SGD {
		clip := o.GradClip
		if clip <= 0 {
			clip = noClip
		}
		return []float32{float32(p.LR), float32(p.LR * tower), float32(p.WeightDecay), float32(p.WeightDecay), 0, float32(clip)}
	}
	v := hyperValues(StepParams{LR: p.LR, WeightDecay: p.WeightDecay, AlphaLRScale: tower}, o.AdamW, o.GradClip, step)
	return []float32{v[atStep], v[atAlphaStep], v[atKeep], float32(1 - p.LR*tower*p.WeightDecay), v[atEpsilon], v[atClip]}
}

// headUpdates are the statistics of a step and the new values, as updates.
func (t *Trainer) headUpdates(tape *graph.Tape, grads []*Node, l graph.Loss) []*Node {
	h := newHeadHyper(tape.Graph)
	norm := globalNorm(grads)
	outputs := []*Node{t.statsOf(tape, norm, l)}
	shrink := MinScalar(Div(h.clip, AddScalar(norm, 1e-6)), 1.0)
	adam := t.opts.AdamW.orDefault()
	by := gradientWeights{MulScalar(shrink, 1-adam.Beta1), MulScalar(Square(shrink), 1-adam.Beta2)}
	for i, p := range t.trainable() {
		dims := graph.DeviceShape(p.Shape)
		w, mean := tape.At(p.Name), graph.Input(tape.Graph, meanPrefix+p.Name, dims...)
		step, decay := h.towerStep, h.towerDecay
		if clip.IsHead(p.Name) {
			step, decay = h.step, h.decay
		}
		if t.opts.Head.SGD {
			mean = Add(MulScalar(mean, headMomentum), Add(Mul(grads[i], shrink), Mul(w, decay)))
			outputs = append(outputs, Sub(w, Mul(mean, step)), mean)
			continue
		}
		as := hyper{adam: adam, step: step, alphaStep: step, keep: decay, epsilon: h.epsilon}
		w, m := as.update(p, w, grads[i], by, moments{mean, graph.Input(tape.Graph, squarePrefix+p.Name, dims...)})
		outputs = append(outputs, w, m.mean, m.square)
	}
	return outputs
}
