package optim

import (
	"fmt"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// TestGradientsAgreeWithDerivedOnes holds the sweep, with its rules, against GoMLX's Gradient of
// the same graph, in each mode.
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
	b := randomBatch(c.Config, 3, 1)
	names, out := gradientsOf(t, e, c, Options{Mode: mode, Batch: 3}, b, true)
	for i, name := range names {
		own, derived := out[i], out[len(names)+i]
		if err := cliptest.CloseTo(own, derived, 1e-5+1e-4*cliptest.Largest(derived)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The keys' bias has a gradient of rounding alone: it moves all scores of a query alike.
		if cliptest.Largest(derived) == 0 {
			t.Errorf("%s: the gradient is 0, which compares nothing", name)
		}
	}
}

// gradientsOf are those of a step's loss to what trains, and where asked GoMLX's own of the same
// graph behind them.
func gradientsOf(t *testing.T, e *engine.Engine, c *clip.Checkpoint, o Options, b Batch, derived bool) (names []string, out [][]float32) {
	t.Helper()
	names, err := o.trainable(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	tr := &Trainer{eng: e, cfg: c.Config, opts: o, names: names}
	tr.dtype, _ = graph.DType(o.Precision)
	key, _ := graph.ProgramKey("gradients", c.Config, fmt.Sprintf("%+v %v", o, derived))
	program, err := e.Program(key, func(g *Graph) []*Node {
		tape := tr.tape(g)
		l := tr.lossOf(tape, tr.buildImage(tape), tr.buildText(tape))
		out := tape.LossGradients(l.Loss, names)
		if !derived {
			return out
		}
		params := make([]*Node, len(names))
		for i, name := range names {
			params[i] = tape.At(name)
		}
		return append(out, Gradient(Reshape(l.Loss), params...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	given := graph.NewGiven(e)
	defer given.Free()
	tr.giveHyper(given, StepParams{Gamma: 0.5})
	tr.giveTargets(given, b)
	tr.givePairs(given, program, b)
	for _, name := range c.Weights.Names() {
		w := c.Weights.At(name)
		given.Put(graph.ParamPrefix+name, w.Data, graph.DeviceShape(w.Shape)...)
	}
	return names, runGiven(t, program, given)
}

// runGiven runs a program on inputs that were put, of which it may read fewer.
func runGiven(t *testing.T, p *engine.Program, given *graph.Given) [][]float32 {
	t.Helper()
	if given.Err != nil {
		t.Fatal(given.Err)
	}
	var inputs []compute.Buffer
	for _, name := range p.Inputs() {
		inputs = append(inputs, given.Buffers[name])
	}
	return cliptest.RunBuffers(t, p, inputs)
}
