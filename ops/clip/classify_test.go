package clip

import (
	"math"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
)

// testClasses is the number of classes of the batches of tests.
const testClasses = 3

// TestClassificationByHand: two images, two classes, a scale of 2.
func TestClassificationByHand(t *testing.T) {
	e := openEngine(t, "go")
	program, err := e.Program("classification by hand", func(g *Graph) []*Node {
		u := Const(g, [][]float32{{1, 0}, {0.6, 0.8}})
		head := Const(g, [][]float32{{1, 0}, {0, 1}})
		l := classification(u, head, Const(g, [][]float32{{float32(math.Log(2))}}), Const(g, [][]float32{{1, 0}, {0.5, 0.5}}))
		return []*Node{l.loss, l.positives, l.dImage(), l.direct[0]}
	})
	if err != nil {
		t.Fatal(err)
	}
	out := runProgram(t, e, program, nil, nil)
	p, q := 1/(1+math.Exp(-2)), 1/(1+math.Exp(0.4)) // of the first class
	loss := (-math.Log(p) - 0.5*math.Log(q) - 0.5*math.Log(1-q)) / 2
	d := []float32{float32(p - 1), float32(1 - p), float32(q - 0.5), float32(0.5 - q)} // dL/du with a scale of 2 and a mean over 2
	scale := 0.5 * ((p-1)*2 + (q-0.5)*1.2 + (0.5-q)*1.6)
	if math.Abs(float64(out[0][0])-loss) > 1e-6 || out[1][0] != 1.5 || closeTo(out[2], d, 1e-6) != nil || math.Abs(float64(out[3][0])-scale) > 1e-6 {
		t.Errorf("got %v, want loss %v, 1.5, %v, %v", out, loss, d, scale)
	}
}

// TestClassifyingSteps: the loss falls, what is locked stays, and options that do not go together are refused.
func TestClassifyingSteps(t *testing.T) {
	e := openEngine(t, "go")
	for _, mode := range []string{LockedText, GatedImage} {
		start := stir(smallModel(1, true))
		tr, stats := train(t, e, start, TrainOptions{Mode: mode, Batch: 6, Classes: testClasses}, 30)
		if stats[27].Loss >= 0.9*stats[0].Loss {
			t.Errorf("%s: the loss went from %v to %v", mode, stats[0].Loss, stats[27].Loss)
		}
		for _, name := range sameBits(start, checkpointOf(t, tr)) {
			if !tr.opts.mode().trains(name) {
				t.Errorf("%s: %s is locked and has changed", mode, name)
			}
		}
	}
	for _, o := range []TrainOptions{{Mode: Full, Batch: 2, Classes: 3}, {Mode: LockedText, Batch: 2, Classes: 3, CachedText: true}, {Mode: LockedText, Batch: 2, Classes: -1}} {
		if _, err := NewTrainer(e, smallModel(0, true).Config, o); err == nil || !strings.Contains(err.Error(), "class") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
