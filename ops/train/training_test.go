package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"react/data/image"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/clip/optim"
	"react/ops/engine"
	"react/ops/internal/optest"
	"react/ops/op"
)

func TestLearningRate(t *testing.T) {
	for _, c := range []struct {
		step int
		want float64
	}{{0, 0.1}, {4, 0.5}, {9, 1}, {10, 1}, {55, 0.5}} {
		if got := learningRate(1, c.step, 10, 100); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("step %d: got %v, want %v", c.step, got, c.want)
		}
	}
	if last := learningRate(1, 99, 10, 100); last <= 0 || last > 1e-3 {
		t.Errorf("last step: got %v, want just over 0", last)
	}
	if got := learningRate(1, 0, 0, 1); got != 1 {
		t.Errorf("one step without warm-up: got %v, want 1", got)
	}
}

// onEngines runs a test on each engine that computes a training.
func onEngines(t *testing.T, test func(t *testing.T, on *engine.Engine)) {
	for _, name := range []string{"go", "onnx", "xla:cpu"} {
		t.Run(name, func(t *testing.T) { test(t, optest.OpenEngine(t, name)) })
	}
}

// drawnTraining is a training of a small model on drawn images and captions, with its trainer at the
// start.
func drawnTraining(t *testing.T, on *engine.Engine, o optim.Options) *Training {
	t.Helper()
	const pairs, batch, steps = 40, 4, 9
	cfg := optest.SmallModel(t)
	rng := rand.New(rand.NewPCG(3, 4))
	context, vocab := cfg.ContextLength(), cfg.VocabSize()
	tokens := make([]int32, pairs*context)
	for i := range tokens {
		tokens[i] = int32(1 + rng.IntN(vocab-2))
		if i%context == context-1 {
			tokens[i] = int32(vocab - 1)
		}
	}
	tr := &Training{Norm: backbone.NormalizationOf(cfg), Dim: cfg.Dim(), context: context, tokens: tokens, gamma: 0.9,
		Steps: steps, Batch: batch, Warmup: 2, LR: 1e-2, WeightDecay: 0.1, alphaLRScale: 1, Seed: 5,
		Augment: image.Augment{Crop: [2]float64{0.5, 1}, Ratio: [2]float64{0.75, 1.33}}}
	if o.CachedText {
		tr.tokens, tr.textFeatures = nil, make([]float32, pairs*cfg.Dim())
		for i := range tr.textFeatures {
			tr.textFeatures[i] = float32(rng.NormFloat64() / math.Sqrt(float64(cfg.Dim())))
		}
	}
	tr.Images = &backbone.Source{N: pairs, Read: func(i int) ([]byte, error) { return optest.GreyImage(t, fmt.Sprint(6*i)), nil }}
	o.Batch = batch
	var err error
	if tr.Trainer, err = optim.New(on, cfg, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Trainer.Close)
	tr.begin(t)
	return tr
}

// begin puts the trainer at the start.
func (tr *Training) begin(t *testing.T) {
	t.Helper()
	cfg := optest.SmallModel(t)
	if err := tr.Trainer.Reset(&clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}); err != nil {
		t.Fatal(err)
	}
}

// inSeries takes the steps as plainly as can be: each batch is made, uploaded and computed before
// the next. It gives the lines of the steps that were taken, the weights after each, and the first
// error.
func (tr *Training) inSeries(t *testing.T) (lines []string, weights []*clip.Weights, err error) {
	t.Helper()
	order, b := newSampler(tr.examples(), tr.Seed), tr.newBatch()
	for b.step = range tr.Steps {
		if err := tr.fill(t.Context(), 1, order, b); err != nil {
			return lines, weights, err
		}
		lr := learningRate(tr.LR, b.step, tr.Warmup, tr.Steps)
		s, err := tr.Trainer.Step(b.batch, optim.StepParams{LR: lr, WeightDecay: tr.WeightDecay, Gamma: tr.gamma, AlphaLRScale: tr.alphaLRScale})
		if err != nil {
			t.Fatal(err)
		}
		if math.IsNaN(s.Loss) || math.IsInf(s.Loss, 0) {
			return lines, weights, fmt.Errorf("step %d: the loss is %v (lr %g is too high?)", b.step+1, s.Loss, tr.LR)
		}
		raw, err := json.Marshal(stepMetrics{Step: b.step + 1, Loss: s.Loss, LR: lr, GradNorm: s.GradNorm, LogitScale: s.LogitScale, Positives: s.MeanPositives})
		if err != nil {
			t.Fatal(err)
		}
		lines, weights = append(lines, string(raw)), append(weights, tr.weights(t))
	}
	return lines, weights, nil
}

