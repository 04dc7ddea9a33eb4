package clip

import (
	"math"
	"slices"
	"testing"

	"react/ops/engine"
)

const featureBound = 1e-4

func TestForwardAgreesWithReference(t *testing.T) {
	for _, dir := range []string{"openai_style", "openclip_style", "react_gated"} {
		t.Run(dir, func(t *testing.T) {
			c := loadFixture(t, dir, ReadSafetensors)
			shape, pixels := readArray(t, fixture(t, dir, "images.npy"))
			ids := readIDs(t, fixture(t, dir, "tokens.npy"))
			_, wantImage := readArray(t, fixture(t, dir, "image_features.npy"))
			_, wantText := readArray(t, fixture(t, dir, "text_features.npy"))
			_, wantLogits := readArray(t, fixture(t, dir, "logits_per_image.npy"))
			n := shape[0]
			onEngines(t, func(t *testing.T, e *engine.Engine) {
				enc, err := NewEncoder(e, c, 5) // 8 rows: the second batch is padded
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
				if err := closeTo(image, wantImage, featureBound); err != nil {
					t.Errorf("image features: %v", err)
				}
				if err := closeTo(text, wantText, featureBound); err != nil {
					t.Errorf("text features: %v", err)
				}
				scale := math.Exp(float64(c.Weights.At("logit_scale").Data[0]))
				if err := closeTo(logits(image, text, n, scale), wantLogits, featureBound*scale); err != nil {
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
	start  *Checkpoint
	batch  int
	pixels []float32
	ids    []int32
}

func readRun(t *testing.T, mode string) run {
	dir := "train_" + mode
	r := run{start: loadFixture(t, dir, ReadSafetensors), ids: readIDs(t, fixture(t, dir, "tokens.npy"))}
	readJSON(t, fixture(t, dir, "trace.json"), &r.trace)
	var shape []int
	shape, r.pixels = readArray(t, fixture(t, dir, "images.npy"))
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
	for _, mode := range ModeNames() {
		t.Run(mode, func(t *testing.T) {
			if testing.Short() && mode != Full && mode != GatedImage {
				t.Skip("-short: full and gated-image cover what the other modes train")
			}
			r := readRun(t, mode)
			onEngines(t, func(t *testing.T, e *engine.Engine) { checkRun(t, e, r) })
		})
	}
}

func checkRun(t *testing.T, e *engine.Engine, r run) {
	trainer, err := NewTrainer(e, r.start.Config, TrainOptions{Mode: r.trace.Mode, Batch: r.batch})
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
		if !relative(s.Loss, want, 1e-3) || !relative(s.GradNorm, r.trace.GradNorms[step], 5e-3) {
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

func relative(got, want, bound float64) bool { return math.Abs(got-want) <= bound*math.Abs(want) }

// checkChanged wants exactly the listed parameters to have changed.
func checkChanged(t *testing.T, r run, end *Checkpoint) {
	names, err := Trainable(r.start.Config, r.trace.Mode)
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

func checkFinalFeatures(t *testing.T, e *engine.Engine, r run, end *Checkpoint) {
	dir := "train_" + r.trace.Mode
	_, wantImage := readArray(t, fixture(t, dir, "final_image_features.npy"))
	_, wantText := readArray(t, fixture(t, dir, "final_text_features.npy"))
	enc, err := NewEncoder(e, end, r.batch)
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
	if err := closeTo(image, wantImage, 5e-3); err != nil {
		t.Errorf("image features after the steps: %v", err)
	}
	if err := closeTo(text, wantText, 5e-3); err != nil {
		t.Errorf("text features after the steps: %v", err)
	}
}
