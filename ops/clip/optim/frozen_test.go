package optim

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// TestFrozenPartsGetNoGradient counts the products in the graph of each mode's step: as many as
// the gradients took that were written by hand, and none that no output needs, since ONNX
// Runtime would run it.
func TestFrozenPartsGetNoGradient(t *testing.T) {
	for _, c := range []struct {
		name     string
		opts     Options
		gates    int
		products int
	}{
		{"full", Options{Mode: clip.Full}, 1, 109},
		{"locked-image", Options{Mode: clip.LockedImage}, 1, 67},
		{"locked-text", Options{Mode: clip.LockedText}, 1, 79},
		{"locked-text, cached", Options{Mode: clip.LockedText, CachedText: true}, 1, 65},
		{"gated-image", Options{Mode: clip.GatedImage, CachedText: true}, 1, 46},
		{"both gated", Options{Mode: clip.GatedImage, CachedText: true}, 2, 72},
		{"classes", Options{Mode: clip.GatedImage, Classes: 3}, 1, 45},
		{"head", Options{Mode: clip.LockedText, Head: clip.HeadOptions{Classes: 3, Normalization: clip.ByBatch}}, 0, 47},
		{"gated-image, again", Options{Mode: clip.GatedImage, CachedText: true, Recompute: true}, 1, 59},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := cliptest.SmallModel(c.gates, true).Config
			c.opts.Batch = 4
			names, err := c.opts.trainable(cfg)
			if err != nil {
				t.Fatal(err)
			}
			tr := &Trainer{cfg: cfg, opts: c.opts, names: names, dtype: dtypes.Float32}
			var built, needed int
			err = engine.Trace(tr.build, func(nodes, outputs []*Node) {
				uses := lastUses(nodes, outputs)
				for _, n := range nodes {
					if n.Type() != NodeTypeDotGeneral {
						continue
					}
					built++
					if _, used := uses[n]; used {
						needed++
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			spare := 0 // the last product of a block that is made again
			if c.opts.Recompute {
				spare = 1
			}
			if built != c.products || needed != built-spare {
				t.Errorf("%d products, of which outputs need %d; by hand %d", built, needed, c.products)
			}
		})
	}
}