func (tr *Training) weights(t *testing.T) *clip.Weights {
	t.Helper()
	c, err := tr.Trainer.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	return c.Weights
}

func sameWeights(t *testing.T, what string, got, want *clip.Weights) {
	t.Helper()
	for _, name := range want.Names() {
		if !slices.Equal(got.At(name).Data, want.At(name).Data) {
			t.Errorf("%s: %s differs", what, name)
			return
		}
	}
}

// metricsIn are the lines of metrics.jsonl without speeds.
func metricsIn(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(withoutTimes(data))), "\n")
}

// TestRunIsTheStepsInSeries: batches that are uploaded beside a step, and numbers that are read after
// the next step was begun, change no bit: not in the lines, nor in the weights in the middle and at
// the end. Progress tells of each step once. Each engine runs as it does, and one step ahead.
func TestRunIsTheStepsInSeries(t *testing.T) {
	onEngines(t, func(t *testing.T, on *engine.Engine) {
		for name, o := range map[string]optim.Options{
			"full":          {Mode: clip.Full},
			"locked-text":   {Mode: clip.LockedText, CachedText: true, GammaOff: true, GradClip: 1},
			"micro-batches": {Mode: clip.Full, MicroBatch: 3},
		} {
			t.Run(name, func(t *testing.T) {
				tr := drawnTraining(t, on, o)
				lines, weights, err := tr.inSeries(t)
				if err != nil {
					t.Fatal(err)
				}
				for ahead := range 2 {
					tr.begin(t)
					looked := 0
					tr.After = map[int]func() error{}
					for _, step := range []int{3, 4, tr.Steps} {
						tr.After[step] = func() error {
							sameWeights(t, fmt.Sprintf("%d ahead, after step %d", ahead, step), tr.weights(t), weights[step-1])
							looked++
							return nil
						}
					}
					run := optest.New(t, nil, nil)
					var told []int
					run.Progress = func(p op.Progress) { told = append(told, p.Done) }
					sum, err := tr.run(t.Context(), &run.Run, on, ahead)
					if err != nil {
						t.Fatal(err)
					}
					if got := metricsIn(t, run.Path(MetricsFile)); !slices.Equal(got, lines) {
						t.Errorf("%d ahead: got lines\n%s\nwant\n%s", ahead, strings.Join(got, "\n"), strings.Join(lines, "\n"))
					}
					if looked != 3 || len(sum.Losses) != tr.Steps || !slices.Equal(told, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
						t.Errorf("%d ahead: %d looks at the weights, %d losses, progress %v", ahead, looked, len(sum.Losses), told)
					}
				}
			})
		}
	})
}

// stopping is a training that is stopped, with what its steps in series gave.
type stopping struct {
	*Training
	t       *testing.T
	on      *engine.Engine
	ahead   int
	weights []*clip.Weights
}

// attempt runs until a step was told of, or to the end (step 0), and gives the last step told of.
func (s *stopping) attempt(partial string, every time.Duration, until int) (told int, err error) {
	s.begin(s.t)
	run := optest.New(s.t, nil, nil)
	run.Partial, run.SaveEvery = partial, every
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	run.Progress = func(p op.Progress) {
		if told = p.Done; told == until {
			cancel()
		}
	}
	_, err = s.run(ctx, &run.Run, s.on, s.ahead)
	return told, err
}

