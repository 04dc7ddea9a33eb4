package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// twoInputs are functions of a and b, each [3, 4] or 1 along some axes.
var twoInputs = map[string]func(t *Tape, a, b *Node) *Node{
	"add":      func(_ *Tape, a, b *Node) *Node { return Add(a, b) },
	"sub":      func(_ *Tape, a, b *Node) *Node { return Sub(a, b) },
	"mul":      func(_ *Tape, a, b *Node) *Node { return Mul(a, b) },
	"div":      func(_ *Tape, a, b *Node) *Node { return Div(a, AddScalar(Square(b), 1)) },
	"square":   func(_ *Tape, a, b *Node) *Node { return Square(Mul(a, AddScalar(b, 2))) },
	"twice":    func(_ *Tape, a, b *Node) *Node { return Sub(Add(a, a), Div(b, AddScalar(Square(a), 1))) },
	"exp":      func(_ *Tape, a, b *Node) *Node { return Mul(Exp(Mul(a, b)), b) },
	"rows":     func(t *Tape, a, b *Node) *Node { return Mul(a, t.RowSums(Mul(a, b))) },
	"columns":  func(t *Tape, a, b *Node) *Node { return Div(t.ColumnSums(Exp(Mul(a, b))), AddScalar(Square(a), 1)) },
	"sums":     func(t *Tape, a, b *Node) *Node { return t.sums(Mul(Square(a), b), 0, 1) },
	"of thin":  func(t *Tape, a, b *Node) *Node { return t.sums(Sub(Add(a, b), b), 0, 1) },
	"of sums":  func(t *Tape, a, b *Node) *Node { return Mul(t.sums(a, 0, 1), t.sums(b, 0)) },
	"repeated": func(t *Tape, a, b *Node) *Node { s := t.RowSums(a); return Add(Mul(s, b), Mul(s, Mul(s, a))) },
	"softmax":  func(t *Tape, a, b *Node) *Node { return Mul(t.softmax(Mul(a, b)), b) },
	"norm":     func(t *Tape, a, b *Node) *Node { return Mul(t.standardized(Add(a, b)), Sub(b, a)) },
	"unit":     func(t *Tape, a, b *Node) *Node { return Mul(t.Normalize(Add(a, b)), a) },
	"relu":     func(t *Tape, a, b *Node) *Node { return t.relu(Mul(a, b)) },
	"product": func(t *Tape, a, b *Node) *Node {
		x, y := Add(a, b), Mul(a, b)
		return Add(t.product(transpose(x), y), t.byRows(transpose(y), transpose(x)))
	},
	"weighted":       func(t *Tape, a, b *Node) *Node { return t.weighted(Add(a, b), Mul(a, b)) },
	"cross entropy":  func(t *Tape, a, b *Node) *Node { return t.crossEntropy(Mul(a, b), softmaxed(Add(a, b))) },
	"binary entropy": func(_ *Tape, a, b *Node) *Node { return binaryCrossEntropy(Mul(a, b), StopGradient(Logistic(b))) },
	"joined":         func(_ *Tape, a, b *Node) *Node { return Concatenate([]*Node{Tanh(Add(a, b)), Logistic(Add(b, a))}, 0) },
	"stopped":        func(_ *Tape, a, b *Node) *Node { return Mul(StopGradient(a), Add(a, b)) },
	"nothing":        func(_ *Tape, a, b *Node) *Node { return Add(a, Mul(b, ZerosLike(b))) },
	"split": func(t *Tape, a, b *Node) *Node {
		p := t.split(Mul(a, b), 1, 1, Mul(a, b).Shape().Dimensions[1]-1)
		return Mul(p[0], p[0])
	},
	"again": func(t *Tape, a, b *Node) *Node {
		return t.again(true, Add(a, b), func(x *Node) *Node { return Mul(Tanh(x), x) })
	},
}

// softmaxed is a target that adds up to 1, through which nothing is differentiated.
func softmaxed(x *Node) *Node {
	e := Exp(x)
	return StopGradient(Div(e, RowSums(e)))
}

// TestSweep holds the sweep and its rules to differences of the function, and on the engine
// where that is right and whole to GoMLX's Gradient, for operands that are broadcast along
// every mix of axes.
func TestSweep(t *testing.T) {
	forms := [][]int{{3, 4}, {3, 1}, {1, 4}, {1, 1}}
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for name, f := range twoInputs {
			for i, a := range forms {
				for j, b := range forms {
					wide := []int{max(a[0], b[0]), max(a[1], b[1])}
					switch {
					case name == "split" && wide[1] == 1: // nothing to cut
						continue
					// GoMLX has no gradient of a barrier's
					case name == "again" && !slices.Equal(a, wide):
						continue
					case e.Name() != "go" && (i+j)%3 != 0: // each compiles for long
						continue
					}
					t.Run(fmt.Sprint(name, a, b), func(t *testing.T) { checkSweep(t, e, name, f, a, b) })
				}
			}
		}
	})
}

