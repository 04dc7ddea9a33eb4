package clip

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// promptGraph is a step being built.
type promptGraph struct {
	tape  *tape
	shape PromptShape
	batch int // images
	loss  *Node
	nodes map[string]*Node // the prompt's parameters
	grads map[string]*Node
}

func (p *promptGraph) outputs(names []string) []*Node {
	out := []*Node{p.loss}
	for _, name := range names {
		out = append(out, p.grads[name])
	}
	return out
}

// rows is the number of prompts that go through the tower: those of the
// classes, for each image where the image moves them.
func (p *promptGraph) rows() int {
	if p.shape.Contexts == ImageContext {
		return p.batch * p.shape.Classes
	}
	return p.shape.Classes
}

// newPromptGraph runs the text tower forward and back to the context vectors.
func newPromptGraph(g *Graph, cfg Config, shape PromptShape, batch int) *promptGraph {
	tape := newTape(g, cfg, nil)
	p := &promptGraph{tape: tape, shape: shape, batch: batch, nodes: map[string]*Node{}, grads: map[string]*Node{}}
	u := input(g, imageFeaturesInput, batch, cfg.Dim())
	x, pullPlace := p.placed(u)
	context := cfg.ContextLength()
	ids := Parameter(g, tokensInput, shapes.Make(dtypes.Int64, shape.Classes, context))
	if rows := p.rows(); rows > shape.Classes {
		ids = Reshape(BroadcastToDims(InsertAxes(ids, 0), batch, shape.Classes, context), rows, context)
	}
	v, pullTower := tape.embeddedText(x, ids)
	loss, dv := p.lossOf(u, v, Exp(tape.at("logit_scale")), input(g, targetsInput, batch, shape.Classes))
	p.loss = loss
	pullPlace(pullTower(dv))
	return p
}

// lossOf is the mean cross entropy of the images' classes and its gradient to the
// text features.
func (p *promptGraph) lossOf(u, v, scale, targets *Node) (loss, dv *Node) {
	n := 1 / float64(p.batch)
	if p.shape.Contexts != ImageContext {
		logits := Mul(matmul(u, transpose(v)), scale)
		value, slope := crossEntropy(logits, targets)
		return MulScalar(columnSums(value), n), Mul(matmul(transpose(MulScalar(slope, n)), u), scale)
	}
	of := Reshape(u, p.batch, 1, p.tape.cfg.Dim())
	logits := Mul(ReduceSum(Mul(of, Reshape(v, p.batch, p.shape.Classes, p.tape.cfg.Dim())), -1), scale)
	value, slope := crossEntropy(logits, targets)
	dlogits := Reshape(Mul(MulScalar(slope, n), scale), p.batch, p.shape.Classes, 1)
	return MulScalar(columnSums(value), n), Reshape(Mul(dlogits, of), p.batch*p.shape.Classes, p.tape.cfg.Dim())
}

// placed puts the context vectors among the tokens: [rows*T, D]. Its pull gives
// the gradients of the prompt's parameters.
func (p *promptGraph) placed(u *Node) (*Node, func(dx *Node)) {
	width, tokens, m := p.tape.cfg.Model.Text.Width, p.tape.cfg.ContextLength(), p.shape.Length
	embedded := input(p.tape.g, embeddedInput, p.shape.Classes*tokens, width)
	place := input(p.tape.g, placeInput, p.shape.Classes*tokens, m)
	if p.shape.Contexts == ClassContext {
		context := p.at(contextName, p.shape.Classes*m, width)
		of := Reshape(place, p.shape.Classes, 1, tokens, m)
		moved := Reshape(batched(of, Reshape(context, p.shape.Classes, 1, m, width)), p.shape.Classes*tokens, width)
		return Add(embedded, moved), func(dx *Node) {
			p.grads[contextName] = Reshape(batched(swap(of), Reshape(dx, p.shape.Classes, 1, tokens, width)), p.shape.Classes*m, width)
		}
	}
	x := Add(embedded, matmul(place, p.at(contextName, m, width)))
	if p.shape.Contexts == SharedContext {
		return x, func(dx *Node) { p.grads[contextName] = matmul(transpose(place), dx) }
	}
	move, pullMeta := p.meta(u)
	is := rowSums(place) // [C*T, 1]
	rows := p.shape.Classes * tokens
	x = Add(Reshape(x, 1, rows, width), Mul(Reshape(is, 1, rows, 1), Reshape(move, p.batch, 1, width)))
	return Reshape(x, p.batch*rows, width), func(dx *Node) {
		dx = Reshape(dx, p.batch, rows, width)
		p.grads[contextName] = matmul(transpose(place), ReduceSum(dx, 0))
		pullMeta(ReduceSum(Mul(dx, Reshape(is, 1, rows, 1)), 1))
	}
}

// meta is CoCoOp's network: image features [B, E] to vectors [B, D].
func (p *promptGraph) meta(u *Node) (*Node, func(dy *Node)) {
	width, dim := p.tape.cfg.Model.Text.Width, p.tape.cfg.Dim()
	hidden := metaWidth(dim)
	in, out := p.at(metaIn, hidden, dim), p.at(metaOut, width, hidden)
	h := Add(matmul(u, transpose(in)), p.at(metaInBias, 1, hidden))
	a := MaxScalar(h, 0)
	return Add(matmul(a, transpose(out)), p.at(metaOutBias, 1, width)), func(dy *Node) {
		p.grads[metaOut], p.grads[metaOutBias] = matmul(transpose(dy), a), columnSums(dy)
		dh := Mul(matmul(dy, out), Sign(a))
		p.grads[metaIn], p.grads[metaInBias] = matmul(transpose(dh), u), columnSums(dh)
	}
}

func (p *promptGraph) at(name string, dims ...int) *Node {
	p.nodes[name] = input(p.tape.g, paramPrefix+name, dims...)
	return p.nodes[name]
}

// embeddedText is the text tower on embedded tokens [B*T, D], up to features of
// length 1.
func (t *tape) embeddedText(x, ids *Node) (*Node, func(dv *Node) *Node) {
	s := t.textStream(ids)
	x, pulls := t.textLayers(x, s, lastToken(ids, s))
	x, pullNorm := t.layerNorm(x, "ln_final")
	x, pullProj := t.project(x, "text_projection")
	v, pullV := normalize(x)
	return v, func(dv *Node) *Node { return pulls(pullNorm(pullProj(pullV(dv, true), true), true)) }
}
