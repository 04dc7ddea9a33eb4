package optim

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
)

// AdamW as REACT's recipe has it: decay on matrices only, gradients clipped by
// their global norm.
type AdamW struct {
	Beta1   float64 `json:"beta1"`
	Beta2   float64 `json:"beta2"`
	Epsilon float64 `json:"epsilon"`
}

// open_clip's for a ViT, which the zero value of AdamW stands for, and for a
// ResNet.
var (
	adamViT    = AdamW{0.9, 0.98, 1e-6}
	adamResNet = AdamW{0.9, 0.999, 1e-8}
)

// AdamWFor is what open_clip trains such an image tower with; the zero value
// for a ViT.
func AdamWFor(cfg clip.Config) AdamW {
	if cfg.ResNet() {
		return adamResNet
	}
	return AdamW{}
}

func (a AdamW) orDefault() AdamW {
	if a == (AdamW{}) {
		return adamViT
	}
	return a
}

// hyper holds AdamW's numbers of a step, which change without a new graph, by
// their places in the input [1, numHyper]. The corrections of the moments' bias are
// folded into step and epsilon, as m/(√v/c + ε)·s = m/(√v + cε)·cs.
type hyper struct {
	adam      AdamW
	step      *Node // [1, 1], as all: lr, corrected
	alphaStep *Node // the same for the gates' alphas
	keep      *Node // 1 - lr·weight decay
	epsilon   *Node // corrected
	clip      *Node // largest global norm
}

// The places of AdamW's numbers in the input.
const (
	atStep = iota
	atAlphaStep
	atKeep
	atEpsilon
	atClip
	numHyper
)

// noClip is a norm that no gradient has.
const noClip = 1e30

func newHyper(g *Graph, adam AdamW) hyper {
	in := graph.Input(g, graph.HyperInput, 1, numHyper)
	at := func(i int) *Node { return Slice(in, AxisRange(), AxisRange(i, i+1)) }
	return hyper{adam: adam.orDefault(), step: at(atStep), alphaStep: at(atAlphaStep), keep: at(atKeep), epsilon: at(atEpsilon), clip: at(atClip)}
}

// hyperValues are the values of a step, counted from 1.
func hyperValues(p StepParams, adam AdamW, clip float64, step int) []float32 {
	adam = adam.orDefault()
	mean := 1 - math.Pow(adam.Beta1, float64(step))
	root := math.Sqrt(1 - math.Pow(adam.Beta2, float64(step)))
	if clip <= 0 {
		clip = noClip
	}
	alpha := p.AlphaLRScale
	if alpha == 0 {
		alpha = 1
	}
	size := p.LR / mean * root
	return []float32{
		atStep:      float32(size),
		atAlphaStep: float32(size * alpha),
		atKeep:      float32(1 - p.LR*p.WeightDecay),
		atEpsilon:   float32(adam.Epsilon * root),
		atClip:      float32(clip),
	}
}

// moments are the running means of a parameter's gradient and of its square.
type moments struct{ mean, square *Node }

// weights of a gradient in the moments, [1, 1]: clipping is folded into them.
type gradientWeights struct{ mean, square *Node }

func (h hyper) gradientWeights(norm *Node) gradientWeights {
	shrink := MinScalar(Div(h.clip, AddScalar(norm, 1e-6)), 1.0)
	return gradientWeights{MulScalar(shrink, 1-h.adam.Beta1), MulScalar(Square(shrink), 1-h.adam.Beta2)}
}

// update is one parameter's step.
func (h hyper) update(p clip.Parameter, w, grad *Node, by gradientWeights, m moments) (*Node, moments) {
	m.mean = Add(MulScalar(m.mean, h.adam.Beta1), Mul(grad, by.mean))
	m.square = Add(MulScalar(m.square, h.adam.Beta2), Mul(Square(grad), by.square))
	step := h.step
	if clip.IsAlpha(p.Name) {
		step = h.alphaStep
	}
	if len(p.Shape) >= 2 {
		w = Mul(w, h.keep)
	}
	w = Sub(w, Mul(Div(m.mean, Add(Sqrt(m.square), h.epsilon)), step))
	if p.Name == "logit_scale" {
		w = ClipScalar(w, 0, math.Log(100))
	}
	return w, m
}

// globalNorm is the length [1, 1] of all gradients as one vector.
func globalNorm(grads []*Node) *Node {
	sums := make([]*Node, len(grads))
	for i, d := range grads {
		sums[i] = graph.ColumnSums(graph.RowSums(Square(d)))
	}
	return Sqrt(graph.RowSums(Concatenate(sums, 1)))
}