func checkSweep(t *testing.T, e *engine.Engine, name string, f func(t *Tape, a, b *Node) *Node, a, b []int) {
	t.Helper()
	withDerived := e.Name() == "go"
	p, err := e.Program(fmt.Sprint("sweep ", name, a, b), func(g *Graph) []*Node {
		x, y := Input(g, "a", a...), Input(g, "b", b...)
		tape := New(g, cliptest.SmallModel(0, true).Config)
		value := f(tape, x, y)
		weight := AddScalar(Iota(g, value.Shape(), value.Rank()-1), 0.5)
		sum := ReduceAllSum(Mul(value, weight))
		out := append([]*Node{sum}, tape.Gradients([]*Node{value}, []*Node{weight}, []*Node{x, y})...)
		if withDerived {
			out = append(out, Gradient(sum, x, y)...)
		}
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	dims := map[string][]int{"a": a, "b": b}
	values := map[string][]float32{"a": make([]float32, a[0]*a[1]), "b": make([]float32, b[0]*b[1])}
	for _, name := range []string{"a", "b"} {
		for i := range values[name] {
			values[name][i] = float32(rng.NormFloat64())
		}
	}
	out := cliptest.RunProgram(t, e, p, values, dims)
	for i, input := range []string{"a", "b"} {
		own := out[1+i]
		if withDerived {
			if err := cliptest.CloseTo(own, out[3+i], 1e-5+1e-4*cliptest.Largest(out[3+i])); err != nil {
				t.Errorf("to %s, against GoMLX's: %v", input, err)
			}
		}
		if name == "stopped" || name == "nothing" || name == "cross entropy" || name == "binary entropy" {
			continue // a difference sees what the gradient does not go through
		}
		by := differences(t, e, p, values, dims, input)
		if err := cliptest.CloseTo(own, by, 2e-2+2e-2*cliptest.Largest(by)); err != nil {
			t.Errorf("to %s, against differences: %v", input, err)
		}
	}
}

// differences are the slopes of a program's first output to each value of an input.
func differences(t *testing.T, e *engine.Engine, p *engine.Program, values map[string][]float32, dims map[string][]int, input string) []float32 {
	t.Helper()
	const step = 1e-2
	kept := values[input]
	defer func() { values[input] = kept }()
	out := make([]float32, len(kept))
	for i := range out {
		var ends [2]float64
		for k, sign := range []float32{1, -1} {
			values[input] = slices.Clone(kept)
			values[input][i] += sign * step
			ends[k] = float64(cliptest.RunProgram(t, e, p, values, dims)[0][0])
		}
		out[i] = float32((ends[0] - ends[1]) / (2 * step))
	}
	return out
}

// TestBinaryCrossEntropyAtZero: a head of zeros starts at logits of 0, where max and abs have a
// corner and their sum has none.
func TestBinaryCrossEntropyAtZero(t *testing.T) {
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		p, err := e.Program("binary cross entropy at 0", func(g *Graph) []*Node {
			x := Input(g, "x", 1, 3)
			y := binaryCrossEntropy(x, Const(g, [][]float32{{0, 1, 1}}))
			return New(g, cliptest.SmallModel(0, true).Config).Gradients([]*Node{y}, []*Node{OnesLike(y)}, []*Node{x})
		})
		if err != nil {
			t.Fatal(err)
		}
		out := cliptest.RunProgram(t, e, p, map[string][]float32{"x": {0, 0, float32(math.Log(3))}}, map[string][]int{"x": {1, 3}})
		if err := cliptest.CloseTo(out[0], []float32{0.5, -0.5, -0.25}, 1e-6); err != nil {
			t.Error(err)
		}
	})
}

// TestSweepRefuses names an operation without a gradient, and a rule that is no rule.
func TestSweepRefuses(t *testing.T) {
	for name, build := range map[string]func(g *Graph, tape *Tape, x *Node){
		"no gradient": func(g *Graph, tape *Tape, x *Node) {
			y := Reverse(x, 0)
			tape.Gradients([]*Node{y}, []*Node{y}, []*Node{x})
		},
		"an input younger than the output": func(g *Graph, tape *Tape, x *Node) {
			y := Exp(x)
			tape.ruled(y, by{Neg(x), func(dy *Node) *Node { return dy }})
		},
	} {
		_, err := cliptest.OpenEngine(t, "go").Program("refused "+name, func(g *Graph) []*Node {
			x := Input(g, "x", 2, 2)
			build(g, New(g, cliptest.SmallModel(0, true).Config), x)
			return []*Node{x}
		})
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
