package clip

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// smallModel is a model for tests of seconds: two blocks in each tower.
func smallModel(gates int, quick bool) *Checkpoint {
	cfg := Config{Model: Model{EmbedDim: 8, QuickGELU: quick,
		Vision: Vision{Layers: 2, Width: 12, HeadWidth: 6, MLPRatio: 4, PatchSize: 4, ImageSize: 8},
		Text:   Text{ContextLength: 6, VocabSize: 20, Width: 8, Heads: 2, Layers: 2, MLPRatio: 4}}}
	c := &Checkpoint{Config: cfg, Weights: Init(cfg, 1)}
	if gates > 0 {
		c, _ = c.WithGates(gates, 2)
	}
	return c
}

// stir moves every parameter off the values that hide mistakes: gates of 0,
// gains of 1, biases of 0.
func stir(c *Checkpoint) *Checkpoint {
	rng := rand.New(rand.NewPCG(5, 5))
	w := c.Weights.Clone()
	for _, name := range w.Names() {
		for i := range w.At(name).Data {
			w.At(name).Data[i] += float32(0.2 * rng.NormFloat64())
		}
	}
	return &Checkpoint{Config: c.Config, Weights: w}
}

func runProgram(t *testing.T, e *engine.Engine, p *engine.Program, values map[string][]float32, dims map[string][]int) [][]float32 {
	t.Helper()
	var inputs []compute.Buffer
	for _, name := range p.Inputs() {
		b, err := e.Upload(values[name], dims[name]...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer b.Finalize()
		inputs = append(inputs, b)
	}
	outputs, err := p.Run(inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float32
	for _, b := range outputs {
		shape, err := b.Shape()
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, shape.Size())
		if err := b.ToFlatData(x); err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
		b.Finalize()
	}
	return out
}

// TestGradientsAgreeWithDerivedOnes holds every written gradient against
// GoMLX's own of the same forward graph, in each mode.
func TestGradientsAgreeWithDerivedOnes(t *testing.T) {
	e := openEngine(t, "go")
	for _, c := range []struct {
		name  string
		mode  string
		gates int
		quick bool
	}{
		{"full", Full, 0, true}, {"full, exact GELU", Full, 0, false}, {"full with gates", Full, 1, true},
		{"locked-image", LockedImage, 0, true}, {"locked-text", LockedText, 2, true}, {"gated-image", GatedImage, 1, true}, {"all gated", GatedImage, 2, false},
	} {
		t.Run(c.name, func(t *testing.T) { compareGradients(t, e, stir(smallModel(c.gates, c.quick)), c.mode) })
	}
}

func compareGradients(t *testing.T, e *engine.Engine, c *Checkpoint, mode string) {
	const n = 3
	names, err := Trainable(c.Config, mode)
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
	key, _ := programKey("gradients", c.Config, mode)
	program, err := e.Program(key, func(g *Graph) []*Node {
		side := c.Config.ImageSize()
		tape := newTape(g, c.Config, names)
		image, pullImage := tape.imageTower(input(g, pixelsInput, n, 3, side, side))
		u, pullU := normalize(image)
		text, pullText := tape.textTower(Const(g, ids))
		v, pullV := normalize(text)
		l := contrastive(u, v, tape.at("logit_scale"), positives(StopGradient(v), ConstAs(u, [][]float32{{0.5}})))
		if tape.anyTrains(isVisual) {
			pullImage(pullU(l.dImage(), true))
		}
		if tape.anyTrains(isText) {
			pullText(pullV(l.dText(), true))
		}
		tape.give("logit_scale", func() *Node { return l.direct[0] })
		var params, written []*Node
		for _, name := range names {
			params, written = append(params, tape.at(name)), append(written, tape.grads[name])
		}
		return append(written, Gradient(Reshape(l.loss), params...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{pixelsInput: b.Pixels}
	dims := map[string][]int{pixelsInput: {n, 3, c.Config.ImageSize(), c.Config.ImageSize()}}
	for _, name := range c.Weights.Names() {
		values[paramPrefix+name], dims[paramPrefix+name] = c.Weights.At(name).Data, deviceShape(c.Weights.At(name).Shape)
	}
	out := runProgram(t, e, program, values, dims)
	for i, name := range names {
		written, derived := out[i], out[len(names)+i]
		if bound := 1e-5 + 1e-4*largest(derived); bound > 1e-5 {
			if err := closeTo(written, derived, bound); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		// The keys' bias has no gradient at all: it moves all scores of a query alike.
		if largest(derived) == 0 {
			t.Errorf("%s: the gradient is 0, which compares nothing", name)
		}
	}
}

func largest(x []float32) float64 {
	m := 0.0
	for _, v := range x {
		m = max(m, math.Abs(float64(v)))
	}
	return m
}

// TestLayerNormByHand is the norm of two rows of three, and its gradient.
func TestLayerNormByHand(t *testing.T) {
	cfg := smallModel(0, true).Config
	cfg.Model.Vision.Width = 3
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		p, err := e.Program("layer norm by hand", func(g *Graph) []*Node {
			tape := newTape(g, cfg, []string{"visual.ln_pre.weight", "visual.ln_pre.bias"})
			y, pull := tape.layerNorm(input(g, "x", 2, 3), "visual.ln_pre")
			dx := pull(input(g, "dy", 2, 3), true)
			return []*Node{y, dx, tape.grads["visual.ln_pre.weight"], tape.grads["visual.ln_pre.bias"]}
		})
		if err != nil {
			t.Fatal(err)
		}
		// Rows 1 2 3 and 0 0 3: means 2 and 1, variances 2/3 and 2. The gain is 2, the bias 1.
		a, b := float32(math.Sqrt(1/(2.0/3+1e-5))), float32(math.Sqrt(1/(2+1e-5)))
		out := runProgram(t, e, p,
			map[string][]float32{"x": {1, 2, 3, 0, 0, 3}, "dy": {1, 0, 0, 0, 1, 0}, "p:visual.ln_pre.weight": {2, 2, 2}, "p:visual.ln_pre.bias": {1, 1, 1}},
			map[string][]int{"x": {2, 3}, "dy": {2, 3}, "p:visual.ln_pre.weight": {1, 3}, "p:visual.ln_pre.bias": {1, 3}})
		want := [][]float32{
			{1 - 2*a, 1, 1 + 2*a, 1 - 2*b, 1 - 2*b, 1 + 4*b},
			{2 * a * (1 - 1.0/3 - a*a/3), 2 * a * (-1.0 / 3), 2 * a * (-1.0/3 + a*a/3), 2 * b * (-1.0/3 - b*b/3), 2 * b * (1 - 1.0/3 - b*b/3), 2 * b * (-1.0/3 + 2*b*b/3)},
			{-a, -b, 0},
			{1, 1, 0},
		}
		for i := range want {
			if err := closeTo(out[i], want[i], 2e-6); err != nil {
				t.Errorf("output %d: %v", i, err)
			}
		}
	})
}

// TestTableGradientOfLargeVocabulary compares the way of distinct ids with a plain sum.
func TestTableGradientOfLargeVocabulary(t *testing.T) {
	const vocab, dim = oneHotVocab + 5, 3
	ids := []int64{7, 0, vocab - 1, 7, 7, 0}
	dx := make([]float32, len(ids)*dim)
	want := make([]float32, vocab*dim)
	for i := range dx {
		dx[i] = float32(i)
		want[int(ids[i/dim])*dim+i%dim] += float32(i)
	}
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		cfg := smallModel(0, true).Config.WithVocab(vocab)
		p, err := e.Program("table gradient", func(g *Graph) []*Node {
			tape := newTape(g, cfg, nil)
			return []*Node{tape.tableGradient(Const(g, [][]int64{{7}, {0}, {vocab - 1}, {7}, {7}, {0}}), input(g, "dx", len(ids), dim))}
		})
		if err != nil {
			t.Fatal(err)
		}
		distinct, slot := distinctIDs(ids, vocab)
		if !slices.Equal(distinct[:3], []int64{7, 0, vocab - 1}) || !slices.Equal(slot, []int64{0, 1, 2, 0, 0, 1}) || len(distinct) != len(ids) {
			t.Errorf("distinct %v, slots %v", distinct, slot)
		}
		var inputs []compute.Buffer
		for _, name := range p.Inputs() {
			given := map[string]any{distinctInput: distinct, slotInput: slot, "dx": dx}[name]
			dims := map[string][]int{distinctInput: {len(ids), 1}, slotInput: {len(ids)}, "dx": {len(ids), dim}}[name]
			b, err := e.Upload(given, dims...)
			if err != nil {
				t.Fatal(err)
			}
			inputs = append(inputs, b)
		}
		outputs, err := p.Run(inputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, vocab*dim)
		if err := outputs[0].ToFlatData(got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Error("sums differ")
		}
	})
}

// adamwGraph updates parameters by gradients that are given.
func adamwGraph(params []parameter, adam AdamW) func(g *Graph) []*Node {
	return func(g *Graph) []*Node {
		h := newHyper(g, adam)
		in := func(kind string, p parameter) *Node { return input(g, kind+p.name, 1, 1) }
		var grads, out []*Node
		for _, p := range params {
			grads = append(grads, in("g:", p))
		}
		by := h.gradientWeights(globalNorm(grads))
		for i, p := range params {
			w, m := h.update(p, in("w:", p), grads[i], by, moments{in("m:", p), in("v:", p)})
			out = append(out, w, m.mean, m.square)
		}
		return out
	}
}
