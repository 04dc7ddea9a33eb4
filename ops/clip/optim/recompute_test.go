package optim

import (
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// TestRecomputedActivationsTrainTheSame holds steps with gradient checkpointing
// to steps without: the same operations on the same values, so the same
// gradients within the last bits that an engine's fusions may change.
func TestRecomputedActivationsTrainTheSame(t *testing.T) {
	for _, c := range []accumulationCase{
		{"full", cliptest.Stir(cliptest.SmallModel(1, true)), Options{Mode: clip.Full, GradClip: 1}},
		{"gated-image", cliptest.Stir(cliptest.SmallModel(2, true)), Options{Mode: clip.GatedImage, GradClip: 1}},
		{"ResNet", cliptest.DrawnResNet(), Options{Mode: clip.LockedText, CachedText: true}},
		{"micro-batches", cliptest.Stir(cliptest.SmallModel(1, true)), Options{Mode: clip.Full, MicroBatch: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.name != "full" {
				t.Skip("-short: full covers both towers and a gate")
			}
			cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
				kept, recomputed := c.opts, c.opts
				kept.Batch, recomputed.Batch, recomputed.Recompute = 4, 4, true
				a, want := train(t, e, c.start, kept, 3)
				b, got := train(t, e, c.start, recomputed, 3)
				for i := range want {
					if !cliptest.Relative(got[i].Loss, want[i].Loss, 1e-6) || !cliptest.Relative(got[i].GradNorm, want[i].GradNorm, 1e-5) {
						t.Errorf("step %d: %+v, without %+v", i+1, got[i], want[i])
					}
				}
				sameMoments(t, a, b, 1e-4)
			})
		})
	}
}
