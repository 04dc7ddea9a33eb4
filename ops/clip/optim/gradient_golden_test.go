package optim

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// gradientGolden is the gradient of one step: its loss, and for each parameter the length and
// the product with drawn numbers.
type gradientGolden struct {
	Loss  float64               `json:"loss"`
	Grads map[string][2]float64 `json:"grads"`
}

type gradientCase struct {
	start *clip.Checkpoint
	opts  Options
}

// gradientCases are every mode and every loss, head and way of a step.
func gradientCases() map[string]gradientCase {
	stirred := func(gates int, quick bool) *clip.Checkpoint { return cliptest.Stir(cliptest.SmallModel(gates, quick)) }
	wide := cliptest.SmallModel(0, true).Config.WithVocab(5000)
	cases := map[string]gradientCase{
		"full":                       {stirred(0, true), Options{Mode: clip.Full}},
		"full, gates, GELU":          {stirred(1, false), Options{Mode: clip.Full}},
		"full, off":                  {stirred(0, true), Options{Mode: clip.Full, GammaOff: true}},
		"full, fixed":                {stirred(0, true), Options{Mode: clip.Full, PositivesFixed: true}},
		"full, parts":                {stirred(1, true), Options{Mode: clip.Full, MicroBatch: 2}},
		"full, again":                {stirred(1, true), Options{Mode: clip.Full, Recompute: true}},
		"full, 5000 words":           {cliptest.Stir(&clip.Checkpoint{Config: wide, Weights: clip.Init(wide, 1)}), Options{Mode: clip.Full}},
		"locked-image":               {stirred(0, true), Options{Mode: clip.LockedImage}},
		"locked-text":                {stirred(2, true), Options{Mode: clip.LockedText, CachedText: true}},
		"locked-text, classes":       {stirred(0, true), Options{Mode: clip.LockedText, Classes: testClasses}},
		"gated-image":                {stirred(1, true), Options{Mode: clip.GatedImage}},
		"gated-image, cached, again": {stirred(2, false), Options{Mode: clip.GatedImage, CachedText: true, Recompute: true}},
		"gated-image, classes":       {stirred(1, true), Options{Mode: clip.GatedImage, Classes: testClasses}},
		"ResNet":                     {cliptest.DrawnResNet(), Options{Mode: clip.LockedText, CachedText: true}},
		"ResNet, full, again":        {cliptest.DrawnResNet(), Options{Mode: clip.Full, Recompute: true}},
	}
	for _, o := range headKinds(testClasses) {
		o.SGD = o.Many
		c := stirred(1, true)
		name := "head, " + o.Normalization
		if o.Many {
			name += ", many"
		}
		cases[name] = gradientCase{c.WithHead(randomHead(testClasses, c.Config.Dim()), o), Options{Mode: clip.LockedText, Head: o}}
	}
	return cases
}

// TestGradientsAreAsBefore holds the gradients of a step to those that stood beside each layer
// by hand, to six digits: testdata/gradients.json is of the commit before, on the go engine.
func TestGradientsAreAsBefore(t *testing.T) {
	var want map[string]gradientGolden
	cliptest.ReadJSON(t, filepath.Join("testdata", "gradients.json"), &want)
	cases := gradientCases()
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				compareGolden(t, gradientOf(t, e, c), want[name])
			})
		}
	})
}

// gradientOf reads the gradient off the moments after one step.
func gradientOf(t *testing.T, e *engine.Engine, c gradientCase) gradientGolden {
	t.Helper()
	o := c.opts
	o.Batch = 5
	b := randomBatch(c.start.Config, o.Batch, 1)
	if o.Head.Classes > 0 {
		b = headBatch(c.start.Config, o.Batch, o.Head.Classes, o.Head.Many, 1)
	}
	tr, err := New(e, c.start.Config, o)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Reset(c.start); err != nil {
		t.Fatal(err)
	}
	stats, err := tr.Step(b, StepParams{LR: 1e-3, Gamma: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	state, err := tr.State()
	if err != nil {
		t.Fatal(err)
	}
	share := 1 - adamViT.Beta1
	if o.Head.SGD {
		share = 1
	}
	g := gradientGolden{Loss: stats.Loss, Grads: map[string][2]float64{}}
	for _, name := range state.Moments.Names() {
		parameter, ok := strings.CutPrefix(name, meanPrefix)
		if !ok {
			continue
		}
		data := state.Moments.At(name).Data
		var sum [2]float64
		for i, u := range cliptest.Drawn("grad "+parameter, len(data)) {
			d := float64(data[i]) / share
			sum[0] += d * d
			sum[1] += d * float64(u)
		}
		g.Grads[parameter] = [2]float64{math.Sqrt(sum[0]), sum[1]}
	}
	return g
}

func compareGolden(t *testing.T, got, want gradientGolden) {
	t.Helper()
	if !cliptest.Relative(got.Loss, want.Loss, 5e-6) {
		t.Errorf("loss %v, want %v", got.Loss, want.Loss)
	}
	if len(got.Grads) != len(want.Grads) || len(want.Grads) == 0 {
		t.Errorf("%d gradients, want %d", len(got.Grads), len(want.Grads))
	}
	norm := 0.0
	for _, g := range want.Grads {
		norm += g[0] * g[0]
	}
	for name, w := range want.Grads {
		g := got.Grads[name]
		// The keys' bias has a gradient of rounding alone.
		bound := 1e-6*math.Sqrt(norm) + 5e-6*w[0]
		if !(math.Abs(g[0]-w[0]) <= bound) || !(math.Abs(g[1]-w[1]) <= bound) {
			t.Errorf("%s: length %v and product %v, want %v (bound %.1g)", name, g[0], g[1], w, bound)
		}
	}
}
