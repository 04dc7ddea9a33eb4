package optim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// TestResizedModelsRun resizes a ViT and a ResNet, both ways, and embeds.
func TestResizedModelsRun(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	for name, c := range map[string]*clip.Checkpoint{"ViT": cliptest.SmallModel(1, true), "ResNet": cliptest.SmallResNet()} {
		for _, imageSize := range []int{32, 96} {
			r, err := c.Resize(imageSize, 9)
			if err != nil {
				t.Fatal(err)
			}
			if r.Config.ImageSize() != imageSize || r.Config.ContextLength() != 9 || c.Config.ContextLength() != 6 {
				t.Errorf("%s: config %+v of %+v", name, r.Config.Model, c.Config.Model)
			}
			enc, err := encode.New(e, r, 1)
			if err != nil {
				t.Fatal(err)
			}
			b := randomBatch(r.Config, 1, 1)
			if u, err := enc.Images(b.Pixels, 1); err != nil || len(u) != r.Config.Dim() {
				t.Errorf("%s of %d: %v, %v", name, imageSize, u, err)
			}
			if u, err := enc.Texts(b.Tokens, 1); err != nil || len(u) != r.Config.Dim() {
				t.Errorf("%s: %v, %v", name, u, err)
			}
			enc.Close()
		}
		same, err := c.Resize(0, 0)
		if err != nil || cliptest.SameBits(c, same) != nil {
			t.Errorf("%s to its own size: %v", name, err)
		}
	}
}

var testStep = StepParams{LR: 1e-2, WeightDecay: 0.1, Gamma: 0.9}

// train resets to a checkpoint and takes steps over a few batches.
func train(t *testing.T, e *engine.Engine, c *clip.Checkpoint, opts Options, steps int) (*Trainer, []StepStats) {
	t.Helper()
	tr, err := New(e, c.Config, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	if err := tr.Reset(c); err != nil {
		t.Fatal(err)
	}
	return tr, takeSteps(t, tr, 0, steps)
}

func takeSteps(t *testing.T, tr *Trainer, from, to int) []StepStats {
	t.Helper()
	var all []StepStats
	for i := from; i < to; i++ {
		s, err := tr.Step(randomBatch(tr.cfg, tr.opts.Batch, uint64(i%3)), testStep)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func checkpointOf(t *testing.T, tr *Trainer) *clip.Checkpoint {
	t.Helper()
	c, err := tr.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// determinismModels: one with a vocabulary small enough for one-hot ids, one
// for which the distinct ids are looked up, both wide enough for threads.
func determinismModels() map[string]*clip.Checkpoint {
	wide := func(vocab int) *clip.Checkpoint {
		cfg := clip.Config{Model: clip.Model{EmbedDim: 64, QuickGELU: true,
			Vision: clip.Vision{Layers: 2, Width: 64, HeadWidth: 32, MLPRatio: 4, PatchSize: 8, ImageSize: 32},
			Text:   clip.Text{ContextLength: 12, VocabSize: vocab, Width: 64, Heads: 2, Layers: 2, MLPRatio: 4}}}
		c, _ := (&clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}).WithGates(1, 2)
		return c
	}
	return map[string]*clip.Checkpoint{"small vocabulary": wide(300), "large vocabulary": wide(graph.OneHotVocab + 100)}
}

func TestStepsAreTheSameFromRunToRun(t *testing.T) {
	steps, batch := 6, 16
	if testing.Short() {
		steps, batch = 2, 8
	}
	for name, c := range determinismModels() {
		for _, mode := range clip.ModeNames() {
			t.Run(name+"/"+mode, func(t *testing.T) {
				if name == "large vocabulary" && slices.Contains(clip.TextLockedModes(), mode) {
					t.Skip("the token table does not train")
				}
				if testing.Short() && (mode != clip.Full || name == "large vocabulary") {
					t.Skip("-short: full covers both towers")
				}
				cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
					opts := Options{Mode: mode, Batch: batch, GradClip: 1}
					first, a := train(t, e, c, opts, steps)
					second, b := train(t, e, c, opts, steps)
					for i := range a {
						if a[i].Loss != b[i].Loss || a[i].GradNorm != b[i].GradNorm {
							t.Errorf("step %d: %+v, then %+v", i, a[i], b[i])
						}
					}
					if differ := cliptest.SameBits(checkpointOf(t, first), checkpointOf(t, second)); differ != nil {
						t.Errorf("differ: %v", differ)
					}
				})
			})
		}
	}
}

// TestLargeVocabularyTrainsAsSmall compares the two ways to the gradient of
// the token table on models that differ only in ids nothing uses.
func TestLargeVocabularyTrainsAsSmall(t *testing.T) {
	small := cliptest.SmallModel(0, true)
	n := small.Config.VocabSize() * small.Config.Model.Text.Width
	large := &clip.Checkpoint{Config: small.Config.WithVocab(graph.OneHotVocab + 1), Weights: clip.Init(small.Config.WithVocab(graph.OneHotVocab+1), 1)}
	copy(large.Weights.At("token_embedding.weight").Data, small.Weights.At("token_embedding.weight").Data)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		var ends []*clip.Checkpoint
		for _, c := range []*clip.Checkpoint{small, large} {
			tr, err := New(e, c.Config, Options{Mode: clip.Full, Batch: 4})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			if err := tr.Reset(c); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := tr.Step(randomBatch(small.Config, 4, 1), testStep); err != nil {
					t.Fatal(err)
				}
			}
			ends = append(ends, checkpointOf(t, tr))
		}
		a, b := ends[0].Weights.At("token_embedding.weight").Data, ends[1].Weights.At("token_embedding.weight").Data[:n]
		if err := cliptest.CloseTo(a, b, 1e-4); err != nil {
			t.Error(err)
		}
	})
}

