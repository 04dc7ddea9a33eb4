package graph

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
)

// ImageTower gives the features [B, E] of pixels [B, 3, S, S], not yet of length 1.
func (t *Tape) ImageTower(pixels *Node) *Node {
	if t.cfg.ResNet() {
		return t.resnetTower(pixels)
	}
	s := t.imageStream(pixels)
	x := t.imageBlocks(pixels, s, t.classToken(s))
	return t.project(t.layerNorm(x, "visual.ln_post"), "visual.proj")
}

// ImageTokens are the tokens [B*T, D] after the last norm, the class token
// first, or a ResNet's last feature map: what dense tasks read instead of the
// pooled features.
func (t *Tape) ImageTokens(pixels *Node) *Node {
	if t.cfg.ResNet() {
		x, _ := t.FeatureMap(pixels, clip.ResNetStages)
		return Wide(x)
	}
	return Wide(t.layerNorm(t.imageBlocks(pixels, t.imageStream(pixels), nil), "visual.ln_post"))
}

func (t *Tape) imageStream(pixels *Node) stream {
	v := t.cfg.Model.Vision
	return stream{batch: pixels.Shape().Dimensions[0], tokens: t.patches(pixels).places() + 1, width: v.Width, heads: v.Heads()}
}

// patches is the grid of pixels [B, 3, H, W].
func (t *Tape) patches(pixels *Node) Plane {
	dims, p := pixels.Shape().Dimensions, t.cfg.Model.Vision.PatchSize
	return Plane{dims[0], dims[2] / p, dims[3] / p}
}

func (t *Tape) imageBlocks(pixels *Node, s stream, pool *pooling) *Node {
	last := t.cfg.Model.Vision.Layers - 1
	return t.block(t.beforeLast(pixels, s), clip.VisionBlock(last), s, pool)
}

// beforeLast is what the last block reads: a gate that stands before it is done.
func (t *Tape) beforeLast(pixels *Node, s stream) *Node {
	v := t.cfg.Model.Vision
	x := t.layerNorm(t.embedPatches(pixels, s), "visual.ln_pre")
	for i := range v.Layers {
		if i > 0 {
			x = t.block(x, clip.VisionBlock(i-1), s, nil)
		}
		if i >= v.Layers-t.cfg.Gates() {
			x = t.gate(x, clip.GateOf(clip.VisionBlock(i)), s)
		}
	}
	return x
}

func lastOnly(pool *pooling, last bool) *pooling {
	if last {
		return pool
	}
	return nil
}

// embedPatches makes the tokens [B*T, D]: the class token, then the patches in
// rows from the top left, plus positions. The convolution is a product, since
// its stride is its size.
func (t *Tape) embedPatches(pixels *Node, s stream) *Node {
	grid, p, patches := t.patches(pixels), t.cfg.Model.Vision.PatchSize, s.tokens-1
	unfolded := Reshape(pixels, s.batch, 3, grid.Height, p, grid.Width, p)
	unfolded = TransposeAllAxes(unfolded, 0, 2, 4, 1, 3, 5)
	unfolded = t.Narrow(Reshape(unfolded, s.batch*patches, 3*p*p))
	x := Reshape(t.weighted(unfolded, t.At("visual.conv1.weight")), s.batch, patches, s.width)
	class := BroadcastToDims(Reshape(t.weight("visual.class_embedding"), 1, 1, s.width), s.batch, 1, s.width)
	x = Concatenate([]*Node{class, x}, 1)
	x = Add(x, Reshape(t.Narrow(t.positions(grid)), 1, s.tokens, s.width))
	return Reshape(x, s.batch*s.tokens, s.width)
}

// classToken picks the first token. Its gradient is 0 at the others, by a mask: GoMLX's is
// padded, which ONNX Runtime has no operation for.
func (t *Tape) classToken(s stream) *pooling {
	return &pooling{pick: func(x *Node) *Node {
		all := Reshape(x, s.batch, s.tokens, s.width)
		first := t.ruled(Slice(all, AxisRange(), AxisRange(0, 1)), by{all, func(dy *Node) *Node {
			place := Iota(t.Graph, shapes.Make(dtypes.Int64, 1, s.tokens, 1), 1)
			return Mul(dy, ConvertDType(Equal(place, ZerosLike(place)), dy.DType()))
		}})
		return Reshape(first, s.batch, s.width)
	}}
}

