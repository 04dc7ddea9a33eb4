package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
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

// TestFlash: attention by GoMLX's layer, which a GPU's library computes, is that of heads, with the
// same gradients.
func TestFlash(t *testing.T) {
	s := stream{batch: 2, tokens: 5, width: 32, heads: 2}
	rows := s.batch * s.tokens
	values, dims := map[string][]float32{}, map[string][]int{}
	for _, name := range []string{"q", "k", "v", "do"} {
		values[name], dims[name] = cliptest.Drawn("flash "+name, rows*s.width), []int{rows, s.width}
		for i := range values[name] {
			values[name][i] *= 3 // so that some tokens count for more than others
		}
	}
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for dtype, bound := range map[dtypes.DType]float64{dtypes.Float32: 1e-5, dtypes.BFloat16: 0.1} {
			if dtype == dtypes.BFloat16 && !strings.HasPrefix(e.Name(), "xla:") {
				continue // onnx computes in f32, and go lacks GoMLX's softmax of it
			}
			p, err := e.Program(fmt.Sprint("flash ", dtype), func(g *Graph) (outputs []*Node) {
				tape := New(g, cliptest.SmallModel(0, true).Config)
				tape.DType = dtype
				in := func(name string) *Node { return Input(g, name, rows, s.width) }
				xs, do := []*Node{in("q"), in("k"), in("v")}, tape.Narrow(in("do"))
				q, k, v := tape.Narrow(xs[0]), tape.Narrow(xs[1]), tape.Narrow(xs[2])
				for _, o := range []*Node{tape.heads(q, k, v, s, s.tokens), tape.flash(q, k, v, s, s.tokens)} {
					grads := tape.Gradients([]*Node{o}, []*Node{do}, xs)
					outputs = append(append(outputs, Wide(o)), grads...)
				}
				return outputs
			})
			if err != nil {
				t.Fatal(err)
			}
			out := cliptest.RunProgram(t, e, p, values, dims)
			for i, name := range []string{"output", "gradient of q", "gradient of k", "gradient of v"} {
				err := cliptest.CloseTo(out[4+i], out[i], bound)
				if largest := cliptest.Largest(out[i]); err != nil || largest < 1 {
					t.Errorf("%s, %s: %v; the largest is %v", dtype, name, err, largest)
				}
			}
		}
	})
}

// TestFlashes: flash attention is for long sequences in bf16 without a mask, where it is had.
func TestFlashes(t *testing.T) {
	tape := &Tape{Flash: true, DType: dtypes.BFloat16}
	long := stream{tokens: 257, width: 1024, heads: 16}
	if !tape.flashes(long, 257) {
		t.Error("not for ViT-L/14")
	}
	masked, short, uneven := long, long, long
	masked.mask, short.tokens, uneven.heads = &Node{}, 50, 128*3
	uneven.width = 12 * uneven.heads
	for name, no := range map[string]bool{
		"with a mask": tape.flashes(masked, 257), "for ViT-B/32": tape.flashes(short, 50),
		"for heads of 12": tape.flashes(uneven, 257), "for one query": tape.flashes(long, 1),
		"in f32":                    (&Tape{Flash: true, DType: dtypes.Float32}).flashes(long, 257),
		"where the engine has none": (&Tape{DType: dtypes.BFloat16}).flashes(long, 257),
	} {
		if no {
			t.Error(name)
		}
	}
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
