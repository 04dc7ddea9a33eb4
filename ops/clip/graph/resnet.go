package graph

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
)

// resnetTower gives the features [B, E] of pixels by CLIP's modified ResNet: a
// stem of three convolutions and an average pool, four stages of bottlenecks
// whose strides are average pools, and attention pooling.
func (t *Tape) resnetTower(pixels *Node) *Node {
	return t.attentionPool(t.FeatureMap(pixels, clip.ResNetStages))
}

// FeatureMap is the map after so many stages, 0 for the stem alone: activations
// [positions, channels] and their form. Dense tasks read it: the last one is
// what attention pooling takes, the one before it what detectors crop from.
func (t *Tape) FeatureMap(pixels *Node, stages int) (*Node, Plane) {
	x, s := t.stem(pixels)
	return t.stages(x, s, t.cfg.Model.Vision.Bottlenecks()[:stages])
}

// stages takes a map through the bottlenecks of some stages.
func (t *Tape) stages(x *Node, s Plane, stages [][]clip.Bottleneck) (*Node, Plane) {
	for _, b := range slices.Concat(stages...) {
		x = t.bottleneck(x, s, b)
		if b.Stride > 1 {
			s = s.halved()
		}
	}
	return x, s
}

// stem takes pixels to a quarter of their sides.
func (t *Tape) stem(pixels *Node) (*Node, Plane) {
	dims := pixels.Shape().Dimensions // [B, 3, H, W]
	s := Plane{dims[0], (dims[2] + 1) / 2, (dims[3] + 1) / 2}
	x := t.convReLU(t.Narrow(pixels), "visual", "1", stem{s})
	x = t.convReLU(x, "visual", "2", around{s})
	x = t.convReLU(x, "visual", "3", around{s})
	return t.averagePool(x, s), s.halved()
}

// bottleneck is relu(shortcut(x) + narrow, look around, widen).
func (t *Tape) bottleneck(x *Node, s Plane, b clip.Bottleneck) *Node {
	return t.recomputed(x, func(x *Node) *Node {
		h := t.convReLU(x, b.Name, "1", pointwise{})
		h = t.convReLU(h, b.Name, "2", around{s})
		if b.Stride > 1 {
			h = t.averagePool(h, s)
		}
		h = t.convNorm(h, b.Name+".conv3", b.Name+".bn3", pointwise{})
		return t.relu(Add(h, t.shortcut(x, s, b)))
	})
}

func (t *Tape) shortcut(x *Node, s Plane, b clip.Bottleneck) *Node {
	if !b.Shortcut() {
		return x
	}
	if b.Stride > 1 {
		x = t.averagePool(x, s)
	}
	return t.convNorm(x, b.Name+".downsample.0", b.Name+".downsample.1", pointwise{})
}

// convReLU is a numbered convolution with its BatchNorm and ReLU.
func (t *Tape) convReLU(x *Node, name, number string, c convolution) *Node {
	return t.relu(t.convNorm(x, name+".conv"+number, name+".bn"+number, c))
}

// batchNormEpsilon is PyTorch's.
const batchNormEpsilon = 1e-5

// convNorm is a convolution and the BatchNorm behind it. The statistics are the
// running ones, in training too, and stay as they are: those of a batch of
// retrieved pairs are not the pool's. Such a BatchNorm is a factor and a shift
// of each channel, and the factor is folded into the convolution's weights.
func (t *Tape) convNorm(x *Node, conv, bn string, c convolution) *Node {
	scale := Reciprocal(Sqrt(AddScalar(t.At(bn+clip.RunningVar), batchNormEpsilon)))
	factor := Mul(t.At(bn+".weight"), scale) // [1, out], as the others
	folded := Mul(t.At(conv+".weight"), transpose(factor))
	narrow := t.Narrow(folded)
	y := t.ruled(c.apply(x, narrow),
		by{x, func(dy *Node) *Node { return c.toInput(dy, narrow) }},
		by{folded, func(dy *Node) *Node { return c.toWeights(x, dy) }})
	return Add(y, t.Narrow(Sub(t.At(bn+".bias"), Mul(t.At(bn+clip.RunningMean), factor))))
}

// attentionPool attends from the mean of the map, with a position of its own
// before those of the map, to all of them: [B, E].
func (t *Tape) attentionPool(x *Node, s Plane) *Node {
	v := t.cfg.Model.Vision
	form := stream{batch: s.Batch, tokens: v.Tokens(), width: v.Features(), heads: v.Heads()}
	patches, d := form.tokens-1, form.width
	x = Reshape(x, s.Batch, patches, d)
	mean := t.Narrow(MulScalar(t.sums(Wide(x), 1), 1/float64(patches)))
	x = Add(Concatenate([]*Node{mean, x}, 1), Reshape(t.weight(clip.AttentionPool+".positional_embedding"), 1, form.tokens, d))
	x = Reshape(x, s.Batch*form.tokens, d)
	q, k, w := t.pooling(t.classToken(form).pick(x), "q"), t.pooling(x, "k"), t.pooling(x, "v")
	return Wide(t.pooling(t.heads(q, k, w, form, 1), "c"))
}

// pooling is one of the attention pool's four linear maps.
func (t *Tape) pooling(x *Node, letter string) *Node {
	name := clip.AttentionPool + "." + letter + "_proj"
	return t.linear(x, name+".weight", name+".bias")
}
