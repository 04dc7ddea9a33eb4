package clip

import (
	"fmt"
	"hash/fnv"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// drawn is n numbers in [-1, 1), as testdata/resnet/make.py draws them.
func drawn(name string, n int) []float32 {
	h := fnv.New64a()
	h.Write([]byte(name))
	out := make([]float32, n)
	for i := range out {
		z := h.Sum64() + uint64(i+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		out[i] = float32(float64(z>>40)/(1<<23) - 1)
	}
	return out
}

var gains = regexp.MustCompile(`(\.bn\d|downsample\.1|ln_\d|ln_final)\.weight$`)

// drawnResNet is the model of make.py.
func drawnResNet() *Checkpoint {
	c := smallResNet()
	for _, name := range c.Weights.Names() {
		p := c.Weights.At(name)
		mean, scale := 0.0, 0.0
		switch {
		case name == "logit_scale":
			mean = 2
		case strings.HasSuffix(name, runningVar):
			mean, scale = 1, 0.5
		case strings.HasSuffix(name, runningMean):
			scale = 0.3
		case strings.HasSuffix(name, "bias"):
			scale = 0.2
		case gains.MatchString(name):
			mean, scale = 1, 0.3
		default:
			scale = math.Sqrt(3 / (float64(len(p.Data)) / float64(p.Shape[0])))
		}
		for i, u := range drawn(name, len(p.Data)) {
			p.Data[i] = float32(mean + scale*float64(u))
		}
	}
	return c
}

const drawnBatchSize = 4

func drawnBatch(cfg Config, step int) Batch {
	pixels := drawn(fmt.Sprint("pixels", step), drawnBatchSize*3*cfg.ImageSize()*cfg.ImageSize())
	for i := range pixels {
		pixels[i] *= 2
	}
	var ids []int32
	for i, u := range drawn(fmt.Sprint("tokens", step), drawnBatchSize*cfg.ContextLength()) {
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
	_, data := readArray(t, filepath.Join("testdata", "resnet", file))
	return data
}

// TestResNetForwardAgreesWithPyTorch compares features and the maps after three
// stages; a batch of 3 pads the second run.
func TestResNetForwardAgreesWithPyTorch(t *testing.T) {
	c := drawnResNet()
	b := drawnBatch(c.Config, 0)
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		enc, err := NewEncoder(e, c, 3)
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
			if err := closeTo(got[:min(len(want), len(got))], want, bound); err != nil {
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
	readJSON(t, filepath.Join("testdata", "resnet", "steps.json"), &all)
	return all
}

func TestResNetGradientsAgreeWithPyTorch(t *testing.T) {
	c := drawnResNet()
	want := readSteps(t)[Full].Grads
	names, err := Trainable(c.Config, Full)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(want) {
		t.Errorf("%d parameters train, %d in PyTorch", len(names), len(want))
	}
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		for i, got := range gradientsOf(t, e, c, names) {
			length, along := 0.0, 0.0
			for j, u := range drawn("grad "+names[i], len(got)) {
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

// gradientsOf are those of a mode-full step's loss at the first drawn batch.
func gradientsOf(t *testing.T, e *engine.Engine, c *Checkpoint, names []string) [][]float32 {
	t.Helper()
	b := drawnBatch(c.Config, 0)
	ids := make([][]int64, drawnBatchSize)
	for i, id := range b.Tokens {
		ids[i/c.Config.ContextLength()] = append(ids[i/c.Config.ContextLength()], int64(id))
	}
	side := c.Config.ImageSize()
	program, err := e.Program("gradients of a ResNet", func(g *Graph) []*Node {
		tape := newTape(g, c.Config, names)
		image, pullImage := tape.imageTower(input(g, pixelsInput, drawnBatchSize, 3, side, side))
		u, pullU := normalize(image)
		text, pullText := tape.textTower(Const(g, ids))
		v, pullV := normalize(text)
		l := contrastive(u, v, tape.at("logit_scale"), positives(v, ConstAs(u, [][]float32{{2}})))
		pullImage(pullU(l.dImage(), true))
		pullText(pullV(l.dText(), true))
		tape.give("logit_scale", func() *Node { return l.direct[0] })
		var out []*Node
		for _, name := range names {
			out = append(out, tape.grads[name])
		}
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{pixelsInput: b.Pixels}
	dims := map[string][]int{pixelsInput: {drawnBatchSize, 3, side, side}}
	for _, name := range c.Weights.Names() {
		values[paramPrefix+name], dims[paramPrefix+name] = c.Weights.At(name).Data, deviceShape(c.Weights.At(name).Shape)
	}
	return runProgram(t, e, program, values, dims)
}

func TestResNetStepsAgreeWithPyTorch(t *testing.T) {
	for mode, want := range readSteps(t) {
		t.Run(mode, func(t *testing.T) {
			onEngines(t, func(t *testing.T, e *engine.Engine) { checkResNetSteps(t, e, mode, want) })
		})
	}
}

func checkResNetSteps(t *testing.T, e *engine.Engine, mode string, want resnetSteps) {
	start := drawnResNet()
	tr, err := NewTrainer(e, start.Config, TrainOptions{Mode: mode, Batch: drawnBatchSize})
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
		if !relative(s.Loss, want.Losses[step], 1e-3) || !relative(s.GradNorm, want.GradNorms[step], 5e-3) {
			t.Errorf("step %d: loss %v, want %v; norm %v, want %v", step, s.Loss, want.Losses[step], s.GradNorm, want.GradNorms[step])
		}
	}
	end := checkpointOf(t, tr)
	names, _ := Trainable(start.Config, mode)
	for _, name := range sameBits(start, end) {
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
	enc, err := NewEncoder(e, end, drawnBatchSize)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	image, err := enc.Images(drawnBatch(start.Config, 0).Pixels, drawnBatchSize)
	if err != nil {
		t.Fatal(err)
	}
	if err := closeTo(image, want.FinalImage, 2e-3); err != nil {
		t.Errorf("image features after the steps: %v", err)
	}
}

// TestResNetStepsAreTheSameFromRunToRun takes a model wide enough for threads,
// of images so small that the last map is one position.
func TestResNetStepsAreTheSameFromRunToRun(t *testing.T) {
	c := smallResNet()
	c.Config.Model.Vision.Width, c.Config.Model.Vision.ImageSize = 16, 32
	c.Weights = Init(c.Config, 1)
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		opts := TrainOptions{Mode: Full, Batch: 8, Clip: 1}
		first, a := train(t, e, stir(c), opts, 2)
		second, b := train(t, e, stir(c), opts, 2)
		for i := range a {
			if a[i].Loss != b[i].Loss || a[i].GradNorm != b[i].GradNorm || math.IsNaN(a[i].Loss) {
				t.Errorf("step %d: %+v, then %+v", i, a[i], b[i])
			}
		}
		if differ := sameBits(checkpointOf(t, first), checkpointOf(t, second)); differ != nil {
			t.Errorf("differ: %v", differ)
		}
	})
}

// TestConvolutionAtBorders compares the two forms of the 3x3 convolution, and
// the products with a sum by hand, on squares down to one position.
func TestConvolutionAtBorders(t *testing.T) {
	for _, side := range []int{1, 2, 5} {
		const batch, in, out = 2, 2, 3
		x, w := drawn("x", batch*side*side*in), drawn("w", out*in*9)
		want := make([]float32, batch*side*side*out)
		for i := range want {
			o, column, row, b := i%out, i/out%side, i/out/side%side, i/out/side/side
			for tap := range 9 {
				r, c := row+tap/3-1, column+tap%3-1
				if r < 0 || c < 0 || r >= side || c >= side {
					continue
				}
				for k := range in {
					want[i] += x[((b*side+r)*side+c)*in+k] * w[(o*in+k)*9+tap]
				}
			}
		}
		onEngines(t, func(t *testing.T, e *engine.Engine) {
			p, err := e.Program(fmt.Sprint("convolution of side ", side), func(g *Graph) []*Node {
				c := around{plane{batch, side}}
				x, w := input(g, "x", batch*side*side, in), input(g, "w", out, in*9)
				return []*Node{c.apply(x, w), c.byProducts(x, w)}
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, y := range runProgram(t, e, p, map[string][]float32{"x": x, "w": w}, map[string][]int{"x": {batch * side * side, in}, "w": {out, in * 9}}) {
				if err := closeTo(y, want, 1e-5); err != nil {
					t.Errorf("side %d: %v", side, err)
				}
			}
		})
	}
}