// TextTower gives the features [B, E] of token ids [B, T], not yet of length 1.
func (t *Tape) TextTower(ids *Node) *Node {
	s := t.textStream(ids)
	return t.textFeatures(t.embedTokens(ids, s), ids, s)
}

// EmbeddedText is the text tower on embedded tokens [B*T, D], up to features of
// length 1; ids tell where the texts end.
func (t *Tape) EmbeddedText(x, ids *Node) *Node {
	return t.Normalize(t.textFeatures(x, ids, t.textStream(ids)))
}

func (t *Tape) textFeatures(x, ids *Node, s stream) *Node {
	x = t.textBlocks(x, s, lastToken(ids, s))
	return t.project(t.layerNorm(x, "ln_final"), "text_projection")
}

// TextTokens are the tokens [B*T, D] after the last norm.
func (t *Tape) TextTokens(ids *Node) *Node {
	s := t.textStream(ids)
	return Wide(t.layerNorm(t.textBlocks(t.embedTokens(ids, s), s, nil), "ln_final"))
}

func (t *Tape) textStream(ids *Node) stream {
	c := t.cfg.Model.Text
	return stream{batch: ids.Shape().Dimensions[0], tokens: c.ContextLength, width: c.Width, heads: c.Heads,
		mask: causalMask(ids.Graph(), c.ContextLength)}
}

// textBlocks takes embedded tokens [B*T, D] through the blocks.
func (t *Tape) textBlocks(x *Node, s stream, pool *pooling) *Node {
	for i := range t.cfg.Model.Text.Layers {
		x = t.block(x, clip.TextBlock(i), s, lastOnly(pool, i == t.cfg.Model.Text.Layers-1))
	}
	return x
}

// lastToken picks the end of text: the token with the highest id.
func lastToken(ids *Node, s stream) *pooling {
	end := ArgMax(ids, 1, dtypes.Int64) // [B]
	at := Reshape(end, s.batch, 1, 1)
	position := Iota(ids.Graph(), shapes.Make(dtypes.Int64, 1, s.tokens, 1), 1)
	mask := ConvertDType(Equal(at, position), dtypes.Float32) // [B, T, 1]
	after := ConvertDType(GreaterThan(position, at), dtypes.Float32)
	return &pooling{
		pick: func(x *Node) *Node {
			return ReduceSum(Mul(Reshape(x, s.batch, s.tokens, s.width), as(mask, x.DType())), 1)
		},
		mask: Reshape(MulScalar(after, masked), s.batch, 1, 1, s.tokens),
	}
}

// OneHotVocab is the largest vocabulary whose gradient is one product with the
// one-hot ids; above it the batch's distinct ids are used (see distinctIDs).
const OneHotVocab = 4096

// embedTokens looks up the tokens' vectors and adds positions: [B*T, D].
func (t *Tape) embedTokens(ids *Node, s stream) *Node {
	x := Reshape(t.lookup(t.At("token_embedding.weight"), Reshape(ids, s.batch*s.tokens, 1)), s.batch, s.tokens, s.width)
	x = Add(x, Reshape(t.At("positional_embedding"), 1, s.tokens, s.width))
	return t.Narrow(Reshape(x, s.batch*s.tokens, s.width))
}

// lookup gives the rows of a table [V, D] by their ids [n, 1]: [n, D]. The gradient is a
// product with one-hot ids. GoMLX's is a scatter, which adds repeated ids in an order that
// changes from run to run, and on ONNX Runtime loses some.
func (t *Tape) lookup(table, ids *Node) *Node {
	return t.ruled(Gather(table, ids), by{table, func(dx *Node) *Node { return t.tableGradient(ids, t.Narrow(dx)) }})
}

// tableGradient sums the rows of dx [n, D] by their ids [n, 1]: [V, D].
func (t *Tape) tableGradient(ids, dx *Node) *Node {
	vocab := t.cfg.VocabSize()
	flat := Reshape(ids, ids.Shape().Dimensions[0])
	if vocab <= OneHotVocab {
		return product(transpose(OneHot(flat, vocab, dx.DType())), dx)
	}
	slots := numSlots(vocab, flat.Shape().Dimensions[0])
	distinct := IDs(t.Graph, DistinctInput, slots, 1)
	slot := IDs(t.Graph, SlotInput, flat.Shape().Dimensions[0])
	sums := product(transpose(OneHot(slot, slots, dx.DType())), dx) // [slots, D]
	return Scatter(distinct, sums, shapes.Make(dtypes.Float32, vocab, dx.Shape().Dimensions[1]), false, true)
}
