package clip

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// The names of the inputs that only prompts have.
const (
	embeddedInput = "embedded"
	placeInput    = "place"
)

// PromptTrainer learns the context vectors of prompts through a frozen text
// tower, on image features that were made before: prompt tuning as CoOp
// (arXiv 2109.01134) and CoCoOp (arXiv 2203.05557) do it. Not for concurrent use.
type PromptTrainer struct {
	eng     *engine.Engine
	cfg     Config
	shape   PromptShape
	classes int
	batch   int
	program *engine.Program
	weights *Weights // of the prompt
	pace    *Weights // SGD's velocities
	buffers map[string]compute.Buffer
}

// The constants of CoOp's SGD.
const (
	promptMomentum = 0.9
	promptDecay    = 5e-4
)

// NewPromptTrainer compiles a step of batch images; w is the prompt's start and
// is trained in place.
func NewPromptTrainer(e *engine.Engine, c *Checkpoint, w *Weights, contexts string, l PromptLayout, batch int) (*PromptTrainer, error) {
	if err := l.check(c.Config); err != nil {
		return nil, err
	}
	t := &PromptTrainer{eng: e, cfg: c.Config, classes: l.Classes, batch: batch, weights: w, pace: &Weights{}, buffers: map[string]compute.Buffer{},
		shape: PromptShape{Contexts: contexts, Length: l.Length, Classes: l.Classes}}
	for _, name := range w.Names() {
		t.pace.Put(name, w.At(name).Shape, make([]float32, len(w.At(name).Data)))
	}
	key, err := programKey("prompt", c.Config, fmt.Sprint(t.shape, batch))
	if err != nil {
		return nil, err
	}
	if t.program, err = e.Program(key, func(g *Graph) []*Node { return t.build(g).outputs(w.Names()) }); err != nil {
		return nil, err
	}
	return t, t.upload(c, l)
}

// upload puts what stays the same on the device.
func (t *PromptTrainer) upload(c *Checkpoint, l PromptLayout) error {
	given := newGiven(t.eng)
	rows, width := len(l.Tokens), t.cfg.Model.Text.Width
	given.put(embeddedInput, l.embedded(c), rows, width)
	given.put(placeInput, l.places(), rows, l.Length)
	given.put(tokensInput, wideIDs(l.Tokens), l.Classes, t.cfg.ContextLength())
	t.buffers = given.buffers
	for _, name := range t.program.Inputs() {
		parameter, ok := strings.CutPrefix(name, paramPrefix)
		if !ok || t.weights.At(parameter) != nil || given.err != nil {
			continue
		}
		tensor := c.Weights.At(parameter)
		given.put(name, tensor.Data, deviceShape(tensor.Shape)...)
	}
	return given.err
}

// Close frees what is on the device.
func (t *PromptTrainer) Close() { finalize(t.buffers) }

// Weights are the prompt's, as far as it has been trained; they are the trainer's.
func (t *PromptTrainer) Weights() *Weights { return t.weights }

// Step takes one step of stochastic gradient descent on image features [B, E] of
// length 1 with targets [B, C], shares that add up to 1. It gives the mean loss
// before the update.
func (t *PromptTrainer) Step(features, targets []float32, lr float64) (float64, error) {
	given := newGiven(t.eng)
	defer given.free()
	given.put(imageFeaturesInput, features, t.batch, t.cfg.Dim())
	given.put(targetsInput, targets, t.batch, t.classes)
	names := t.weights.Names()
	for _, name := range names {
		given.put(paramPrefix+name, t.weights.At(name).Data, deviceShape(t.weights.At(name).Shape)...)
	}
	if given.err != nil {
		return 0, given.err
	}
	inputs := make([]compute.Buffer, len(t.program.Inputs()))
	for i, name := range t.program.Inputs() {
		if inputs[i] = given.buffers[name]; inputs[i] == nil {
			inputs[i] = t.buffers[name]
		}
	}
	outputs, err := t.program.Run(inputs, nil)
	if err != nil {
		return 0, fmt.Errorf("prompt: %w", err)
	}
	loss := []float32{0}
	err = outputs[0].ToFlatData(loss)
	for i, name := range names {
		if err == nil {
			err = t.update(name, outputs[1+i], float32(lr))
		}
	}
	for _, b := range outputs {
		_ = b.Finalize()
	}
	return float64(loss[0]), err
}

