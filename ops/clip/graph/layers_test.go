package graph

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// TestLayerNormByHand is the norm of two rows of three, and its gradient.
func TestLayerNormByHand(t *testing.T) {
	cfg := cliptest.SmallModel(0, true).Config
	cfg.Model.Vision.Width = 3
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		p, err := e.Program("layer norm by hand", func(g *Graph) []*Node {
			tape := New(g, cfg)
			x := Input(g, "x", 2, 3)
			y := tape.layerNorm(x, "visual.ln_pre")
			xs := []*Node{x, tape.At("visual.ln_pre.weight"), tape.At("visual.ln_pre.bias")}
			return append([]*Node{y}, tape.Gradients([]*Node{y}, []*Node{Input(g, "dy", 2, 3)}, xs)...)
		})
		if err != nil {
			t.Fatal(err)
		}
		// Rows 1 2 3 and 0 0 3: means 2 and 1, variances 2/3 and 2. The gain is 2, the bias 1.
		a, b := float32(math.Sqrt(1/(2.0/3+1e-5))), float32(math.Sqrt(1/(2+1e-5)))
		out := cliptest.RunProgram(t, e, p,
			map[string][]float32{"x": {1, 2, 3, 0, 0, 3}, "dy": {1, 0, 0, 0, 1, 0}, "p:visual.ln_pre.weight": {2, 2, 2}, "p:visual.ln_pre.bias": {1, 1, 1}},
			map[string][]int{"x": {2, 3}, "dy": {2, 3}, "p:visual.ln_pre.weight": {1, 3}, "p:visual.ln_pre.bias": {1, 3}})
		want := [][]float32{
			{1 - 2*a, 1, 1 + 2*a, 1 - 2*b, 1 - 2*b, 1 + 4*b},
			{2 * a * (1 - 1.0/3 - a*a/3), 2 * a * (-1.0 / 3), 2 * a * (-1.0/3 + a*a/3), 2 * b * (-1.0/3 - b*b/3), 2 * b * (1 - 1.0/3 - b*b/3), 2 * b * (-1.0/3 + 2*b*b/3)},
			{-a, -b, 0},
			{1, 1, 0},
		}
		for i := range want {
			if err := cliptest.CloseTo(out[i], want[i], 2e-6); err != nil {
				t.Errorf("output %d: %v", i, err)
			}
		}
	})
}

// TestTableGradientOfLargeVocabulary compares the way of distinct ids with a plain sum.
func TestTableGradientOfLargeVocabulary(t *testing.T) {
	const vocab, dim = OneHotVocab + 5, 3
	ids := []int64{7, 0, vocab - 1, 7, 7, 0}
	dx := make([]float32, len(ids)*dim)
	want := make([]float32, vocab*dim)
	for i := range dx {
		dx[i] = float32(i)
		want[int(ids[i/dim])*dim+i%dim] += float32(i)
	}
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		cfg := cliptest.SmallModel(0, true).Config.WithVocab(vocab)
		p, err := e.Program("table gradient", func(g *Graph) []*Node {
			tape := New(g, cfg)
			return []*Node{tape.tableGradient(Const(g, [][]int64{{7}, {0}, {vocab - 1}, {7}, {7}, {0}}), Input(g, "dx", len(ids), dim))}
		})
		if err != nil {
			t.Fatal(err)
		}
		distinct, slot := DistinctIDs(ids, vocab)
		if !slices.Equal(distinct[:3], []int64{7, 0, vocab - 1}) || !slices.Equal(slot, []int64{0, 1, 2, 0, 0, 1}) || len(distinct) != len(ids) {
			t.Errorf("distinct %v, slots %v", distinct, slot)
		}
		var inputs []compute.Buffer
		for _, name := range p.Inputs() {
			given := map[string]any{DistinctInput: distinct, SlotInput: slot, "dx": dx}[name]
			dims := map[string][]int{DistinctInput: {len(ids), 1}, SlotInput: {len(ids)}, "dx": {len(ids), dim}}[name]
			b, err := e.Upload(given, dims...)
			if err != nil {
				t.Fatal(err)
			}
			inputs = append(inputs, b)
		}
		outputs, err := p.Run(inputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, vocab*dim)
		if err := outputs[0].ToFlatData(got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Error("sums differ")
		}
	})
}

// TestConvolutionAtBorders compares the two forms of the 3x3 convolution, and
// the products with a sum by hand, on squares down to one position.
func TestConvolutionAtBorders(t *testing.T) {
	for _, side := range []int{1, 2, 5} {
		const batch, in, out = 2, 2, 3
		x, w := cliptest.Drawn("x", batch*side*side*in), cliptest.Drawn("w", out*in*9)
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
		cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
			p, err := e.Program(fmt.Sprint("convolution of side ", side), func(g *Graph) []*Node {
				c := around{Plane{batch, side, side}}
				x, w := Input(g, "x", batch*side*side, in), Input(g, "w", out, in*9)
				return []*Node{c.apply(x, w), c.byProducts(x, w)}
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, y := range cliptest.RunProgram(t, e, p, map[string][]float32{"x": x, "w": w}, map[string][]int{"x": {batch * side * side, in}, "w": {out, in * 9}}) {
				if err := cliptest.CloseTo(y, want, 1e-5); err != nil {
					t.Errorf("side %d: %v", side, err)
				}
			}
		})
	}
}
