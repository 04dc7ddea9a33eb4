package optim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
)

// headBatch is a batch of images with classes, one each or several.
func headBatch(cfg clip.Config, n, classes int, many bool, seed uint64) Batch {
	b := randomBatch(cfg, n, seed)
	rng := rand.New(rand.NewPCG(seed, 9))
	targets := make([]float32, n*classes)
	for i := range n {
		targets[i*classes+rng.IntN(classes)] = 1
		if many {
			targets[i*classes+rng.IntN(classes)] = 1
		}
	}
	return Batch{Pixels: b.Pixels, Targets: targets}
}

func randomHead(classes, dim int) clip.Head {
	rng := rand.New(rand.NewPCG(3, 3))
	h := clip.Head{Weight: make([]float32, classes*dim), Bias: make([]float32, classes)}
	for i := range h.Weight {
		h.Weight[i] = float32(rng.NormFloat64())
	}
	for i := range h.Bias {
		h.Bias[i] = float32(0.3 * rng.NormFloat64())
	}
	return h
}

// headKinds are all losses and normalisations.
func headKinds(classes int) []clip.HeadOptions {
	var out []clip.HeadOptions
	for _, normalization := range []string{clip.ByBatch, clip.ByLength, clip.NoNormalization} {
		for _, many := range []bool{false, true} {
			out = append(out, clip.HeadOptions{Classes: classes, Many: many, Normalization: normalization})
		}
	}
	return out
}

// TestHeadGradients holds the gradients of fine-tuning against GoMLX's own,
// with gates in the tower.
func TestHeadGradients(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	const n, classes = 5, 3
	for _, o := range headKinds(classes) {
		t.Run(fmt.Sprintf("%s many %v", o.Normalization, o.Many), func(t *testing.T) {
			c := cliptest.Stir(cliptest.SmallModel(1, true))
			c = c.WithHead(randomHead(classes, c.Config.Dim()), o)
			b := headBatch(c.Config, n, classes, o.Many, 1)
			names, out := gradientsOf(t, e, c, Options{Mode: clip.LockedText, Batch: n, Head: o}, b, true)
			for i, name := range names {
				own, derived := out[i], out[len(names)+i]
				if err := cliptest.CloseTo(own, derived, 1e-5+1e-3*cliptest.Largest(derived)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if cliptest.Largest(out[len(names)-2]) == 0 || cliptest.Largest(out[0]) == 0 {
				t.Error("no gradient comes to the head or to the tower")
			}
		})
	}
}

// stepped takes steps from a checkpoint and gives the weights.
func stepped(t *testing.T, tr *Trainer, c *clip.Checkpoint, batches []Batch, p StepParams) (*clip.Checkpoint, StepStats) {
	t.Helper()
	if err := tr.Reset(c); err != nil {
		t.Fatal(err)
	}
	var stats StepStats
	for _, b := range batches {
		var err error
		if stats, err = tr.Step(b, p); err != nil {
			t.Fatal(err)
		}
	}
	out, err := tr.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	return out, stats
}

// TestHeadSGD follows two steps of momentum with decay by hand, from the gradients
// that steps without either show, at two learning rates.
func TestHeadSGD(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	const n, classes, lr, tower, decay = 4, 3, 0.01, 0.1, 0.2
	o := clip.HeadOptions{Classes: classes, Normalization: clip.ByBatch, SGD: true}
	c := cliptest.Stir(cliptest.SmallModel(0, true))
	c = c.WithHead(randomHead(classes, c.Config.Dim()), o)
	tr, err := New(e, c.Config, Options{Mode: clip.LockedText, Batch: n, Head: o})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	a, b := headBatch(c.Config, n, classes, false, 1), headBatch(c.Config, n, classes, false, 2)
	with, plain := StepParams{LR: lr, WeightDecay: decay, TowerLRScale: tower}, StepParams{LR: lr, TowerLRScale: tower}
	g1, _ := stepped(t, tr, c, []Batch{a}, plain)
	w1, _ := stepped(t, tr, c, []Batch{a}, with)
	g2, _ := stepped(t, tr, w1, []Batch{b}, plain)
	w2, stats := stepped(t, tr, c, []Batch{a, b}, with)
	for _, name := range tr.names {
		rate := lr * tower
		if clip.IsHead(name) {
			rate = lr
		}
		at := func(c *clip.Checkpoint, i int) float64 { return float64(c.Weights.At(name).Data[i]) }
		for i := range c.Weights.At(name).Data {
			v := (at(c, i)-at(g1, i))/rate + decay*at(c, i)
			first := at(c, i) - rate*v
			v = 0.9*v + (at(w1, i)-at(g2, i))/rate + decay*at(w1, i)
			second := first - rate*v
			if math.Abs(first-at(w1, i)) > 1e-5 || math.Abs(second-at(w2, i)) > 1e-5 {
				t.Fatalf("%s[%d]: %v then %v, by hand %v then %v", name, i, at(w1, i), at(w2, i), first, second)
			}
		}
	}
	for _, name := range []string{"logit_scale", "text_projection"} {
		if !slices.Equal(w2.Weights.At(name).Data, c.Weights.At(name).Data) {
			t.Errorf("%s has moved", name)
		}
	}
	if stats.MeanPositives < 0 || stats.MeanPositives > 1 || stats.Loss <= 0 {
		t.Errorf("stats %+v", stats)
	}
	if m := w1.Weights.At(clip.HeadMean).Data; cliptest.Largest(m) == 0 {
		t.Error("the running mean has not moved")
	}
}

// TestHeadInMicroBatches holds steps in micro-batches to the whole step, normalisation
// over the batch included.
func TestHeadInMicroBatches(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	const n, classes = 5, 3
	for _, sgd := range []bool{false, true} {
		o := clip.HeadOptions{Classes: classes, Normalization: clip.ByBatch, SGD: sgd}
		c := cliptest.Stir(cliptest.SmallModel(1, true))
		c = c.WithHead(randomHead(classes, c.Config.Dim()), o)
		batches := []Batch{headBatch(c.Config, n, classes, false, 1), headBatch(c.Config, n, classes, false, 2)}
		var got [2]*clip.Checkpoint
		for i, micro := range []int{0, 2} {
			tr, err := New(e, c.Config, Options{Mode: clip.LockedText, Batch: n, MicroBatch: micro, GradClip: 0.5, Head: o})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			got[i], _ = stepped(t, tr, c, batches, StepParams{LR: 1e-3, WeightDecay: 0.1, TowerLRScale: 0.1})
		}
		for _, name := range got[0].Weights.Names() {
			if err := cliptest.CloseTo(got[1].Weights.At(name).Data, got[0].Weights.At(name).Data, 1e-4); err != nil {
				t.Errorf("sgd %v: %s: %v", sgd, name, err)
			}
		}
	}
}

func TestHeadOptionsAreChecked(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	c := cliptest.SmallModel(0, true)
	for _, o := range []Options{
		{Mode: clip.Full, Batch: 4, Head: clip.HeadOptions{Classes: 3, Normalization: clip.ByBatch}},
		{Mode: clip.LockedText, Batch: 4, Head: clip.HeadOptions{Classes: 1, Normalization: clip.ByBatch}},
		{Mode: clip.LockedText, Batch: 4, Head: clip.HeadOptions{Classes: 3, Normalization: "layer"}},
		{Mode: clip.LockedText, Batch: 1, Head: clip.HeadOptions{Classes: 3, Normalization: clip.ByBatch}},
	} {
		if _, err := New(e, c.Config, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
