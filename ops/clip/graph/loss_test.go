package graph

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// TestClassificationByHand: two images, two classes, a scale of 2.
func TestClassificationByHand(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	program, err := e.Program("classification by hand", func(g *Graph) []*Node {
		u := Const(g, [][]float32{{1, 0}, {0.6, 0.8}})
		head := Const(g, [][]float32{{1, 0}, {0, 1}})
		tape, scale := New(g, cliptest.SmallModel(0, true).Config), Const(g, [][]float32{{float32(math.Log(2))}})
		l := tape.Classification(u, head, scale, Const(g, [][]float32{{1, 0}, {0.5, 0.5}}))
		return append([]*Node{l.Loss, l.Positives}, tape.Gradients([]*Node{l.Loss}, []*Node{OnesLike(l.Loss)}, []*Node{u, scale})...)
	})
	if err != nil {
		t.Fatal(err)
	}
	out := cliptest.RunProgram(t, e, program, nil, nil)
	p, q := 1/(1+math.Exp(-2)), 1/(1+math.Exp(0.4)) // of the first class
	loss := (-math.Log(p) - 0.5*math.Log(q) - 0.5*math.Log(1-q)) / 2
	// dL/du with a scale of 2 and a mean over 2
	d := []float32{float32(p - 1), float32(1 - p), float32(q - 0.5), float32(0.5 - q)}
	scale := 0.5 * ((p-1)*2 + (q-0.5)*1.2 + (0.5-q)*1.6)
	if math.Abs(float64(out[0][0])-loss) > 1e-6 || out[1][0] != 1.5 || cliptest.CloseTo(out[2], d, 1e-6) != nil || math.Abs(float64(out[3][0])-scale) > 1e-6 {
		t.Errorf("got %v, want loss %v, 1.5, %v, %v", out, loss, d, scale)
	}
}

// lossResult is the loss of given features, run on an engine.
type lossResult struct {
	loss, positives, dScaleLog float64
	dImage, dText              []float32
}

func runLoss(t *testing.T, e *engine.Engine, u, v, base []float32, n int, scaleLog, gamma float64) lossResult {
	t.Helper()
	dim := len(u) / n
	program, err := e.Program(fmt.Sprintf("loss %d %d", n, dim), func(g *Graph) []*Node {
		tape := New(g, cliptest.SmallModel(0, true).Config)
		u, v, scale := Input(g, "u", n, dim), Input(g, "v", n, dim), Input(g, "scaleLog", 1, 1)
		l := tape.Contrastive(u, v, scale, Positives(Input(g, "base", n, dim), Input(g, "gamma", 1, 1)))
		return append([]*Node{l.Loss, l.Positives}, tape.Gradients([]*Node{l.Loss}, []*Node{OnesLike(l.Loss)}, []*Node{scale, u, v})...)
	})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{"u": u, "v": v, "base": base, "scaleLog": {float32(scaleLog)}, "gamma": {float32(gamma)}}
	out := cliptest.RunProgram(t, e, program, values, map[string][]int{"u": {n, dim}, "v": {n, dim}, "base": {n, dim}, "scaleLog": {1, 1}, "gamma": {1, 1}})
	return lossResult{float64(out[0][0]), float64(out[1][0]), float64(out[2][0]), out[3], out[4]}
}

// TestLossAgreesWithReference is eq. 4-6 for several gammas; 2 stands for off.
func TestLossAgreesWithReference(t *testing.T) {
	shape, u := cliptest.ReadArray(t, cliptest.Fixture(t, "loss", "image_features.npy"))
	_, v := cliptest.ReadArray(t, cliptest.Fixture(t, "loss", "text_features.npy"))
	var want struct {
		Scale     float64              `json:"scale"`
		Losses    map[string]float64   `json:"losses"`
		Positives map[string][]float64 `json:"positives"`
	}
	cliptest.ReadJSON(t, cliptest.Fixture(t, "loss", "loss.json"), &want)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for name, loss := range want.Losses {
			gamma, err := strconv.ParseFloat(name, 64)
			if err != nil {
				t.Fatal(err)
			}
			got := runLoss(t, e, u, v, v, shape[0], math.Log(want.Scale), gamma)
			positives := 0.0
			for _, p := range want.Positives[name] {
				positives += p / float64(shape[0])
			}
			if !cliptest.Relative(got.loss, loss, 1e-4) || !cliptest.Relative(got.positives, positives, 1e-6) {
				t.Errorf("gamma %s: loss %v, want %v; positives %v, want %v", name, got.loss, loss, got.positives, positives)
			}
		}
	})
}

