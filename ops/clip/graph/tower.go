package graph

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
)

// EmbeddedText is the text tower on embedded tokens [B*T, D], up to features of
// length 1.
func (t *Tape) EmbeddedText(x, ids *Node) (*Node, func(dv *Node) *Node) {
	s := t.textStream(ids)
	x, pulls := t.textLayers(x, s, lastToken(ids, s))
	x, pullNorm := t.layerNorm(x, "ln_final")
	x, pullProj := t.project(x, "text_projection")
	v, pullV := Normalize(x)
	return v, func(dv *Node) *Node { return pulls(pullNorm(pullProj(pullV(dv, true), true), true)) }
}

// ImageTower gives the features [B, E] of pixels [B, 3, S, S], not yet of length
// 1. Its pull builds the gradients of what trains; nothing goes back to pixels.
func (t *Tape) ImageTower(pixels *Node) (*Node, func(dy *Node)) {
	if t.cfg.ResNet() {
		return t.resnetTower(pixels)
	}
	s := t.imageStream(pixels)
	x, pulls := t.imageBlocks(pixels, s, classToken(s))
	x, pullNorm := t.layerNorm(x, "visual.ln_post")
	x, pullProj := t.project(x, "visual.proj")
	return x, func(dy *Node) { pulls(pullNorm(pullProj(dy, true), true)) }
}

// ImageTokens are the tokens [B*T, D] after the last norm, the class token
// first, or a ResNet's last feature map: what dense tasks read instead of the
// pooled features.
func (t *Tape) ImageTokens(pixels *Node) *Node {
	if t.cfg.ResNet() {
		x, _, _ := t.FeatureMap(pixels, clip.ResNetStages)
		return Wide(x)
	}
	x, _ := t.imageBlocks(pixels, t.imageStream(pixels), nil)
	x, _ = t.layerNorm(x, "visual.ln_post")
	return Wide(x)
}

func (t *Tape) imageStream(pixels *Node) stream {
	v := t.cfg.Model.Vision
	return stream{batch: pixels.Shape().Dimensions[0], tokens: v.Tokens(), width: v.Width, heads: v.Heads()}
}

// layer is a block of a tower as the backward pass sees it: its pull, and
// whether it or anything before it trains.
type layer struct {
	pull  pull
	below bool // something before it trains
}

func (t *Tape) imageBlocks(pixels *Node, s stream, pool *pooling) (*Node, func(dy *Node)) {
	v := t.cfg.Model.Vision
	x, pullEmbed := t.embedPatches(pixels, s)
	x, pullPre := t.layerNorm(x, "visual.ln_pre")
	below := t.trains["visual.ln_pre.weight"]
	var layers []layer
	add := func(p pull, name string) {
		layers = append(layers, layer{p, below})
		below = below || t.trains[name]
	}
	for i := range v.Layers {
		name := clip.VisionBlock(i)
		var p pull
		if i >= v.Layers-t.cfg.Gates() {
			x, p = t.gate(x, clip.GateOf(name), s)
			add(p, clip.GateOf(name)+".alpha_attn")
		}
		x, p = t.block(x, name, s, lastOnly(pool, i == v.Layers-1))
		add(p, name+".ln_1.weight")
	}
	return x, func(dy *Node) {
		if dy = pullLayers(layers, dy); dy != nil {
			pullEmbed(pullPre(dy, true))
		}
	}
}

