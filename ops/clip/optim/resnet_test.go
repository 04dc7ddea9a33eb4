package optim

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

const drawnBatchSize = 4

func drawnBatch(cfg clip.Config, step int) Batch {
	pixels := cliptest.Drawn(fmt.Sprint("pixels", step), drawnBatchSize*3*cfg.ImageSize()*cfg.ImageSize())
	for i := range pixels {
		pixels[i] *= 2
	}
	var ids []int32
	for i, u := range cliptest.Drawn(fmt.Sprint("tokens", step), drawnBatchSize*cfg.ContextLength()) {
		id := int32(u*9 + 9)
		if i%cfg.ContextLength() == cfg.ContextLength()-1 {
			id = int32(cfg.VocabSize() - 1)
		}
		ids = append(ids, id)
	}
	return Batch{Pixels: pixels, Tokens: ids}
}

func readGolden(t *testing.T, file string) []float32 {
	t.Helper()
	_, data := cliptest.ReadArray(t, filepath.Join("testdata", "resnet", file))
	return data
}

// TestResNetForwardAgreesWithPyTorch compares features and the maps after three
// stages; a batch of 3 pads the second run.
func TestResNetForwardAgreesWithPyTorch(t *testing.T) {
	c := cliptest.DrawnResNet()
	b := drawnBatch(c.Config, 0)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		enc, err := encode.New(e, c, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		check := func(what string, got []float32, err error, file string, bound float64) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			want := readGolden(t, file)
			if err := cliptest.CloseTo(got[:min(len(want), len(got))], want, bound); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, stage := range []int{1, 3, 4} {
			x, err := enc.FeatureMap(b.Pixels, drawnBatchSize, stage)
			check(fmt.Sprint("map after stage ", stage), x, err, fmt.Sprintf("map%d.npy", stage), 1e-5)
		}
		x, err := enc.ImageTokens(b.Pixels, drawnBatchSize)
		check("tokens", x, err, "map4.npy", 1e-5)
		if len(x) != drawnBatchSize*4*128 {
			t.Errorf("%d values of tokens", len(x))
		}
		if x, err = enc.FeatureMap(b.Pixels, drawnBatchSize, 0); err != nil || len(x) != drawnBatchSize*16*16*4 {
			t.Errorf("the stem's map: %d values, %v", len(x), err)
		}
		if _, err = enc.FeatureMap(b.Pixels, drawnBatchSize, 5); err == nil {
			t.Error("a map after stage 5")
		}
		x, err = enc.Images(b.Pixels, drawnBatchSize)
		check("image features", x, err, "image_features.npy", 1e-5)
		x, err = enc.Texts(b.Tokens, drawnBatchSize)
		check("text features", x, err, "text_features.npy", 1e-5)
	})
}

// resnetSteps is a mode of steps.json.
type resnetSteps struct {
	Losses     []float64             `json:"losses"`
	GradNorms  []float64             `json:"grad_norms"`
	Grads      map[string][2]float64 `json:"grads"` // length, and product with drawn numbers
	FinalImage []float32             `json:"final_image"`
}

func readSteps(t *testing.T) map[string]resnetSteps {
	t.Helper()
	var all map[string]resnetSteps
	cliptest.ReadJSON(t, filepath.Join("testdata", "resnet", "steps.json"), &all)
	return all
}

func TestResNetGradientsAgreeWithPyTorch(t *testing.T) {
	c := cliptest.DrawnResNet()
	want := readSteps(t)[clip.Full].Grads
	names, err := clip.Trainable(c.Config, clip.Full)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(want) {
		t.Errorf("%d parameters train, %d in PyTorch", len(names), len(want))
	}
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		_, out := gradientsOf(t, e, c, Options{Mode: clip.Full, Batch: drawnBatchSize, GammaOff: true}, drawnBatch(c.Config, 0), false)
		for i, got := range out {
			length, along := 0.0, 0.0
			for j, u := range cliptest.Drawn("grad "+names[i], len(got)) {
				length += float64(got[j]) * float64(got[j])
				along += float64(got[j]) * float64(u)
			}
			length = math.Sqrt(length)
			w, known := want[names[i]]
			if bound := 1e-5 + 1e-4*w[0]; !known || math.Abs(length-w[0]) > bound || math.Abs(along-w[1]) > bound {
				t.Errorf("%s: length %v, product %v; want %v", names[i], length, along, w)
			}
		}
	})
}

func TestResNetStepsAgreeWithPyTorch(t *testing.T) {
	for mode, want := range readSteps(t) {
		t.Run(mode, func(t *testing.T) {
			cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) { checkResNetSteps(t, e, mode, want) })
		})
	}
}

func checkResNetSteps(t *testing.T, e *engine.Engine, mode string, want resnetSteps) {
	start := cliptest.DrawnResNet()
	tr, err := New(e, start.Config, Options{Mode: mode, Batch: drawnBatchSize})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Reset(start); err != nil {
		t.Fatal(err)
	}
	for step := range want.Losses {
		s, err := tr.Step(drawnBatch(start.Config, step), StepParams{LR: 1e-3, WeightDecay: 0.1, Gamma: 2})
		if err != nil {
			t.Fatal(err)
		}
		if !cliptest.Relative(s.Loss, want.Losses[step], 1e-3) || !cliptest.Relative(s.GradNorm, want.GradNorms[step], 5e-3) {
			t.Errorf("step %d: loss %v, want %v; norm %v, want %v", step, s.Loss, want.Losses[step], s.GradNorm, want.GradNorms[step])
		}
	}
	end := checkpointOf(t, tr)
	names, _ := clip.Trainable(start.Config, mode)
	for _, name := range cliptest.SameBits(start, end) {
		if !slices.Contains(names, name) {
			t.Errorf("%s changed", name)
		}
	}
	for _, name := range names {
		// The keys' bias has no gradient: it moves all scores of a query alike.
		if slices.Equal(start.Weights.At(name).Data, end.Weights.At(name).Data) && name != "visual.attnpool.k_proj.bias" {
			t.Errorf("%s did not change", name)
		}
	}
	enc, err := encode.New(e, end, drawnBatchSize)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	image, err := enc.Images(drawnBatch(start.Config, 0).Pixels, drawnBatchSize)
	if err != nil {
		t.Fatal(err)
	}
	if err := cliptest.CloseTo(image, want.FinalImage, 2e-3); err != nil {
		t.Errorf("image features after the steps: %v", err)
	}
}

// TestResNetStepsAreTheSameFromRunToRun takes a model wide enough for threads,
// of images so small that the last map is one position.
func TestResNetStepsAreTheSameFromRunToRun(t *testing.T) {
	c := cliptest.SmallResNet()
	c.Config.Model.Vision.Width, c.Config.Model.Vision.ImageSize = 16, 32
	c.Weights = clip.Init(c.Config, 1)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		opts := Options{Mode: clip.Full, Batch: 8, GradClip: 1}
		first, a := train(t, e, cliptest.Stir(c), opts, 2)
		second, b := train(t, e, cliptest.Stir(c), opts, 2)
		for i := range a {
			if a[i].Loss != b[i].Loss || a[i].GradNorm != b[i].GradNorm || math.IsNaN(a[i].Loss) {
				t.Errorf("step %d: %+v, then %+v", i, a[i], b[i])
			}
		}
		if differ := cliptest.SameBits(checkpointOf(t, first), checkpointOf(t, second)); differ != nil {
			t.Errorf("differ: %v", differ)
		}
	})
}