// TestLossByHand works out two pairs of dimension 3: u and v are the first two
// axes, but v1 leans on v0 so that v0·v1 = 0.6, and the scale is 1.
//
//	logits = [1 0.6; 0 0.8]
//
// With gamma 0.5 both are positives of both: each row's loss is log Σe − mean.
func TestLossByHand(t *testing.T) {
	u := []float32{1, 0, 0, 0, 1, 0}
	v := []float32{1, 0, 0, 0.6, 0.8, 0}
	lse := func(a, b float64) float64 { return math.Log(math.Exp(a) + math.Exp(b)) }
	all := (lse(1, 0.6)-0.8+lse(0, 0.8)-0.4)/2 + (lse(1, 0)-0.5+lse(0.6, 0.8)-0.7)/2
	off := (lse(1, 0.6)-1+lse(0, 0.8)-0.8)/2 + (lse(1, 0)-1+lse(0.6, 0.8)-0.8)/2
	// The gradient of the logits when off: row and column softmax less the identity, each over B = 2.
	soft := func(a, b float64) float64 { return math.Exp(a) / (math.Exp(a) + math.Exp(b)) }
	d00 := (soft(1, 0.6) - 1 + soft(1, 0) - 1) / 2
	d01 := (soft(0.6, 1) + soft(0.6, 0.8)) / 2
	d10 := (soft(0, 0.8) + soft(0, 1)) / 2
	d11 := (soft(0.8, 0) - 1 + soft(0.8, 0.6) - 1) / 2
	wantU := []float32{float32(d00 + 0.6*d01), float32(0.8 * d01), 0, float32(d10 + 0.6*d11), float32(0.8 * d11), 0}
	wantV := []float32{float32(d00), float32(d10), 0, float32(d01), float32(d11), 0}
	orthogonal := []float32{1, 0, 0, 0, 0, 1}
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for _, c := range []struct {
			name            string
			gamma           float64
			base            []float32
			loss, positives float64
		}{
			{"all positive", 0.5, v, all, 2},
			{"at the threshold", 0.6, v, all, 2}, // ≥, and 0.6 is the same float32 on both sides
			{"below it", 0.61, v, off, 1},
			{"off", 2, v, off, 1},
			{"fixed by the base", 0.5, orthogonal, off, 1},
		} {
			got := runLoss(t, e, u, v, c.base, 2, 0, c.gamma)
			if !cliptest.Relative(got.loss, c.loss, 1e-6) || got.positives != c.positives {
				t.Errorf("%s: loss %v, want %v; positives %v, want %v", c.name, got.loss, c.loss, got.positives, c.positives)
			}
		}
		got := runLoss(t, e, u, v, v, 2, 0, 2)
		if err := cliptest.CloseTo(got.dImage, wantU, 1e-6); err != nil {
			t.Errorf("gradient of images: %v", err)
		}
		if err := cliptest.CloseTo(got.dText, wantV, 1e-6); err != nil {
			t.Errorf("gradient of texts: %v", err)
		}
		if want := d00 + 0.6*d01 + 0.8*d11; !cliptest.Relative(got.dScaleLog, want, 1e-5) {
			t.Errorf("gradient of the scale: %v, want %v", got.dScaleLog, want)
		}
	})
}

// TestOwnPairIsAlwaysPositive holds for text features whose square rounds below gamma.
func TestOwnPairIsAlwaysPositive(t *testing.T) {
	u := []float32{1, 0, 0, 1}
	short := []float32{0.99, 0, 0, 0.99}
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		if got := runLoss(t, e, u, short, short, 2, 0, 1); got.positives != 1 || math.IsNaN(got.loss) {
			t.Errorf("positives %v, loss %v", got.positives, got.loss)
		}
	})
}