// pullLayers goes back through the layers as far as something trains; nil when
// nothing does before them.
func pullLayers(layers []layer, dy *Node) *Node {
	for i := len(layers) - 1; i >= 0; i-- {
		dy = layers[i].pull(dy, layers[i].below)
		if !layers[i].below {
			return nil
		}
	}
	return dy
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
func (t *Tape) embedPatches(pixels *Node, s stream) (*Node, func(dx *Node)) {
	v := t.cfg.Model.Vision
	n, p, patches := v.ImageSize/v.PatchSize, v.PatchSize, s.tokens-1
	unfolded := Reshape(pixels, s.batch, 3, n, p, n, p)
	unfolded = TransposeAllAxes(unfolded, 0, 2, 4, 1, 3, 5)
	unfolded = t.Narrow(Reshape(unfolded, s.batch*patches, 3*p*p))
	conv := "visual.conv1.weight"
	x := Reshape(matmul(unfolded, transpose(t.weight(conv))), s.batch, patches, s.width)
	class := BroadcastToDims(Reshape(t.weight("visual.class_embedding"), 1, 1, s.width), s.batch, 1, s.width)
	x = Concatenate([]*Node{class, x}, 1)
	x = Add(x, Reshape(t.weight("visual.positional_embedding"), 1, s.tokens, s.width))
	return Reshape(x, s.batch*s.tokens, s.width), func(dx *Node) {
		dx = Reshape(dx, s.batch, s.tokens, s.width)
		positions := ReduceSum(Wide(dx), 0) // [T, D]
		t.Give("visual.positional_embedding", func() *Node { return positions })
		t.Give("visual.class_embedding", func() *Node { return Slice(positions, AxisRange(0, 1)) })
		t.Give(conv, func() *Node {
			d := Reshape(Slice(dx, AxisRange(), AxisRange(1)), s.batch*patches, s.width)
			return product(transpose(d), unfolded)
		})
	}
}

// classToken picks the first token.
func classToken(s stream) *pooling {
	return &pooling{
		pick: func(x *Node) *Node {
			x = Slice(Reshape(x, s.batch, s.tokens, s.width), AxisRange(), AxisRange(0, 1))
			return Reshape(x, s.batch, s.width)
		},
		spread: func(dx *Node) *Node {
			first := make([][]float32, s.tokens)
			for i := range first {
				first[i] = []float32{0}
			}
			first[0][0] = 1
			return spread(dx, InsertAxes(Const(dx.Graph(), first), 0), s)
		},
	}
}

// spread puts rows [B, D] where the mask [B or 1, T, 1] is 1: [B*T, D].
func spread(dx, mask *Node, s stream) *Node {
	return Reshape(Mul(Reshape(dx, s.batch, 1, s.width), as(mask, dx.DType())), s.batch*s.tokens, s.width)
}

// TextTower gives the features [B, E] of token ids [B, T], not yet of length 1.
func (t *Tape) TextTower(ids *Node) (*Node, func(dy *Node)) {
	s := t.textStream(ids)
	x, pulls := t.textBlocks(ids, s, lastToken(ids, s))
	x, pullNorm := t.layerNorm(x, "ln_final")
	x, pullProj := t.project(x, "text_projection")
	return x, func(dy *Node) { pulls(pullNorm(pullProj(dy, true), true)) }
}

// TextTokens are the tokens [B*T, D] after the last norm.
func (t *Tape) TextTokens(ids *Node) *Node {
	x, _ := t.textBlocks(ids, t.textStream(ids), nil)
	x, _ = t.layerNorm(x, "ln_final")
	return Wide(x)
}

func (t *Tape) textStream(ids *Node) stream {
	c := t.cfg.Model.Text
	return stream{batch: ids.Shape().Dimensions[0], tokens: c.ContextLength, width: c.Width, heads: c.Heads,
		mask: causalMask(ids.Graph(), c.ContextLength)}
}

func (t *Tape) textBlocks(ids *Node, s stream, pool *pooling) (*Node, func(dy *Node)) {
	x, pullEmbed := t.embedTokens(ids, s)
	x, pulls := t.textLayers(x, s, pool)
	return x, func(dy *Node) { pullEmbed(pulls(dy)) }
}

// textLayers takes embedded tokens [B*T, D] through the blocks; its pull gives
// their gradient.
func (t *Tape) textLayers(x *Node, s stream, pool *pooling) (*Node, func(dy *Node) *Node) {
	var layers []layer
	for i := range t.cfg.Model.Text.Layers {
		var p pull
		x, p = t.block(x, clip.TextBlock(i), s, lastOnly(pool, i == t.cfg.Model.Text.Layers-1))
		layers = append(layers, layer{p, true})
	}
	return x, func(dy *Node) *Node { return pullLayers(layers, dy) }
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
		spread: func(dx *Node) *Node { return spread(dx, mask, s) },
		mask:   Reshape(MulScalar(after, masked), s.batch, 1, 1, s.tokens),
	}
}

// OneHotVocab is the largest vocabulary whose gradient is one product with the
// one-hot ids; above it the batch's distinct ids are used (see distinctIDs).
const OneHotVocab = 4096

// embedTokens looks up the tokens' vectors and adds positions: [B*T, D]. The
// gradient is a product with one-hot ids and not a scatter, which would add
// repeated ids in an order that changes from run to run.
func (t *Tape) embedTokens(ids *Node, s stream) (*Node, func(dx *Node)) {
	table := "token_embedding.weight"
	flat := Reshape(ids, s.batch*s.tokens, 1)
	x := Reshape(Gather(t.At(table), flat), s.batch, s.tokens, s.width)
	x = Add(x, Reshape(t.At("positional_embedding"), 1, s.tokens, s.width))
	return t.Narrow(Reshape(x, s.batch*s.tokens, s.width)), func(dx *Node) {
		t.Give(table, func() *Node { return t.tableGradient(flat, dx) })
		t.Give("positional_embedding", func() *Node {
			return ReduceSum(Wide(Reshape(dx, s.batch, s.tokens, s.width)), 0)
		})
	}
}

// tableGradient sums the rows of dx [n, D] by their ids [n, 1]: [V, D].
func (t *Tape) tableGradient(ids, dx *Node) *Node {
	vocab := t.cfg.VocabSize()
	flat := Reshape(ids, ids.Shape().Dimensions[0])
	if vocab <= OneHotVocab {
		return product(transpose(OneHot(flat, vocab, dx.DType())), dx)
	}
	slots := numSlots(vocab, flat.Shape().Dimensions[0])
	distinct := Parameter(t.Graph, DistinctInput, shapes.Make(dtypes.Int64, slots, 1))
	slot := Parameter(t.Graph, SlotInput, shapes.Make(dtypes.Int64, flat.Shape().Dimensions[0]))
	sums := product(transpose(OneHot(slot, slots, dx.DType())), dx) // [slots, D]
	return Scatter(distinct, sums, shapes.Make(dtypes.Float32, vocab, dx.Shape().Dimensions[1]), false, true)
}

// AnyTrains says whether any parameter of a kind trains.
func (t *Tape) AnyTrains(of func(name string) bool) bool {
	for name := range t.trains {
		if of(name) {
			return true
		}
	}
	return false
}