func TestNewGatesChangeNothing(t *testing.T) {
	base := cliptest.Stir(cliptest.SmallModel(0, true))
	gated, err := base.WithGates(2, 7)
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(base.Config, 5, 1)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		var all [][]float32
		for _, c := range []*clip.Checkpoint{base, gated} {
			enc, err := encode.New(e, c, 3)
			if err != nil {
				t.Fatal(err)
			}
			defer enc.Close()
			x, err := enc.Images(b.Pixels, 5)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, x)
		}
		if !slices.Equal(all[0], all[1]) {
			t.Error("new gates changed the features")
		}
	})
}

func TestCachedCaptionsTrainAsEncodedOnes(t *testing.T) {
	c := cliptest.SmallModel(2, true)
	const n = 6
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		enc, err := encode.New(e, c, 4)
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		for _, mode := range []string{clip.LockedText, clip.GatedImage} {
			var losses [2][]float64
			for i, cached := range []bool{false, true} {
				tr, _ := train(t, e, c, Options{Mode: mode, Batch: n, CachedText: cached}, 0)
				for step := range 3 {
					b := randomBatch(c.Config, n, uint64(step))
					if b.TextFeatures, err = enc.Texts(b.Tokens, n); err != nil {
						t.Fatal(err)
					}
					s, err := tr.Step(b, testStep)
					if err != nil {
						t.Fatal(err)
					}
					losses[i] = append(losses[i], s.Loss)
				}
			}
			for step := range losses[0] {
				if !cliptest.Relative(losses[1][step], losses[0][step], 1e-5) {
					t.Errorf("%s step %d: cached %v, encoded %v", mode, step, losses[1][step], losses[0][step])
				}
			}
		}
	})
}

// TestResumeIsExact takes three steps, moves checkpoint and state to another
// trainer and takes three more: the same as six.
func TestResumeIsExact(t *testing.T) {
	resumesExactly(t, Options{Mode: clip.GatedImage, Batch: 4, GradClip: 1})
}

func resumesExactly(t *testing.T, opts Options) {
	t.Helper()
	c := cliptest.SmallModel(1, true)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		straight, _ := train(t, e, c, opts, 6)
		first, _ := train(t, e, c, opts, 3)
		state, err := first.State()
		if err != nil {
			t.Fatal(err)
		}
		second, _ := train(t, e, checkpointOf(t, first), opts, 0)
		if err := second.SetState(state); err != nil {
			t.Fatal(err)
		}
		takeSteps(t, second, 3, 6)
		if differ := cliptest.SameBits(checkpointOf(t, straight), checkpointOf(t, second)); differ != nil {
			t.Errorf("differ after resuming: %v", differ)
		}
	})
}

