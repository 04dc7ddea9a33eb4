package graph

import (
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
)

// resnetTower gives the features [B, E] of pixels by CLIP's modified ResNet: a
// stem of three convolutions and an average pool, four stages of bottlenecks
// whose strides are average pools, and attention pooling.
func (t *Tape) resnetTower(pixels *Node) (*Node, func(dy *Node)) {
	x, s, pulls := t.FeatureMap(pixels, clip.ResNetStages)
	x, pullPool := t.attentionPool(x, s)
	return x, func(dy *Node) { pulls(pullPool(dy, true)) }
}

// FeatureMap is the map after so many stages, 0 for the stem alone: activations
// [positions, channels] and their form. Dense tasks read it: the last one is
// what attention pooling takes, the one before it what detectors crop from.
func (t *Tape) FeatureMap(pixels *Node, stages int) (*Node, plane, func(dy *Node)) {
	v := t.cfg.Model.Vision
	x, s, pullStem := t.stem(pixels)
	var pulls []pull
	for _, stage := range v.Bottlenecks()[:stages] {
		for _, b := range stage {
			var p pull
			x, p = t.bottleneck(x, s, b)
			pulls = append(pulls, p)
			if b.Stride > 1 {
				s = s.halved()
			}
		}
	}
	return x, s, func(dy *Node) {
		for i := len(pulls) - 1; i >= 0; i-- {
			dy = pulls[i](dy, true)
		}
		pullStem(dy)
	}
}

// stem takes pixels to a quarter of their side.
func (t *Tape) stem(pixels *Node) (*Node, plane, func(dy *Node)) {
	s := plane{pixels.Shape().Dimensions[0], t.cfg.ImageSize() / 2}
	x, pull1 := t.convReLU(t.Narrow(pixels), "visual", "1", stem{s})
	x, pull2 := t.convReLU(x, "visual", "2", around{s})
	x, pull3 := t.convReLU(x, "visual", "3", around{s})
	x, pullMean := averagePool(x, s)
	return x, s.halved(), func(dy *Node) { pull1(pull2(pull3(pullMean(dy, true), true), true), false) }
}

// bottleneck is relu(shortcut(x) + narrow, look around, widen).
func (t *Tape) bottleneck(x *Node, s plane, b clip.Bottleneck) (*Node, pull) {
	return t.recomputed(x, func(x *Node) (*Node, pull) { return t.keptBottleneck(x, s, b) })
}

func (t *Tape) keptBottleneck(x *Node, s plane, b clip.Bottleneck) (*Node, pull) {
	h, pull1 := t.convReLU(x, b.Name, "1", pointwise{})
	h, pull2 := t.convReLU(h, b.Name, "2", around{s})
	pullMean := unchanged
	if b.Stride > 1 {
		h, pullMean = averagePool(h, s)
	}
	h, pull3 := t.convNorm(h, b.Name+".conv3", b.Name+".bn3", pointwise{})
	short, pullShort := t.shortcut(x, s, b)
	y, pullEnd := relu(Add(h, short))
	return y, func(dy *Node, needX bool) *Node {
		dy = pullEnd(dy, true)
		dx := pull1(pull2(pullMean(pull3(dy, true), true), true), needX)
		dshort := pullShort(dy, needX)
		if !needX {
			return nil
		}
		return Add(dx, dshort)
	}
}

func unchanged(dy *Node, _ bool) *Node { return dy }

func (t *Tape) shortcut(x *Node, s plane, b clip.Bottleneck) (*Node, pull) {
	if !b.Shortcut() {
		return x, unchanged
	}
	pullMean := unchanged
	if b.Stride > 1 {
		x, pullMean = averagePool(x, s)
	}
	y, pullConv := t.convNorm(x, b.Name+".downsample.0", b.Name+".downsample.1", pointwise{})
	return y, func(dy *Node, needX bool) *Node {
		dx := pullConv(dy, needX)
		if !needX {
			return nil
		}
		return pullMean(dx, true)
	}
}

