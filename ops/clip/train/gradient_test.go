package train

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// TestGradientsAgreeWithDerivedOnes holds every written gradient against
// GoMLX's own of the same forward graph, in each mode.
func TestGradientsAgreeWithDerivedOnes(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	for _, c := range []struct {
		name  string
		mode  string
		gates int
		quick bool
	}{
		{"full", clip.Full, 0, true}, {"full, exact GELU", clip.Full, 0, false}, {"full with gates", clip.Full, 1, true},
		{"locked-image", clip.LockedImage, 0, true}, {"locked-text", clip.LockedText, 2, true}, {"gated-image", clip.GatedImage, 1, true}, {"all gated", clip.GatedImage, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			compareGradients(t, e, cliptest.Stir(cliptest.SmallModel(c.gates, c.quick)), c.mode)
		})
	}
}

func compareGradients(t *testing.T, e *engine.Engine, c *clip.Checkpoint, mode string) {
	const n = 3
	names, err := clip.Trainable(c.Config, mode)
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(c.Config, n, 1)
	ids := make([][]int64, n)
	for i := range ids {
		for _, id := range b.Tokens[i*c.Config.ContextLength() : (i+1)*c.Config.ContextLength()] {
			ids[i] = append(ids[i], int64(id))
		}
	}
	key, _ := graph.ProgramKey("gradients", c.Config, mode)
	program, err := e.Program(key, func(g *Graph) []*Node {
		side := c.Config.ImageSize()
		tape := graph.New(g, c.Config, names)
		image, pullImage := tape.ImageTower(graph.Input(g, graph.PixelsInput, n, 3, side, side))
		u, pullU := graph.Normalize(image)
		text, pullText := tape.TextTower(Const(g, ids))
		v, pullV := graph.Normalize(text)
		l := graph.Contrastive(u, v, tape.At("logit_scale"), graph.Positives(StopGradient(v), ConstAs(u, [][]float32{{0.5}})))
		if tape.AnyTrains(clip.IsVisual) {
			pullImage(pullU(l.DImage(), true))
		}
		if tape.AnyTrains(clip.IsText) {
			pullText(pullV(l.DText(), true))
		}
		tape.Give("logit_scale", func() *Node { return l.Direct[0] })
		var params, written []*Node
		for _, name := range names {
			params, written = append(params, tape.At(name)), append(written, tape.Grads[name])
		}
		return append(written, Gradient(Reshape(l.Loss), params...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{graph.PixelsInput: b.Pixels}
	dims := map[string][]int{graph.PixelsInput: {n, 3, c.Config.ImageSize(), c.Config.ImageSize()}}
	for _, name := range c.Weights.Names() {
		values[graph.ParamPrefix+name], dims[graph.ParamPrefix+name] = c.Weights.At(name).Data, graph.DeviceShape(c.Weights.At(name).Shape)
	}
	out := cliptest.RunProgram(t, e, program, values, dims)
	for i, name := range names {
		written, derived := out[i], out[len(names)+i]
		if bound := 1e-5 + 1e-4*cliptest.Largest(derived); bound > 1e-5 {
			if err := cliptest.CloseTo(written, derived, bound); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		// The keys' bias has no gradient at all: it moves all scores of a query alike.
		if cliptest.Largest(derived) == 0 {
			t.Errorf("%s: the gradient is 0, which compares nothing", name)
		}
	}
}
