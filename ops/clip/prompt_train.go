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
	if t.program, err = e.Program(key, func(g *Graph) []*Node { return newPromptGraph(g, c.Config, t.shape, batch).outputs(w.Names()) }); err != nil {
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