func TestResetForgetsTheRunBefore(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	e := cliptest.OpenEngine(t, "go")
	fresh, _ := train(t, e, c, Options{Mode: clip.Full, Batch: 4}, 2)
	used, _ := train(t, e, cliptest.Stir(c), Options{Mode: clip.Full, Batch: 4}, 3)
	if err := used.Reset(c); err != nil {
		t.Fatal(err)
	}
	takeSteps(t, used, 0, 2)
	if differ := cliptest.SameBits(checkpointOf(t, fresh), checkpointOf(t, used)); differ != nil {
		t.Errorf("differ: %v", differ)
	}
}

// TestAdamWByHand follows one parameter of each kind through two steps, as a ViT
// and as a ResNet train.
func TestAdamWByHand(t *testing.T) {
	if a := AdamWFor(cliptest.SmallResNet().Config); a != (AdamW{0.9, 0.999, 1e-8}) || AdamWFor(cliptest.SmallModel(0, true).Config).orDefault() != (AdamW{0.9, 0.98, 1e-6}) {
		t.Errorf("a ResNet trains with %+v", a)
	}
	for _, adam := range []AdamW{{}, adamResNet} {
		followAdamW(t, adam)
	}
}

func followAdamW(t *testing.T, adam AdamW) {
	b2, eps := adam.orDefault().Beta2, adam.orDefault().Epsilon
	params := []clip.Parameter{{Name: "matrix", Shape: []int{1, 1}}, {Name: "vector", Shape: []int{1}}, {Name: "x.alpha_attn", Shape: []int{}}, {Name: "logit_scale", Shape: []int{}}}
	starts := []float64{0.5, 0.5, 0.5, 4.6}
	grads := []float64{3, 4, -1, -2} // the global norm is √30
	p := StepParams{LR: 0.1, WeightDecay: 0.2, AlphaLRScale: 5}
	const clip = 1.0
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		program, err := e.Program(fmt.Sprint("adamw by hand ", b2), adamwGraph(params, adam))
		if err != nil {
			t.Fatal(err)
		}
		values, dims := map[string][]float32{}, map[string][]int{graph.HyperInput: {1, numHyper}}
		for i, q := range params {
			values["w:"+q.Name], values["g:"+q.Name] = []float32{float32(starts[i])}, []float32{float32(grads[i])}
			values["m:"+q.Name], values["v:"+q.Name] = []float32{0}, []float32{0}
			for _, k := range []string{"w:", "g:", "m:", "v:"} {
				dims[k+q.Name] = []int{1, 1}
			}
		}
		want := slices.Clone(starts)
		var m, v [4]float64
		for step := 1; step <= 2; step++ {
			// The second step's gradients are below the clip. AdamW does not see the scale of
			// gradients that are all alike, so that only their change tells whether they were
			// clipped.
			size := []float64{1, 0.1}[step-1]
			shrink := min(1, clip/(size*math.Sqrt(30)+1e-6))
			values[graph.HyperInput] = hyperValues(p, adam, clip, step)
			for i, q := range params {
				values["g:"+q.Name] = []float32{float32(grads[i] * size)}
			}
			out := cliptest.RunProgram(t, e, program, values, dims)
			for i, q := range params {
				g := grads[i] * size * shrink
				m[i], v[i] = 0.9*m[i]+0.1*g, b2*v[i]+(1-b2)*g*g
				lr := p.LR
				if i == 0 {
					want[i] *= 1 - p.LR*p.WeightDecay
				}
				if i == 2 {
					lr *= p.AlphaLRScale
				}
				want[i] -= lr * m[i] / (1 - math.Pow(0.9, float64(step))) / (math.Sqrt(v[i]/(1-math.Pow(b2, float64(step)))) + eps)
				if i == 3 {
					want[i] = min(max(want[i], 0), math.Log(100))
				}
				if got := float64(out[3*i][0]); math.Abs(got-want[i]) > 1e-5 {
					t.Errorf("step %d, %s: %v, want %v", step, q.Name, got, want[i])
				}
				values["w:"+q.Name], values["m:"+q.Name], values["v:"+q.Name] = out[3*i], out[3*i+1], out[3*i+2]
			}
		}
	})
}

