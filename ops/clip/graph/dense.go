package graph

import (
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/resample"
)

// positions are the positional embeddings [1+places, D] of a grid of patches. Those of the model's
// own grid are the parameter; another grid takes them resized as an image, the class token's apart,
// bicubically without antialias. MaskCLIP's code, which does so too, leaves them as they are where
// a grid of another form has as many places.
func (t *Tape) positions(grid Plane) *Node {
	all, side := t.At("visual.positional_embedding"), t.cfg.ImageSize()/t.cfg.Model.Vision.PatchSize
	if grid.Height == side && grid.Width == side {
		return all
	}
	width := all.Shape().Dimensions[1]
	parts := t.split(all, 0, 1, side*side)
	x := Reshape(parts[1], side, side*width)
	x = t.product(Const(t.Graph, resample.Bicubic(side, grid.Height).Matrix(side)), x) // [H, side*D]
	x = TransposeAllAxes(Reshape(x, grid.Height, side, width), 1, 0, 2)
	x = t.product(Const(t.Graph, resample.Bicubic(side, grid.Width).Matrix(side)), Reshape(x, side, -1)) // [W, H*D]
	x = TransposeAllAxes(Reshape(x, grid.Width, grid.Height, width), 1, 0, 2)
	return Concatenate([]*Node{parts[0], Reshape(x, grid.places(), width)}, 0)
}

// Values are MaskCLIP's values and keys of pixels [B, 3, H, W], which stand for the places of the
// map that the last attention of the tower reads: [B*places, D] each, in rows from the top left.
// In a ViT the last attention is replaced by its value, and D is the tower's width; in a ResNet the
// attention pool's value is projected, and D is the embedding's length.
func (t *Tape) Values(pixels *Node) (values, keys *Node, s Plane) {
	if t.cfg.ResNet() {
		x, s := t.FeatureMap(pixels, clip.ResNetStages)
		return Wide(t.pooling(t.pooling(x, "v"), "c")), Wide(t.pooling(x, "k")), s
	}
	form, grid := t.imageStream(pixels), t.patches(pixels)
	values, keys = t.valuePath(t.beforeLast(pixels, form), clip.VisionBlock(t.cfg.Model.Vision.Layers-1))
	places := func(x *Node) *Node { return t.withoutClass(x, form) }
	return places(Wide(t.layerNorm(values, "visual.ln_post"))), places(Wide(keys)), grid
}

// valuePath is a block whose attention looks at nothing but the token itself: each of query, key
// and value passes the output projection, and the value is what is added.
func (t *Tape) valuePath(x *Node, name string) (value, key *Node) {
	width := x.Shape().Dimensions[1]
	h := t.layerNorm(x, name+".ln_1")
	weights := t.split(t.At(name+".attn.in_proj_weight"), 0, width, width, width)
	biases := t.split(t.At(name+".attn.in_proj_bias"), 1, width, width, width)
	through := func(i int) *Node {
		return t.linear(t.affine(h, weights[i], biases[i]), name+".attn.out_proj.weight", name+".attn.out_proj.bias")
	}
	x = Add(x, through(2))
	return Add(x, t.mlp(t.layerNorm(x, name+".ln_2"), name+".mlp")), through(1)
}

// Tokens are a ViT's tokens of the places of its grid after the last norm, [B*places, D].
func (t *Tape) Tokens(pixels *Node) (*Node, Plane) {
	return t.withoutClass(t.ImageTokens(pixels), t.imageStream(pixels)), t.patches(pixels)
}

// withoutClass drops the first token of each sequence.
func (t *Tape) withoutClass(x *Node, s stream) *Node {
	parts := t.split(Reshape(x, s.batch, s.tokens, s.width), 1, 1, s.tokens-1)
	return Reshape(parts[1], s.batch*(s.tokens-1), s.width)
}

// Projected takes what Values and Tokens give to embeddings of length 1: [n, E].
func (t *Tape) Projected(x *Node) *Node {
	if !t.cfg.ResNet() {
		x = t.project(t.Narrow(x), "visual.proj")
	}
	return t.Normalize(Wide(x))
}

// RoIAlign samples boxes of one map [H*W, C] by the weights of their rows [R, h, H] and columns
// [R, w, W] (resample.Align): [R*h*w, C]. It is two products, so that no engine needs an operation
// of its own, and gradients go back through it.
func (t *Tape) RoIAlign(x *Node, s Plane, rows, columns *Node) (*Node, Plane) {
	channels := x.Shape().Dimensions[1]
	out := Plane{rows.Shape().Dimensions[0], rows.Shape().Dimensions[1], columns.Shape().Dimensions[1]}
	x = t.product(Reshape(t.Narrow(rows), out.Batch*out.Height, s.Height), Reshape(x, s.Height, s.Width*channels))
	x = Reshape(x, out.Batch, out.Height, s.Width, channels)
	columns = BroadcastToDims(InsertAxes(t.Narrow(columns), 1), out.Batch, out.Height, out.Width, s.Width)
	return Reshape(t.product(columns, x), out.positions(), channels), out
}

// MeanOfRegions is the mean of RoIAlign over each box, by the mean weights of its rows [R, H] and
// columns [R, W]: [R, C].
func (t *Tape) MeanOfRegions(x, rows, columns *Node) *Node {
	weights := Mul(InsertAxes(t.Narrow(rows), 2), InsertAxes(t.Narrow(columns), 1)) // [R, H, W]
	return t.product(Reshape(weights, rows.Shape().Dimensions[0], -1), x)
}

// PooledRegions embeds regions of a ResNet's map before its last stage, RoIAligned to half of the
// attention pool's stride: [R, E] of length 1.
func (t *Tape) PooledRegions(x *Node, s Plane) *Node {
	x, s = t.stages(x, s, t.cfg.Model.Vision.Bottlenecks()[clip.ResNetStages-1:])
	return t.Normalize(t.attentionPool(x, s))
}
