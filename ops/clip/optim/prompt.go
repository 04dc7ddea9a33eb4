package optim

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
)

// PromptTrainer learns the context vectors of prompts through a frozen text
// tower, on image features that were made before: prompt tuning as CoOp
// (arXiv 2109.01134) and CoCoOp (arXiv 2203.05557) do it. Not for concurrent use.
type PromptTrainer struct {
	eng     *engine.Engine
	cfg     clip.Config
	shape   clip.PromptShape
	classes int
	batch   int
	program *engine.Program
	weights *clip.Weights // of the prompt
	pace    *clip.Weights // SGD's velocities
	buffers map[string]compute.Buffer
}

// The constants of CoOp's SGD.
const (
	promptMomentum = 0.9
	promptDecay    = 5e-4
)

// NewPromptTrainer compiles a step of batch images; w is the prompt's start and
// is trained in place.
func NewPromptTrainer(e *engine.Engine, c *clip.Checkpoint, w *clip.Weights, contexts string, l clip.PromptLayout, batch int) (*PromptTrainer, error) {
	if err := l.Check(c.Config); err != nil {
		return nil, err
	}
	t := &PromptTrainer{eng: e, cfg: c.Config, classes: l.Classes, batch: batch, weights: w, pace: &clip.Weights{}, buffers: map[string]compute.Buffer{},
		shape: clip.PromptShape{Contexts: contexts, Length: l.Length, Classes: l.Classes}}
	for _, name := range w.Names() {
		t.pace.Put(name, w.At(name).Shape, make([]float32, len(w.At(name).Data)))
	}
	key, err := graph.ProgramKey("prompt", c.Config, fmt.Sprint(t.shape, batch))
	if err != nil {
		return nil, err
	}
	if t.program, err = e.Program(key, func(g *Graph) []*Node {
		loss, _, grads := graph.PromptLoss(g, c.Config, t.shape, w, batch)
		return append([]*Node{loss}, grads...)
	}); err != nil {
		return nil, err
	}
	return t, t.upload(c, l)
}

// upload puts what stays the same on the device.
func (t *PromptTrainer) upload(c *clip.Checkpoint, l clip.PromptLayout) error {
	given := graph.NewGiven(t.eng)
	rows, width := len(l.Tokens), t.cfg.Model.Text.Width
	given.Put(graph.EmbeddedInput, l.Embedded(c), rows, width)
	given.Put(graph.PlaceInput, l.Places(), rows, l.Length)
	given.Put(graph.TokensInput, graph.WideIDs(l.Tokens), l.Classes, t.cfg.ContextLength())
	t.buffers = given.Buffers
	for _, name := range t.program.Inputs() {
		parameter, ok := strings.CutPrefix(name, graph.ParamPrefix)
		if !ok || t.weights.At(parameter) != nil || given.Err != nil {
			continue
		}
		tensor := c.Weights.At(parameter)
		given.Put(name, tensor.Data, graph.DeviceShape(tensor.Shape)...)
	}
	return given.Err
}

// Close frees what is on the device.
func (t *PromptTrainer) Close() { graph.Finalize(t.buffers) }

// Weights are the prompt's, as far as it has been trained; they are the trainer's.
func (t *PromptTrainer) Weights() *clip.Weights { return t.weights }

// Step takes one step of stochastic gradient descent on image features [B, E] of
// length 1 with targets [B, C], shares that add up to 1. It gives the mean loss
// before the update.
func (t *PromptTrainer) Step(features, targets []float32, lr float64) (float64, error) {
	given := graph.NewGiven(t.eng)
	defer given.Free()
	given.Put(graph.ImageFeaturesInput, features, t.batch, t.cfg.Dim())
	given.Put(graph.TargetsInput, targets, t.batch, t.classes)
	names := t.weights.Names()
	for _, name := range names {
		given.Put(graph.ParamPrefix+name, t.weights.At(name).Data, graph.DeviceShape(t.weights.At(name).Shape)...)
	}
	if given.Err != nil {
		return 0, given.Err
	}
	inputs := make([]compute.Buffer, len(t.program.Inputs()))
	for i, name := range t.program.Inputs() {
		if inputs[i] = given.Buffers[name]; inputs[i] == nil {
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