func (t *PromptTrainer) update(name string, gradient compute.Buffer, lr float32) error {
	w, v := t.weights.At(name).Data, t.pace.At(name).Data
	g := make([]float32, len(w))
	if err := gradient.ToFlatData(g); err != nil {
		return err
	}
	for i := range w {
		v[i] = promptMomentum*v[i] + g[i] + promptDecay*w[i]
		w[i] -= lr * v[i]
	}
	return nil
}

// promptGraph is a step being built.
type promptGraph struct {
	loss  *Node
	nodes map[string]*Node // the prompt's parameters
	grads map[string]*Node
}

func (p promptGraph) outputs(names []string) []*Node {
	out := []*Node{p.loss}
	for _, name := range names {
		out = append(out, p.grads[name])
	}
	return out
}

// rowsOf is the number of prompts that go through the tower: those of the
// classes, for each image where the image moves them.
func (t *PromptTrainer) rowsOf() int {
	if t.shape.Contexts == ImageContext {
		return t.batch * t.classes
	}
	return t.classes
}

// build runs the text tower forward and back to the context vectors.
func (t *PromptTrainer) build(g *Graph) promptGraph {
	p := promptGraph{nodes: map[string]*Node{}, grads: map[string]*Node{}}
	tape := newTape(g, t.cfg, nil)
	u := input(g, imageFeaturesInput, t.batch, t.cfg.Dim())
	x, pullPlace := t.placed(g, &p, u)
	ids := Parameter(g, tokensInput, shapes.Make(dtypes.Int64, t.classes, t.cfg.ContextLength()))
	if rows := t.rowsOf(); rows > t.classes {
		ids = Reshape(BroadcastToDims(InsertAxes(ids, 0), t.batch, t.classes, t.cfg.ContextLength()), rows, t.cfg.ContextLength())
	}
	v, pullTower := tape.embeddedText(x, ids)
	loss, dv := t.loss(u, v, Exp(tape.at("logit_scale")), input(g, targetsInput, t.batch, t.classes))
	p.loss = loss
	pullPlace(pullTower(dv))
	return p
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

// loss is the mean cross entropy of the images' classes and its gradient to the
// text features.
func (t *PromptTrainer) loss(u, v, scale, targets *Node) (loss, dv *Node) {
	n := 1 / float64(t.batch)
	if t.shape.Contexts != ImageContext {
		logits := Mul(matmul(u, transpose(v)), scale)
		value, slope := crossEntropy(logits, targets)
		return MulScalar(columnSums(value), n), Mul(matmul(transpose(MulScalar(slope, n)), u), scale)
	}
	of := Reshape(u, t.batch, 1, t.cfg.Dim())
	logits := Mul(ReduceSum(Mul(of, Reshape(v, t.batch, t.classes, t.cfg.Dim())), -1), scale)
	value, slope := crossEntropy(logits, targets)
	dlogits := Reshape(Mul(MulScalar(slope, n), scale), t.batch, t.classes, 1)
	return MulScalar(columnSums(value), n), Reshape(Mul(dlogits, of), t.batch*t.classes, t.cfg.Dim())
}

// placed puts the context vectors among the tokens: [rows*T, D]. Its pull gives
// the gradients of the prompt's parameters.
func (t *PromptTrainer) placed(g *Graph, p *promptGraph, u *Node) (*Node, func(dx *Node)) {
	width, tokens, m := t.cfg.Model.Text.Width, t.cfg.ContextLength(), t.shape.Length
	embedded := input(g, embeddedInput, t.classes*tokens, width)
	place := input(g, placeInput, t.classes*tokens, m)
	if t.shape.Contexts == ClassContext {
		context := p.at(g, contextName, t.classes*m, width)
		of := Reshape(place, t.classes, 1, tokens, m)
		moved := Reshape(batched(of, Reshape(context, t.classes, 1, m, width)), t.classes*tokens, width)
		return Add(embedded, moved), func(dx *Node) {
			p.grads[contextName] = Reshape(batched(swap(of), Reshape(dx, t.classes, 1, tokens, width)), t.classes*m, width)
		}
	}
	x := Add(embedded, matmul(place, p.at(g, contextName, m, width)))
	if t.shape.Contexts == SharedContext {
		return x, func(dx *Node) { p.grads[contextName] = matmul(transpose(place), dx) }
	}
	move, pullMeta := t.meta(g, p, u)
	is := rowSums(place) // [C*T, 1]
	rows := t.classes * tokens
	x = Add(Reshape(x, 1, rows, width), Mul(Reshape(is, 1, rows, 1), Reshape(move, t.batch, 1, width)))
	return Reshape(x, t.batch*rows, width), func(dx *Node) {
		dx = Reshape(dx, t.batch, rows, width)
		p.grads[contextName] = matmul(transpose(place), ReduceSum(dx, 0))
		pullMeta(ReduceSum(Mul(dx, Reshape(is, 1, rows, 1)), 1))
	}
}

// meta is CoCoOp's network: image features [B, E] to vectors [B, D].
func (t *PromptTrainer) meta(g *Graph, p *promptGraph, u *Node) (*Node, func(dy *Node)) {
	width, dim := t.cfg.Model.Text.Width, t.cfg.Dim()
	hidden := max(1, dim/metaShrink)
	in, out := p.at(g, metaIn, hidden, dim), p.at(g, metaOut, width, hidden)
	h := Add(matmul(u, transpose(in)), p.at(g, metaInBias, 1, hidden))
	a := MaxScalar(h, 0)
	return Add(matmul(a, transpose(out)), p.at(g, metaOutBias, 1, width)), func(dy *Node) {
		p.grads[metaOut], p.grads[metaOutBias] = matmul(transpose(dy), a), columnSums(dy)
		dh := Mul(matmul(dy, out), Sign(a))
		p.grads[metaIn], p.grads[metaInBias] = matmul(transpose(dh), u), columnSums(dh)
	}
}

func (p promptGraph) at(g *Graph, name string, dims ...int) *Node {
	p.nodes[name] = input(g, paramPrefix+name, dims...)
	return p.nodes[name]
}

// embeddedTexts embeds rows [n*T, D] of vectors; ids tell where they end.
func (e *Encoder) embeddedTexts(rows []float32, ids []int32) ([]float32, error) {
	width, tokens, dim := e.cfg.Model.Text.Width, e.cfg.ContextLength(), e.cfg.Dim()
	key, err := programKey("embedded text", e.cfg, fmt.Sprint(e.batch, e.dtype))
	if err != nil {
		return nil, err
	}
	program, err := e.eng.Program(key, func(g *Graph) []*Node {
		tape := newTape(g, e.cfg, nil)
		tape.dtype = e.dtype
		x := tape.narrow(input(g, embeddedInput, e.batch*tokens, width))
		v, _ := tape.embeddedText(x, Parameter(g, tokensInput, shapes.Make(dtypes.Int64, e.batch, tokens)))
		return []*Node{v}
	})
	if err != nil {
		return nil, err
	}
	n := len(ids) / tokens
	var out []float32
	for start := 0; start < n; start += e.batch {
		count := min(e.batch, n-start)
		given := newGiven(e.eng)
		given.put(embeddedInput, partOf(rows[start*tokens*width:(start+count)*tokens*width], 0, e.batch*tokens*width), e.batch*tokens, width)
		given.put(tokensInput, wideIDs(partOf(ids[start*tokens:(start+count)*tokens], 0, e.batch*tokens)), e.batch, tokens)
		part, err := e.runGiven(program, given)
		if err != nil {
			return nil, err
		}
		out = append(out, part[:count*dim]...)
	}
	return out, checkEmbeddings(out, dim)
}

// runGiven runs a program of several inputs beside parameters, and frees them.
func (e *Encoder) runGiven(program *engine.Program, given *given) ([]float32, error) {
	defer given.free()
	if given.err != nil {
		return nil, given.err
	}
	var inputs []compute.Buffer
	for _, name := range program.Inputs() {
		buffer := given.buffers[name]
		if buffer == nil {
			var err error
			if buffer, err = e.parameter(strings.TrimPrefix(name, paramPrefix)); err != nil {
				return nil, err
			}
		}
		inputs = append(inputs, buffer)
	}
	outputs, err := program.Run(inputs, nil)
	if err != nil {
		return nil, err
	}
	defer outputs[0].Finalize()
	result := make([]float32, e.batch*e.cfg.Dim())
	return result, outputs[0].ToFlatData(result)
}
