package optim

import (
	"math"
	"slices"
	"testing"

	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/internal/cliptest"
	"react/ops/clip/layout"
	"react/ops/engine"
)

func TestTrainableAsReferenceLists(t *testing.T) {
	for _, mode := range clip.ModeNames() {
		var tr trace
		cliptest.ReadJSON(t, cliptest.Fixture(t, "train_"+mode, "trace.json"), &tr)
		cfg, err := layout.LoadConfig(cliptest.Fixture(t, "train_"+mode, layout.ConfigFile))
		if err != nil {
			t.Fatal(err)
		}
		names, err := clip.Trainable(cfg, mode)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		if want := slices.Sorted(slices.Values(tr.Trainable)); !slices.Equal(names, want) {
			t.Errorf("%s: %v, want %v", mode, names, want)
		}
	}
}

const featureBound = 1e-4

func TestForwardAgreesWithReference(t *testing.T) {
	for _, dir := range []string{"openai_style", "openclip_style", "react_gated"} {
		t.Run(dir, func(t *testing.T) {
			c := cliptest.LoadFixture(t, dir, layout.ReadSafetensors)
			shape, pixels := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "images.npy"))
			ids := cliptest.ReadIDs(t, cliptest.Fixture(t, dir, "tokens.npy"))
			_, wantImage := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "image_features.npy"))
			_, wantText := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "text_features.npy"))
			_, wantLogits := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "logits_per_image.npy"))
			n := shape[0]
			cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
				enc, err := encode.New(e, c, 5) // 8 rows: the second batch is padded
				if err != nil {
					t.Fatal(err)
				}
				defer enc.Close()
				image, err := enc.Images(pixels, n)
				if err != nil {
					t.Fatal(err)
				}
				text, err := enc.Texts(ids, n)
				if err != nil {
					t.Fatal(err)
				}
				if err := cliptest.CloseTo(image, wantImage, featureBound); err != nil {
					t.Errorf("image features: %v", err)
				}
				if err := cliptest.CloseTo(text, wantText, featureBound); err != nil {
					t.Errorf("text features: %v", err)
				}
				scale := math.Exp(float64(c.Weights.At("logit_scale").Data[0]))
				if err := cliptest.CloseTo(logits(image, text, n, scale), wantLogits, featureBound*scale); err != nil {
					t.Errorf("logits: %v", err)
				}
			})
		})
	}
}

func logits(u, v []float32, n int, scale float64) []float32 {
	dim := len(u) / n
	out := make([]float32, n*n)
	for i := range n {
		for j := range n {
			sum := 0.0
			for k := range dim {
				sum += float64(u[i*dim+k]) * float64(v[j*dim+k])
			}
			out[i*n+j] = float32(scale * sum)
		}
	}
	return out
}

// trace is a reference run's trace.json.
type trace struct {
	Mode      string  `json:"mode"`
	Gamma     float64 `json:"gamma"`
	Optimizer struct {
		LR          float64 `json:"lr"`
		WeightDecay float64 `json:"weight_decay"`
	} `json:"optimizer"`
	Losses    []float64 `json:"losses"`
	GradNorms []float64 `json:"grad_norms"`
	Trainable []string  `json:"trainable"`
}

// run is a reference run's inputs.
type run struct {
	trace  trace
	start  *clip.Checkpoint
	batch  int
	pixels []float32
	ids    []int32
}

func readRun(t *testing.T, mode string) run {
	dir := "train_" + mode
	r := run{start: cliptest.LoadFixture(t, dir, layout.ReadSafetensors), ids: cliptest.ReadIDs(t, cliptest.Fixture(t, dir, "tokens.npy"))}
	cliptest.ReadJSON(t, cliptest.Fixture(t, dir, "trace.json"), &r.trace)
	var shape []int
	shape, r.pixels = cliptest.ReadArray(t, cliptest.Fixture(t, dir, "images.npy"))
	r.batch = shape[len(shape)-4]
	if len(shape) == 4 {
		r.batch /= len(r.trace.Losses)
	}
	return r
}

// at is the batch of a step.
func (r run) at(step int) Batch {
	pixels, ids := len(r.pixels)/len(r.trace.Losses), len(r.ids)/len(r.trace.Losses)
	return Batch{Pixels: r.pixels[step*pixels : (step+1)*pixels], Tokens: r.ids[step*ids : (step+1)*ids]}
}

func (r run) params() StepParams {
	return StepParams{LR: r.trace.Optimizer.LR, WeightDecay: r.trace.Optimizer.WeightDecay, Gamma: r.trace.Gamma}
}

func TestSixStepsAgreeWithReference(t *testing.T) {
	for _, mode := range clip.ModeNames() {
		t.Run(mode, func(t *testing.T) {
			if testing.Short() && mode != clip.Full && mode != clip.GatedImage {
				t.Skip("-short: full and gated-image cover what the other modes train")
			}
			r := readRun(t, mode)
			cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) { checkRun(t, e, r) })
		})
	}
}

func checkRun(t *testing.T, e *engine.Engine, r run) {
	trainer, err := New(e, r.start.Config, Options{Mode: r.trace.Mode, Batch: r.batch})
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	if err := trainer.Reset(r.start); err != nil {
		t.Fatal(err)
	}
	for step, want := range r.trace.Losses {
		s, err := trainer.Step(r.at(step), r.params())
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if !cliptest.Relative(s.Loss, want, 1e-3) || !cliptest.Relative(s.GradNorm, r.trace.GradNorms[step], 5e-3) {
			t.Errorf("step %d: loss %v, want %v; norm %v, want %v", step, s.Loss, want, s.GradNorm, r.trace.GradNorms[step])
		}
	}
	end, err := trainer.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	checkChanged(t, r, end)
	checkFinalFeatures(t, e, r, end)
}

// checkChanged wants exactly the listed parameters to have changed.
func checkChanged(t *testing.T, r run, end *clip.Checkpoint) {
	names, err := clip.Trainable(r.start.Config, r.trace.Mode)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	listed := slices.Sorted(slices.Values(r.trace.Trainable))
	if !slices.Equal(names, listed) {
		t.Errorf("trainable: %v, the reference lists %v", names, listed)
	}
	for _, name := range r.start.Weights.Names() {
		same := slices.Equal(r.start.Weights.At(name).Data, end.Weights.At(name).Data)
		if _, train := slices.BinarySearch(listed, name); train == same {
			t.Errorf("%s: changed %v, trains %v", name, !same, train)
		}
	}
}

func checkFinalFeatures(t *testing.T, e *engine.Engine, r run, end *clip.Checkpoint) {
	dir := "train_" + r.trace.Mode
	_, wantImage := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "final_image_features.npy"))
	_, wantText := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "final_text_features.npy"))
	enc, err := encode.New(e, end, r.batch)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	image, err := enc.Images(r.at(0).Pixels, r.batch)
	if err != nil {
		t.Fatal(err)
	}
	text, err := enc.Texts(r.at(0).Tokens, r.batch)
	if err != nil {
		t.Fatal(err)
	}
	// Six AdamW steps of 1e-3 blow rounding up where a gradient is near 0.
	if err := cliptest.CloseTo(image, wantImage, 5e-3); err != nil {
		t.Errorf("image features after the steps: %v", err)
	}
	if err := cliptest.CloseTo(text, wantText, 5e-3); err != nil {
		t.Errorf("text features after the steps: %v", err)
	}
}