// saved is the step whose state was saved, 0 for none; the state must be that of the step.
func (s *stopping) saved(partial string) int {
	var state trainingState
	data, err := os.ReadFile(filepath.Join(partial, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err := errors.Join(err, json.Unmarshal(data, &state)); err != nil {
		s.t.Fatal(err)
	}
	if n := len(metricsIn(s.t, filepath.Join(partial, metricsOf(state.Step)))); n != state.Step {
		s.t.Errorf("%d ahead: %d lines are saved of step %d", s.ahead, n, state.Step)
	}
	w, err := layout.ReadSafetensors(filepath.Join(partial, weightsOf(state.Step)))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range s.Trainer.Changing() {
		if !slices.Equal(w.At(name).Data, s.weights[state.Step-1].At(name).Data) {
			s.t.Errorf("%d ahead: %s of step %d is not saved as it was", s.ahead, name, state.Step)
		}
	}
	return state.Step
}

const never, always = time.Hour, time.Nanosecond // between two saves, where they take no time

// TestStoppedAhead: a training that is stopped ends with the state of its last step, and goes on
// from there to the same weights.
func TestStoppedAhead(t *testing.T) {
	onEngines(t, func(t *testing.T, on *engine.Engine) {
		s := &stopping{Training: drawnTraining(t, on, optim.Options{Mode: clip.Full}), t: t, on: on}
		var err error
		if _, s.weights, err = s.inSeries(t); err != nil {
			t.Fatal(err)
		}
		for s.ahead = range 2 {
			partial := filepath.Join(t.TempDir(), "partial")
			told, err := s.attempt(partial, never, 4)
			if step := s.saved(partial); !errors.Is(err, context.Canceled) || step != told || step != 4+s.ahead {
				t.Errorf("%d ahead: stopped after step 4: %v, told of %d, saved %d", s.ahead, err, told, step)
			}
			if told, err = s.attempt(partial, always, 0); err != nil || told != s.Steps {
				t.Errorf("%d ahead: goes on: %v, to step %d", s.ahead, err, told)
			}
			sameWeights(t, "goes on", s.Training.weights(t), s.weights[s.Steps-1])
		}
	})
}

// TestSpoiledAhead: a training whose loss, or an image, is not as it should be ends as it does when
// each step is waited for: after the same step, with the same error, and with the state of the last
// good step or none.
func TestSpoiledAhead(t *testing.T) {
	onEngines(t, func(t *testing.T, on *engine.Engine) {
		for name, spoil := range map[string]func(*Training){
			"the rate": func(tr *Training) { tr.LR = 1e38 },
			"an image": func(tr *Training) {
				at, read := make([]int, 1), tr.Images.Read
				newSampler(tr.examples(), tr.Seed).batch(5*tr.Batch, at)
				tr.Images.Read = func(i int) ([]byte, error) {
					if i == at[0] {
						return nil, errors.New("gone")
					}
					return read(i)
				}
			},
		} {
			s := &stopping{Training: drawnTraining(t, on, optim.Options{Mode: clip.Full}), t: t, on: on}
			spoil(s.Training)
			var lines []string
			var want error
			if lines, s.weights, want = s.inSeries(t); want == nil || len(lines) == 0 {
				t.Fatalf("%s: %d steps are good, and then: %v", name, len(lines), want)
			}
			for s.ahead = range 2 {
				for _, every := range []time.Duration{never, always} {
					partial := filepath.Join(t.TempDir(), "partial")
					told, got := s.attempt(partial, every, 0)
					if fmt.Sprint(got) != fmt.Sprint(want) || told != len(lines) {
						t.Errorf("%s, %d ahead: got %v after step %d, want %v after %d", name, s.ahead, got, told, want, len(lines))
					}
					if step := s.saved(partial); (step > 0) != (every == always) || step > len(lines) {
						t.Errorf("%s, %d ahead: step %d is saved, of %d good ones", name, s.ahead, step, len(lines))
					}
				}
			}
		}
	})
}