func TestStatsAndTheirLimits(t *testing.T) {
	c := cliptest.SmallModel(2, true)
	c.Weights.At("logit_scale").Data[0] = 4.6
	for _, name := range c.Weights.Names() {
		if clip.IsAlpha(name) {
			c.Weights.At(name).Data[0] = 0.5
		}
	}
	tr, stats := train(t, cliptest.OpenEngine(t, "go"), c, Options{Mode: clip.GatedImage, Batch: 4}, 3)
	for _, s := range stats {
		if len(s.TanhAlpha) != 4 || s.LogitScale > 100.001 || s.MeanPositives < 1 || s.MeanPositives > 4 || s.GradNorm <= 0 {
			t.Errorf("stats %+v", s)
		}
	}
	if got := stats[0].TanhAlpha[0]; !cliptest.Relative(got, math.Tanh(0.5), 1e-6) {
		t.Errorf("tanh α %v", got)
	}
	// No learning rate, no change; a step without Reset is an error.
	before := checkpointOf(t, tr)
	if _, err := tr.Step(randomBatch(c.Config, 4, 9), StepParams{Gamma: 2, WeightDecay: 1}); err != nil {
		t.Fatal(err)
	}
	if differ := cliptest.SameBits(before, checkpointOf(t, tr)); differ != nil {
		t.Errorf("changed without a learning rate: %v", differ)
	}
}

func TestFixedPositives(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		tr, _ := train(t, e, c, Options{Mode: clip.Full, Batch: 4, PositivesFixed: true}, 0)
		b := randomBatch(c.Config, 4, 1)
		// captions 0 and 1 are the same
		copy(b.BaseText[c.Config.Dim():], b.BaseText[:c.Config.Dim()])
		s, err := tr.Step(b, testStep)
		if err != nil {
			t.Fatal(err)
		}
		if s.MeanPositives != 1.5 {
			t.Errorf("mean positives %v, want 1.5", s.MeanPositives)
		}
	})
}

func TestTrainerErrors(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	c := cliptest.SmallModel(0, true)
	for _, x := range []struct {
		opts Options
		want string
	}{
		{Options{Mode: "half", Batch: 2}, `unknown mode "half"`},
		{Options{Mode: clip.GatedImage, Batch: 2}, "no gated blocks"},
		{Options{Mode: clip.Full}, "batch 0"},
		{Options{Mode: clip.Full, Batch: 2, CachedText: true}, "cached text features in mode full"},
	} {
		if _, err := New(e, c.Config, x.opts); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: %v, want %q", x.opts, err, x.want)
		}
	}
	tr, err := New(e, c.Config, Options{Mode: clip.Full, Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(c.Config, 2, 1)
	if _, err := tr.Step(b, testStep); err == nil || !strings.Contains(err.Error(), "before Reset") {
		t.Errorf("a step before Reset: %v", err)
	}
	if err := tr.Reset(cliptest.SmallModel(1, true)); err == nil || !strings.Contains(err.Error(), "gated_attn_block") {
		t.Errorf("weights of another model: %v", err)
	}
	if err := tr.Reset(c); err != nil {
		t.Fatal(err)
	}
	bad := b
	bad.Pixels = b.Pixels[1:]
	if _, err := tr.Step(bad, testStep); err == nil || !strings.Contains(err.Error(), "pixels") {
		t.Errorf("too few pixels: %v", err)
	}
	bad = b
	bad.Tokens = slices.Clone(b.Tokens)
	bad.Tokens[7] = 20
	if _, err := tr.Step(bad, testStep); err == nil || !strings.Contains(err.Error(), "caption 1: token id 20") {
		t.Errorf("an id over the vocabulary: %v", err)
	}
}