// convReLU is a numbered convolution with its BatchNorm and ReLU.
func (t *Tape) convReLU(x *Node, name, number string, c convolution) (*Node, pull) {
	x, pullConv := t.convNorm(x, name+".conv"+number, name+".bn"+number, c)
	y, pullReLU := relu(x)
	return y, func(dy *Node, needX bool) *Node { return pullConv(pullReLU(dy, true), needX) }
}

// batchNormEpsilon is PyTorch's.
const batchNormEpsilon = 1e-5

// convNorm is a convolution and the BatchNorm behind it. The statistics are the
// running ones, in training too, and stay as they are: those of a batch of
// retrieved pairs are not the pool's. Such a BatchNorm is a factor and a shift
// of each channel, and the factor is folded into the convolution's weights.
func (t *Tape) convNorm(x *Node, conv, bn string, c convolution) (*Node, pull) {
	w, mean := t.At(conv+".weight"), t.At(bn+clip.RunningMean)
	scale := Reciprocal(Sqrt(AddScalar(t.At(bn+clip.RunningVar), batchNormEpsilon)))
	factor := Mul(t.At(bn+".weight"), scale) // [1, out], as the others
	folded := t.Narrow(Mul(w, transpose(factor)))
	y := Add(c.apply(x, folded), t.Narrow(Sub(t.At(bn+".bias"), Mul(mean, factor))))
	return y, func(dy *Node, needX bool) *Node {
		if t.trains[conv+".weight"] || t.trains[bn+".weight"] {
			plain := c.toWeights(x, dy) // of a convolution with nothing behind it
			t.Give(conv+".weight", func() *Node { return Mul(plain, transpose(factor)) })
			t.Give(bn+".weight", func() *Node {
				along := transpose(RowSums(Mul(plain, w))) // the sum over positions of dy times the convolution
				return Mul(Sub(along, Mul(ColumnSums(dy), mean)), scale)
			})
		}
		t.Give(bn+".bias", func() *Node { return ColumnSums(dy) })
		if !needX {
			return nil
		}
		return c.toInput(dy, folded)
	}
}

// attentionPool attends from the mean of the map, with a position of its own
// before those of the map, to all of them: [B, E].
func (t *Tape) attentionPool(x *Node, s plane) (*Node, pull) {
	v := t.cfg.Model.Vision
	form := stream{batch: s.batch, tokens: v.Tokens(), width: v.Features(), heads: v.Heads()}
	patches, d, positions := form.tokens-1, form.width, clip.AttentionPool+".positional_embedding"
	x = Reshape(x, s.batch, patches, d)
	mean := t.Narrow(MulScalar(ReduceAndKeep(Wide(x), ReduceSum, 1), 1/float64(patches)))
	x = Add(Concatenate([]*Node{mean, x}, 1), Reshape(t.weight(positions), 1, form.tokens, d))
	x = Reshape(x, s.batch*form.tokens, d)
	first := classToken(form)
	linear := func(x *Node, name string) (*Node, pull) {
		return t.linear(x, clip.AttentionPool+"."+name+".weight", clip.AttentionPool+"."+name+".bias")
	}
	q, pullQ := linear(first.pick(x), "q_proj")
	k, pullK := linear(x, "k_proj")
	w, pullV := linear(x, "v_proj")
	o, pullHeads := heads(q, k, w, form, 1)
	y, pullC := linear(o, "c_proj")
	return Wide(y), func(dy *Node, needX bool) *Node {
		dq, dk, dv := pullHeads(pullC(t.Narrow(dy), true))
		dx := Add(Add(pullK(dk, true), pullV(dv, true)), first.spread(pullQ(dq, true)))
		dx = Reshape(dx, s.batch, form.tokens, d)
		t.Give(positions, func() *Node { return ReduceSum(Wide(dx), 0) })
		if !needX {
			return nil
		}
		dmean := MulScalar(Slice(dx, AxisRange(), AxisRange(0, 1)), 1/float64(patches))
		dx = Add(Slice(dx, AxisRange(), AxisRange(1)), dmean)
		return Reshape(dx, s.batch*patches, d)
	}
}
