package optim

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
)

func TestFLOPsOfGates(t *testing.T) {
	plain, gated := benchModel(0).Config.FLOPs(), benchModel(2).Config.FLOPs()
	if gated.Gates <= 0 || math.Abs(gated.Image-plain.Image-gated.Gates) > 1 {
		t.Errorf("image %g with gates, %g without, gates %g", gated.Image, plain.Image, gated.Gates)
	}
}

// TestFLOPsOfModes counts the products in the graph of each mode's step. The graph
// computes the last block for one token alone, so that only towers of many blocks
// tell the rule. The vocabulary is too large for the token table to be read by a
// product.
func TestFLOPsOfModes(t *testing.T) {
	const batch = 4
	cfg := clip.Config{Model: clip.Model{EmbedDim: 32, QuickGELU: true,
		Vision: clip.Vision{Layers: 24, Width: 128, HeadWidth: 64, MLPRatio: 4, PatchSize: 8, ImageSize: 32},
		Text:   clip.Text{ContextLength: 12, VocabSize: graph.OneHotVocab + 100, Width: 128, Heads: 2, Layers: 24, MLPRatio: 4}}}.WithGates(24)
	for _, mode := range clip.Modes {
		t.Run(mode.Name, func(t *testing.T) {
			opts := Options{Mode: mode.Name, Batch: batch, CachedText: mode.TextLocked()}
			names, err := opts.trainable(cfg)
			if err != nil {
				t.Fatal(err)
			}
			tr := &Trainer{cfg: cfg, opts: opts, names: names, dtype: dtypes.Float32}
			var counted float64
			if err := engine.Trace(tr.build, func(nodes, outputs []*Node) { counted = productsOf(nodes, outputs) / batch }); err != nil {
				t.Fatal(err)
			}
			if by := counted / mode.FLOPs(cfg); math.Abs(by-1) > 0.06 {
				t.Errorf("the graph has %.3f of %g operations a pair", by, mode.FLOPs(cfg))
			}
		})
	}
}

// productsOf counts the operations of the products that the outputs need. Of
// [b, m, k]·[b, k, n] the sizes of the factors make b·k² times that of the result.
func productsOf(nodes, outputs []*Node) (total float64) {
	needed := lastUses(nodes, outputs)
	for _, n := range nodes {
		if _, ok := needed[n]; !ok || n.Type() != NodeTypeDotGeneral {
			continue
		}
		in, dims := n.Inputs(), n.Shape().Dimensions
		b := 1
		for _, d := range dims[:max(0, len(dims)-2)] {
			b *= d
		}
		of, out := float64(in[0].Shape().Size())*float64(in[1].Shape().Size()), float64(n.Shape().Size())
		total += 2 * out * math.Sqrt(of/out/float64(b))
	}
	return total
}
