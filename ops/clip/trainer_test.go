package clip

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/ops/engine"
)

var testStep = StepParams{LR: 1e-2, WeightDecay: 0.1, Gamma: 0.9}

// train resets to a checkpoint and takes steps over a few batches.
func train(t *testing.T, e *engine.Engine, c *Checkpoint, opts TrainOptions, steps int) (*Trainer, []StepStats) {
	t.Helper()
	tr, err := NewTrainer(e, c.Config, opts)
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

func checkpointOf(t *testing.T, tr *Trainer) *Checkpoint {
	t.Helper()
	c, err := tr.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sameBits says which parameters of two checkpoints differ.
func sameBits(a, b *Checkpoint) (differ []string) {
	for _, name := range a.Weights.Names() {
		if !slices.Equal(a.Weights.At(name).Data, b.Weights.At(name).Data) {
			differ = append(differ, name)
		}
	}
	return differ
}

// determinismModels: one with a vocabulary small enough for one-hot ids, one
// for which the distinct ids are looked up, both wide enough for threads.
func determinismModels() map[string]*Checkpoint {
	wide := func(vocab int) *Checkpoint {
		cfg := Config{Model: Model{EmbedDim: 64, QuickGELU: true,
			Vision: Vision{Layers: 2, Width: 64, HeadWidth: 32, MLPRatio: 4, PatchSize: 8, ImageSize: 32},
			Text:   Text{ContextLength: 12, VocabSize: vocab, Width: 64, Heads: 2, Layers: 2, MLPRatio: 4}}}
		c, _ := (&Checkpoint{Config: cfg, Weights: Init(cfg, 1)}).WithGates(1, 2)
		return c
	}
	return map[string]*Checkpoint{"small vocabulary": wide(300), "large vocabulary": wide(oneHotVocab + 100)}
}

func TestStepsAreTheSameFromRunToRun(t *testing.T) {
	steps, batch := 6, 16
	if testing.Short() {
		steps, batch = 2, 8
	}
	for name, c := range determinismModels() {
		for _, mode := range ModeNames() {
			t.Run(name+"/"+mode, func(t *testing.T) {
				if name == "large vocabulary" && slices.Contains(TextLockedModes(), mode) {
					t.Skip("the token table does not train")
				}
				if testing.Short() && (mode != Full || name == "large vocabulary") {
					t.Skip("-short: full covers both towers")
				}
				onEngines(t, func(t *testing.T, e *engine.Engine) {
					opts := TrainOptions{Mode: mode, Batch: batch, Clip: 1}
					first, a := train(t, e, c, opts, steps)
					second, b := train(t, e, c, opts, steps)
					for i := range a {
						if a[i].Loss != b[i].Loss || a[i].GradNorm != b[i].GradNorm {
							t.Errorf("step %d: %+v, then %+v", i, a[i], b[i])
						}
					}
					if differ := sameBits(checkpointOf(t, first), checkpointOf(t, second)); differ != nil {
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
	small := smallModel(0, true)
	n := small.Config.VocabSize() * small.Config.Model.Text.Width
	large := &Checkpoint{Config: small.Config.WithVocab(oneHotVocab + 1), Weights: Init(small.Config.WithVocab(oneHotVocab+1), 1)}
	copy(large.Weights.At("token_embedding.weight").Data, small.Weights.At("token_embedding.weight").Data)
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		var ends []*Checkpoint
		for _, c := range []*Checkpoint{small, large} {
			tr, err := NewTrainer(e, c.Config, TrainOptions{Mode: Full, Batch: 4})
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
		if err := closeTo(a, b, 1e-4); err != nil {
			t.Error(err)
		}
	})
}

func TestNewGatesChangeNothing(t *testing.T) {
	base := stir(smallModel(0, true))
	gated, err := base.WithGates(2, 7)
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(base.Config, 5, 1)
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		var all [][]float32
		for _, c := range []*Checkpoint{base, gated} {
			enc, err := NewEncoder(e, c, 3)
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
	c := smallModel(2, true)
	const n = 6
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		enc, err := NewEncoder(e, c, 4)
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		for _, mode := range []string{LockedText, GatedImage} {
			var losses [2][]float64
			for i, cached := range []bool{false, true} {
				tr, _ := train(t, e, c, TrainOptions{Mode: mode, Batch: n, CachedText: cached}, 0)
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
				if !relative(losses[1][step], losses[0][step], 1e-5) {
					t.Errorf("%s step %d: cached %v, encoded %v", mode, step, losses[1][step], losses[0][step])
				}
			}
		}
	})
}

// TestResumeIsExact takes three steps, moves checkpoint and state to another
// trainer and takes three more: the same as six.
func TestResumeIsExact(t *testing.T) {
	c := smallModel(1, true)
	opts := TrainOptions{Mode: GatedImage, Batch: 4, Clip: 1}
	onEngines(t, func(t *testing.T, e *engine.Engine) {
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
		if differ := sameBits(checkpointOf(t, straight), checkpointOf(t, second)); differ != nil {
			t.Errorf("differ after resuming: %v", differ)
		}
	})
}

func TestResetForgetsTheRunBefore(t *testing.T) {
	c := smallModel(0, true)
	e := openEngine(t, "go")
	fresh, _ := train(t, e, c, TrainOptions{Mode: Full, Batch: 4}, 2)
	used, _ := train(t, e, stir(c), TrainOptions{Mode: Full, Batch: 4}, 3)
	if err := used.Reset(c); err != nil {
		t.Fatal(err)
	}
	takeSteps(t, used, 0, 2)
	if differ := sameBits(checkpointOf(t, fresh), checkpointOf(t, used)); differ != nil {
		t.Errorf("differ: %v", differ)
	}
}

// TestAdamWByHand follows one parameter of each kind through two steps, as a ViT
// and as a ResNet train.
func TestAdamWByHand(t *testing.T) {
	if a := AdamWFor(smallResNet().Config); a != (AdamW{0.9, 0.999, 1e-8}) || AdamWFor(smallModel(0, true).Config).orDefault() != (AdamW{0.9, 0.98, 1e-6}) {
		t.Errorf("a ResNet trains with %+v", a)
	}
	for _, adam := range []AdamW{{}, adamResNet} {
		followAdamW(t, adam)
	}
}

func followAdamW(t *testing.T, adam AdamW) {
	b2, eps := adam.orDefault().Beta2, adam.orDefault().Epsilon
	params := []parameter{{name: "matrix", shape: []int{1, 1}}, {name: "vector", shape: []int{1}}, {name: "x.alpha_attn", shape: []int{}}, {name: "logit_scale", shape: []int{}}}
	starts := []float64{0.5, 0.5, 0.5, 4.6}
	grads := []float64{3, 4, -1, -2} // the global norm is √30
	p := StepParams{LR: 0.1, WeightDecay: 0.2, AlphaLR: 5}
	const clip = 1.0
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		program, err := e.Program(fmt.Sprint("adamw by hand ", b2), adamwGraph(params, adam))
		if err != nil {
			t.Fatal(err)
		}
		values, dims := map[string][]float32{}, map[string][]int{hyperInput: {1, numHyper}}
		for i, q := range params {
			values["w:"+q.name], values["g:"+q.name] = []float32{float32(starts[i])}, []float32{float32(grads[i])}
			values["m:"+q.name], values["v:"+q.name] = []float32{0}, []float32{0}
			for _, k := range []string{"w:", "g:", "m:", "v:"} {
				dims[k+q.name] = []int{1, 1}
			}
		}
		want := slices.Clone(starts)
		var m, v [4]float64
		for step := 1; step <= 2; step++ {
			// The second step's gradients are below the clip. AdamW does not see the scale of
			// gradients that are all alike, so that only their change tells whether they were clipped.
			size := []float64{1, 0.1}[step-1]
			shrink := min(1, clip/(size*math.Sqrt(30)+1e-6))
			values[hyperInput] = hyperValues(p, adam, clip, step)
			for i, q := range params {
				values["g:"+q.name] = []float32{float32(grads[i] * size)}
			}
			out := runProgram(t, e, program, values, dims)
			for i, q := range params {
				g := grads[i] * size * shrink
				m[i], v[i] = 0.9*m[i]+0.1*g, b2*v[i]+(1-b2)*g*g
				lr := p.LR
				if i == 0 {
					want[i] *= 1 - p.LR*p.WeightDecay
				}
				if i == 2 {
					lr *= p.AlphaLR
				}
				want[i] -= lr * m[i] / (1 - math.Pow(0.9, float64(step))) / (math.Sqrt(v[i]/(1-math.Pow(b2, float64(step)))) + eps)
				if i == 3 {
					want[i] = min(max(want[i], 0), math.Log(100))
				}
				if got := float64(out[3*i][0]); math.Abs(got-want[i]) > 1e-5 {
					t.Errorf("step %d, %s: %v, want %v", step, q.name, got, want[i])
				}
				values["w:"+q.name], values["m:"+q.name], values["v:"+q.name] = out[3*i], out[3*i+1], out[3*i+2]
			}
		}
	})
}

func TestStatsAndTheirLimits(t *testing.T) {
	c := smallModel(2, true)
	c.Weights.At("logit_scale").Data[0] = 4.6
	for _, name := range c.Weights.Names() {
		if isAlpha(name) {
			c.Weights.At(name).Data[0] = 0.5
		}
	}
	tr, stats := train(t, openEngine(t, "go"), c, TrainOptions{Mode: GatedImage, Batch: 4}, 3)
	for _, s := range stats {
		if len(s.TanhAlpha) != 4 || s.LogitScale > 100.001 || s.MeanPositives < 1 || s.MeanPositives > 4 || s.GradNorm <= 0 {
			t.Errorf("stats %+v", s)
		}
	}
	if got := stats[0].TanhAlpha[0]; !relative(got, math.Tanh(0.5), 1e-6) {
		t.Errorf("tanh α %v", got)
	}
	// No learning rate, no change; a step without Reset is an error.
	before := checkpointOf(t, tr)
	if _, err := tr.Step(randomBatch(c.Config, 4, 9), StepParams{Gamma: 2, WeightDecay: 1}); err != nil {
		t.Fatal(err)
	}
	if differ := sameBits(before, checkpointOf(t, tr)); differ != nil {
		t.Errorf("changed without a learning rate: %v", differ)
	}
}

func TestFixedPositives(t *testing.T) {
	c := smallModel(0, true)
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		tr, _ := train(t, e, c, TrainOptions{Mode: Full, Batch: 4, PositivesFixed: true}, 0)
		b := randomBatch(c.Config, 4, 1)
		copy(b.BaseText[c.Config.Dim():], b.BaseText[:c.Config.Dim()]) // captions 0 and 1 are the same
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
	e := openEngine(t, "go")
	c := smallModel(0, true)
	for _, x := range []struct {
		opts TrainOptions
		want string
	}{
		{TrainOptions{Mode: "half", Batch: 2}, `unknown mode "half"`},
		{TrainOptions{Mode: GatedImage, Batch: 2}, "no gated blocks"},
		{TrainOptions{Mode: Full}, "batch 0"},
		{TrainOptions{Mode: Full, Batch: 2, CachedText: true}, "cached text features in mode full"},
	} {
		if _, err := NewTrainer(e, c.Config, x.opts); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: %v, want %q", x.opts, err, x.want)
		}
	}
	tr, err := NewTrainer(e, c.Config, TrainOptions{Mode: Full, Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(c.Config, 2, 1)
	if _, err := tr.Step(b, testStep); err == nil || !strings.Contains(err.Error(), "before Reset") {
		t.Errorf("a step before Reset: %v", err)
	}
	if err := tr.Reset(smallModel(1, true)); err == nil || !strings.Contains(err.Error(), "gated_attn_block") {
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

func TestTokensBeforePooling(t *testing.T) {
	c := stir(smallModel(1, false))
	pixels, ids := parityInput(c.Config)
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		enc, err := NewEncoder(e, c, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		image, err := enc.ImageTokens(pixels, parityRows)
		if err != nil {
			t.Fatal(err)
		}
		text, err := enc.TextTokens(ids, parityRows)
		if err != nil {
			t.Fatal(err)
		}
		features, _ := enc.Images(pixels, parityRows)
		captions, _ := enc.Texts(ids, parityRows)
		v, x := c.Config.Model.Vision, c.Config.Model.Text
		for i := range parityRows {
			class := image[i*v.tokens()*v.Width:][:v.Width]
			end := slices.Index(ids[i*x.ContextLength:], int32(x.VocabSize-1))
			last := text[(i*x.ContextLength+end)*x.Width:][:x.Width]
			if err := closeTo(projected(class, c.Weights.At("visual.proj")), features[i*8:(i+1)*8], 1e-5); err != nil {
				t.Errorf("image %d: %v", i, err)
			}
			if err := closeTo(projected(last, c.Weights.At("text_projection")), captions[i*8:(i+1)*8], 1e-5); err != nil {
				t.Errorf("caption %d: %v", i, err)
			}
		}
	})
}

// projected is x·W, scaled to length 1.
func projected(x []float32, w *Tensor) []float32 {
	out := make([]float32, w.Shape[1])
	sum := float32(0)
	for j := range out {
		for i := range x {
			out[j] += x[i] * w.Data[i*len(out)+j]
		}
		sum += out[j] * out[j]
	}
	for j := range out {
		out[j] /= sqrt32(sum)
	}
	return out
}

func TestEncoderErrors(t *testing.T) {
	c := smallModel(0, true)
	enc, err := NewEncoder(openEngine(t, "go"), c, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enc.Images(make([]float32, 5), 1); err == nil {
		t.Error("pixels of no image")
	}
	if _, err := enc.Texts([]int32{-1, 0, 0, 0, 0, 0}, 1); err == nil || !strings.Contains(err.Error(), "token id -1") {
		t.Errorf("a negative id: %v", err)
	}
	if x, err := enc.Images(nil, 0); err != nil || len(x) != 0 {
		t.Errorf("no images: %v, %v", x, err)
	}
	w := c.Weights.Clone()
	w.Put("visual.proj", []int{1, 1}, []float32{0})
	if _, err := NewEncoder(openEngine(t, "go"), &Checkpoint{Config: c.Config, Weights: w}, 2); err == nil || !strings.Contains(err.Error(), `"visual.proj" is [1 1]`) {
		t.Errorf("a misshapen parameter: %v", err)
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	c := stir(smallModel(2, false))
	c.Config.Preprocess = &Preprocess{Mean: [3]float32{0.5, 0.5, 0.5}, Std: [3]float32{0.25, 0.25, 0.25}}
	var files [2][]byte
	for i := range files {
		dir := t.TempDir()
		if err := Save(c, dir, OpenCLIP); err != nil {
			t.Fatal(err)
		}
		got, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if differ := sameBits(c, got); differ != nil || !slices.Equal(c.Weights.Names(), got.Weights.Names()) {
			t.Errorf("differ: %v", differ)
		}
		if mean, _ := got.Config.Normalization(); mean[0] != 0.5 || got.Config.Gates() != 2 || got.Config.Model.QuickGELU {
			t.Errorf("config %+v", got.Config)
		}
		for _, name := range []string{ConfigFile, WeightsFile} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[i] = append(files[i], data...)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two saves differ")
	}
}
