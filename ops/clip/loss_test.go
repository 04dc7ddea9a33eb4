package clip

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// lossResult is the loss of given features, run on an engine.
type lossResult struct {
	loss, positives, dScaleLog float64
	dImage, dText              []float32
}

func runLoss(t *testing.T, e *engine.Engine, u, v, base []float32, n int, scaleLog, gamma float64) lossResult {
	t.Helper()
	dim := len(u) / n
	program, err := e.Program(fmt.Sprintf("loss %d %d", n, dim), func(g *Graph) []*Node {
		l := contrastive(input(g, "u", n, dim), input(g, "v", n, dim), input(g, "scaleLog", 1, 1), positives(input(g, "base", n, dim), input(g, "gamma", 1, 1)))
		return []*Node{l.loss, l.positives, l.direct[0], l.dImage(), l.dText()}
	})
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]float32{"u": u, "v": v, "base": base, "scaleLog": {float32(scaleLog)}, "gamma": {float32(gamma)}}
	out := runProgram(t, e, program, values, map[string][]int{"u": {n, dim}, "v": {n, dim}, "base": {n, dim}, "scaleLog": {1, 1}, "gamma": {1, 1}})
	return lossResult{float64(out[0][0]), float64(out[1][0]), float64(out[2][0]), out[3], out[4]}
}

// TestLossAgreesWithReference is eq. 4-6 for several gammas; 2 stands for off.
func TestLossAgreesWithReference(t *testing.T) {
	shape, u := readArray(t, fixture(t, "loss", "image_features.npy"))
	_, v := readArray(t, fixture(t, "loss", "text_features.npy"))
	var want struct {
		Scale     float64              `json:"scale"`
		Losses    map[string]float64   `json:"losses"`
		Positives map[string][]float64 `json:"positives"`
	}
	readJSON(t, fixture(t, "loss", "loss.json"), &want)
	onEngines(t, func(t *testing.T, e *engine.Engine) {
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
			if !relative(got.loss, loss, 1e-4) || !relative(got.positives, positives, 1e-6) {
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
	onEngines(t, func(t *testing.T, e *engine.Engine) {
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
			if !relative(got.loss, c.loss, 1e-6) || got.positives != c.positives {
				t.Errorf("%s: loss %v, want %v; positives %v, want %v", c.name, got.loss, c.loss, got.positives, c.positives)
			}
		}
		got := runLoss(t, e, u, v, v, 2, 0, 2)
		if err := closeTo(got.dImage, wantU, 1e-6); err != nil {
			t.Errorf("gradient of images: %v", err)
		}
		if err := closeTo(got.dText, wantV, 1e-6); err != nil {
			t.Errorf("gradient of texts: %v", err)
		}
		if want := d00 + 0.6*d01 + 0.8*d11; !relative(got.dScaleLog, want, 1e-5) {
			t.Errorf("gradient of the scale: %v, want %v", got.dScaleLog, want)
		}
	})
}

// TestOwnPairIsAlwaysPositive holds for text features whose square rounds below gamma.
func TestOwnPairIsAlwaysPositive(t *testing.T) {
	u := []float32{1, 0, 0, 1}
	short := []float32{0.99, 0, 0, 0.99}
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		if got := runLoss(t, e, u, short, short, 2, 0, 1); got.positives != 1 || math.IsNaN(got.loss) {
			t.Errorf("positives %v, loss %v", got.positives, got.loss)
		}
	})
}

// TestOffComparesNoCaptions: without γ a step reads none, and trains to the bit as with one over
// any cosine, in one part and in several.
func TestOffComparesNoCaptions(t *testing.T) {
	c := stir(smallModel(1, true))
	onEngines(t, func(t *testing.T, e *engine.Engine) {
		for _, micro := range []int{0, 2} {
			var ends []*Checkpoint
			for _, off := range []bool{false, true} {
				tr, _ := train(t, e, c, TrainOptions{Mode: Full, Batch: 6, MicroBatch: micro, GammaOff: off, Clip: 1}, 0)
				for i := range 3 {
					s, err := tr.Step(randomBatch(c.Config, 6, uint64(i)), StepParams{LR: 1e-2, WeightDecay: 0.1, Gamma: 2})
					if err != nil || s.MeanPositives != 1 {
						t.Fatalf("%v positives, %v", s.MeanPositives, err)
					}
				}
				for _, p := range tr.programs() {
					if off && slices.Contains(p.Inputs(), gammaInput) {
						t.Error("γ is read where it is off")
					}
				}
				ends = append(ends, checkpointOf(t, tr))
			}
			if differ := sameBits(ends[0], ends[1]); differ != nil {
				t.Errorf("micro-batch %d: %v differ", micro, differ)
			}
		}
	})
}
