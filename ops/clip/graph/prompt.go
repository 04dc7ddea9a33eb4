package graph

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
)

// promptGraph is a step being built.
type promptGraph struct {
	tape  *Tape
	shape clip.PromptShape
	batch int // images
	Loss  *Node
	Nodes map[string]*Node // the prompt's parameters
	grads map[string]*Node
}

func (p *promptGraph) Outputs(names []string) []*Node {
	out := []*Node{p.Loss}
	for _, name := range names {
		out = append(out, p.grads[name])
	}
	return out
}

// rows is the number of prompts that go through the tower: those of the
// classes, for each image where the image moves them.
func (p *promptGraph) rows() int {
	if p.shape.Contexts == clip.ImageContext {
		return p.batch * p.shape.Classes
	}
	return p.shape.Classes
}

// NewPromptGraph runs the text tower forward and back to the context vectors.
func NewPromptGraph(g *Graph, cfg clip.Config, shape clip.PromptShape, batch int) *promptGraph {
	tape := New(g, cfg, nil)
	p := &promptGraph{tape: tape, shape: shape, batch: batch, Nodes: map[string]*Node{}, grads: map[string]*Node{}}
	u := Input(g, ImageFeaturesInput, batch, cfg.Dim())
	x, pullPlace := p.placed(u)
	context := cfg.ContextLength()
	ids := Parameter(g, TokensInput, shapes.Make(dtypes.Int64, shape.Classes, context))
	if rows := p.rows(); rows > shape.Classes {
		ids = Reshape(BroadcastToDims(InsertAxes(ids, 0), batch, shape.Classes, context), rows, context)
	}
	v, pullTower := tape.EmbeddedText(x, ids)
	loss, dv := p.lossOf(u, v, Exp(tape.At("logit_scale")), Input(g, TargetsInput, batch, shape.Classes))
	p.Loss = loss
	pullPlace(pullTower(dv))
	return p
}

// lossOf is the mean cross entropy of the images' classes and its gradient to the
// text features.
func (p *promptGraph) lossOf(u, v, scale, targets *Node) (loss, dv *Node) {
	n := 1 / float64(p.batch)
	if p.shape.Contexts != clip.ImageContext {
		logits := Mul(matmul(u, transpose(v)), scale)
		value, slope := crossEntropy(logits, targets)
		return MulScalar(ColumnSums(value), n), Mul(matmul(transpose(MulScalar(slope, n)), u), scale)
	}
	of := Reshape(u, p.batch, 1, p.tape.cfg.Dim())
	logits := Mul(ReduceSum(Mul(of, Reshape(v, p.batch, p.shape.Classes, p.tape.cfg.Dim())), -1), scale)
	value, slope := crossEntropy(logits, targets)
	dlogits := Reshape(Mul(MulScalar(slope, n), scale), p.batch, p.shape.Classes, 1)
	return MulScalar(ColumnSums(value), n), Reshape(Mul(dlogits, of), p.batch*p.shape.Classes, p.tape.cfg.Dim())
}

// placed puts the context vectors among the tokens: [rows*T, D]. Its pull gives
// the gradients of the prompt's parameters.
func (p *promptGraph) placed(u *Node) (*Node, func(dx *Node)) {
	width, tokens, m := p.tape.cfg.Model.Text.Width, p.tape.cfg.ContextLength(), p.shape.Length
	embedded := Input(p.tape.Graph, EmbeddedInput, p.shape.Classes*tokens, width)
	place := Input(p.tape.Graph, PlaceInput, p.shape.Classes*tokens, m)
	if p.shape.Contexts == clip.ClassContext {
		context := p.at(clip.ContextName, p.shape.Classes*m, width)
		of := Reshape(place, p.shape.Classes, 1, tokens, m)
		moved := Reshape(batched(of, Reshape(context, p.shape.Classes, 1, m, width)), p.shape.Classes*tokens, width)
		return Add(embedded, moved), func(dx *Node) {
			p.grads[clip.ContextName] = Reshape(batched(swap(of), Reshape(dx, p.shape.Classes, 1, tokens, width)), p.shape.Classes*m, width)
		}
	}
	x := Add(embedded, matmul(place, p.at(clip.ContextName, m, width)))
	if p.shape.Contexts == clip.SharedContext {
		return x, func(dx *Node) { p.grads[clip.ContextName] = matmul(transpose(place), dx) }
	}
	move, pullMeta := p.meta(u)
	is := RowSums(place) // [C*T, 1]
	rows := p.shape.Classes * tokens
	x = Add(Reshape(x, 1, rows, width), Mul(Reshape(is, 1, rows, 1), Reshape(move, p.batch, 1, width)))
	return Reshape(x, p.batch*rows, width), func(dx *Node) {
		dx = Reshape(dx, p.batch, rows, width)
		p.grads[clip.ContextName] = matmul(transpose(place), ReduceSum(dx, 0))
		pullMeta(ReduceSum(Mul(dx, Reshape(is, 1, rows, 1)), 1))
	}
}

// meta is CoCoOp's network: image features [B, E] to vectors [B, D].
func (p *promptGraph) meta(u *Node) (*Node, func(dy *Node)) {
	width, dim := p.tape.cfg.Model.Text.Width, p.tape.cfg.Dim()
	hidden := clip.MetaWidth(dim)
	in, out := p.at(clip.MetaIn, hidden, dim), p.at(clip.MetaOut, width, hidden)
	h := Add(matmul(u, transpose(in)), p.at(clip.MetaInBias, 1, hidden))
	a := MaxScalar(h, 0)
	return Add(matmul(a, transpose(out)), p.at(clip.MetaOutBias, 1, width)), func(dy *Node) {
		p.grads[clip.MetaOut], p.grads[clip.MetaOutBias] = matmul(transpose(dy), a), ColumnSums(dy)
		dh := Mul(matmul(dy, out), Sign(a))
		p.grads[clip.MetaIn], p.grads[clip.MetaInBias] = matmul(transpose(dh), u), ColumnSums(dh)
	}
}

func (p *promptGraph) at(name string, dims ...int) *Node {
	p.Nodes[name] = Input(p.tape.Graph, ParamPrefix+name, dims...)
	return p.Nodes[name]
}
