package optim

import (
	"math"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/clip/layout"
	"react/ops/engine"
)

// TestBF16EmbedsAsF32 holds embeddings in bf16 to those in f32 by their cosine,
// since a single value of a model of few dimensions says little. A bfloat16 has
// 8 bits: each rounding is wrong by up to 0.4 %, which the drawn weights of the
// ResNet's towers amplify most.
func TestBF16EmbedsAsF32(t *testing.T) {
	inBF16(t, checkBF16Embeddings)
}

// inBF16 runs a test on each engine that computes in bf16.
func inBF16(t *testing.T, run func(t *testing.T, e *engine.Engine)) {
	for _, name := range cliptest.EngineNames {
		if engine.ComputesBF16(name) {
			t.Run(name, func(t *testing.T) { run(t, cliptest.OpenEngine(t, name)) })
		}
	}
}

func checkBF16Embeddings(t *testing.T, e *engine.Engine) {
	for name, c := range map[string]*clip.Checkpoint{"ViT": cliptest.LoadFixture(t, "openai_style", layout.ReadSafetensors), "gated": cliptest.LoadFixture(t, "react_gated", layout.ReadSafetensors), "ResNet": cliptest.DrawnResNet()} {
		t.Run(name, func(t *testing.T) {
			b := randomBatch(c.Config, 4, 1)
			var image, text [2][]float32
			for i, precision := range clip.Precisions {
				enc, err := encode.NewIn(e, c, 4, precision)
				if err != nil {
					t.Fatal(err)
				}
				defer enc.Close()
				if image[i], err = enc.Images(b.Pixels, 4); err != nil {
					t.Fatal(err)
				}
				if text[i], err = enc.Texts(b.Tokens, 4); err != nil {
					t.Fatal(err)
				}
			}
			for _, side := range []struct {
				name string
				x    [2][]float32
			}{{"images", image}, {"texts", text}} {
				if cos := smallestCosine(side.x[0], side.x[1], c.Config.Dim()); cos < 0.99 {
					t.Errorf("%s: the cosine of an embedding in bf16 with that in f32 is %.4f", side.name, cos)
				}
				if cliptest.CloseTo(side.x[1], side.x[0], 1e-6) == nil {
					t.Errorf("%s: bf16 gives what f32 gives, so it is not bf16", side.name)
				}
			}
		})
	}
}

// smallestCosine is that of the rows [n, dim] of length 1.
func smallestCosine(u, v []float32, dim int) float64 {
	smallest := 1.0
	for i := 0; i < len(u); i += dim {
		sum := 0.0
		for j := range dim {
			sum += float64(u[i+j]) * float64(v[i+j])
		}
		smallest = min(smallest, sum)
	}
	return smallest
}

// TestBF16TrainsAsF32 takes steps in both precisions: the losses stay within 5 %
// of the first.
func TestBF16TrainsAsF32(t *testing.T) {
	inBF16(t, checkBF16Trainings)
}

func checkBF16Trainings(t *testing.T, e *engine.Engine) {
	for _, c := range []struct {
		name  string
		start *clip.Checkpoint
		opts  Options
	}{
		{"full", cliptest.SmallModel(0, true), Options{Mode: clip.Full}},
		{"full, exact GELU, many tokens", manyTokens(), Options{Mode: clip.Full, MicroBatch: 4}},
		{"gated-image", cliptest.Stir(cliptest.SmallModel(2, true)), Options{Mode: clip.GatedImage, Recompute: true}},
		{"locked-image", cliptest.SmallModel(0, true), Options{Mode: clip.LockedImage}},
		{"ResNet", cliptest.DrawnResNet(), Options{Mode: clip.Full}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.opts.Mode != clip.GatedImage {
				t.Skip("-short: gated-image covers most layers, and TestBF16EmbedsAsF32 the rest")
			}
			if e.Name() != "go" && c.start.Config.ResNet() {
				t.Skip("XLA compiles a ResNet's steps for long; its embeddings are compared")
			}
			checkBF16Training(t, e, c.start, c.opts)
		})
	}
}

const bf16Steps = 5

func checkBF16Training(t *testing.T, e *engine.Engine, start *clip.Checkpoint, opts Options) {
	opts.Batch, opts.GradClip = 8, 1
	var losses [2][]float64
	for i, precision := range clip.Precisions {
		opts.Precision = precision
		tr, _ := train(t, e, start, opts, 0)
		b := randomBatch(start.Config, opts.Batch, 1)
		for range bf16Steps {
			s, err := tr.Step(b, StepParams{LR: 3e-3, WeightDecay: 0.1, Gamma: 2})
			if err != nil {
				t.Fatal(err)
			}
			losses[i] = append(losses[i], s.Loss)
		}
	}
	for step := range losses[0] {
		if f32, bf16 := losses[0][step], losses[1][step]; math.Abs(bf16-f32) > 0.05*losses[0][0] {
			t.Errorf("step %d: the loss is %.4f, in f32 %.4f", step+1, bf16, f32)
		}
	}
	if first, last := losses[1][0], losses[1][bf16Steps-1]; last > first-0.2*(losses[0][0]-losses[0][bf16Steps-1]) {
		t.Errorf("bf16 does not learn: %.4f, then %.4f", first, last)
	}
	if losses[0][0] == losses[1][0] {
		t.Error("the first losses are equal, so it is not bf16")
	}
}

func TestPrecisionErrors(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	if _, err := encode.NewIn(cliptest.OpenEngine(t, "go"), c, 2, "f16"); err == nil || !strings.Contains(err.Error(), `unknown precision "f16": one of f32, bf16`) {
		t.Errorf("f16: %v", err)
	}
	if err := graph.CheckPrecision("onnx", clip.BF16); err == nil || !strings.Contains(err.Error(), "the engine onnx would compute in f32") {
		t.Errorf("bf16 on onnx: %v", err)
	}
	for _, name := range []string{"go", "xla:cuda", "xla:cpu"} {
		if err := graph.CheckPrecision(name, clip.BF16); err != nil {
			t.Error(err)
		}
	}
	if err := graph.CheckPrecision("onnx", clip.F32); err != nil {
		t.Error(err)
	}
}
