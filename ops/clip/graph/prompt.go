package graph

import (
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
)

// promptGraph is a step of learning a prompt through the frozen text tower.
type promptGraph struct {
	*Tape
	clip.PromptShape
	batch int // images
}

// PromptLoss is the loss of a batch of image features under prompts with learned contexts; the
// prompt's parameters w, in their order, and the gradients to them.
func PromptLoss(g *Graph, cfg clip.Config, shape clip.PromptShape, w *clip.Weights, batch int) (loss *Node, params, grads []*Node) {
	p := promptGraph{Tape: New(g, cfg), PromptShape: shape, batch: batch}
	for _, name := range w.Names() {
		p.Shape[name] = DeviceShape(w.At(name).Shape)
	}
	u := Input(g, ImageFeaturesInput, batch, cfg.Dim())
	v := p.EmbeddedText(p.placed(u), p.ids())
	loss = MulScalar(p.ColumnSums(p.crossEntropy(p.logits(u, v), Input(g, TargetsInput, batch, shape.Classes))), 1/float64(batch))
	for _, name := range w.Names() {
		params = append(params, p.At(name))
	}
	return loss, params, p.LossGradients(loss, w.Names())
}

// ids are the token ids of the prompts that go through the tower: those of the classes, for
// each image where the image moves them.
func (p promptGraph) ids() *Node {
	context := p.cfg.ContextLength()
	ids := IDs(p.Graph, TokensInput, p.Classes, context)
	if p.Contexts != clip.ImageContext {
		return ids
	}
	return Reshape(BroadcastToDims(InsertAxes(ids, 0), p.batch, p.Classes, context), p.batch*p.Classes, context)
}

// logits [B, C] of image features and the prompts' features.
func (p promptGraph) logits(u, v *Node) *Node {
	scale := Exp(p.At("logit_scale"))
	if p.Contexts != clip.ImageContext {
		return Mul(p.byRows(u, v), scale)
	}
	dim := p.cfg.Dim()
	similar := p.sums(Mul(Reshape(u, p.batch, 1, dim), Reshape(v, p.batch, p.Classes, dim)), -1)
	return Mul(Reshape(similar, p.batch, p.Classes), scale)
}

// placed puts the context vectors among the tokens: [prompts*T, D].
func (p promptGraph) placed(u *Node) *Node {
	width, tokens, m := p.cfg.Model.Text.Width, p.cfg.ContextLength(), p.Length
	rows := p.Classes * tokens
	embedded := Input(p.Graph, EmbeddedInput, rows, width)
	place, context := Input(p.Graph, PlaceInput, rows, m), p.At(clip.ContextName)
	if p.Contexts == clip.ClassContext {
		moved := p.product(Reshape(place, p.Classes, 1, tokens, m), Reshape(context, p.Classes, 1, m, width))
		return Add(embedded, Reshape(moved, rows, width))
	}
	x := Add(embedded, p.product(place, context))
	if p.Contexts == clip.SharedContext {
		return x
	}
	is := RowSums(place) // [C*T, 1]
	move := Reshape(p.meta(u), p.batch, 1, width)
	x = Add(Reshape(x, 1, rows, width), Mul(Reshape(is, 1, rows, 1), move))
	return Reshape(x, p.batch*rows, width)
}

// meta is CoCoOp's network: image features [B, E] to vectors [B, D].
func (p promptGraph) meta(u *Node) *Node {
	return p.linear(p.relu(p.linear(u, clip.MetaIn, clip.MetaInBias)), clip.MetaOut, clip.MetaOutBias)
}
