package clip

import (
	"testing"

	"react/ops/engine"
)

// TestRecomputedActivationsTrainTheSame holds steps with gradient checkpointing
// to steps without: the same operations on the same values, so the same
// gradients within the last bits that an engine's fusions may change.
func TestRecomputedActivationsTrainTheSame(t *testing.T) {
	for _, c := range []accumulationCase{
		{"full", stir(smallModel(1, true)), TrainOptions{Mode: Full, Clip: 1}},
		{"gated-image", stir(smallModel(2, true)), TrainOptions{Mode: GatedImage, Clip: 1}},
		{"ResNet", drawnResNet(), TrainOptions{Mode: LockedText, CachedText: true}},
		{"micro-batches", stir(smallModel(1, true)), TrainOptions{Mode: Full, MicroBatch: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.name != "full" {
				t.Skip("-short: full covers both towers and a gate")
			}
			onEngines(t, func(t *testing.T, e *engine.Engine) {
				kept, recomputed := c.opts, c.opts
				kept.Batch, recomputed.Batch, recomputed.Recompute = 4, 4, true
				a, want := train(t, e, c.start, kept, 3)
				b, got := train(t, e, c.start, recomputed, 3)
				for i := range want {
					if !relative(got[i].Loss, want[i].Loss, 1e-6) || !relative(got[i].GradNorm, want[i].GradNorm, 1e-5) {
						t.Errorf("step %d: %+v, without %+v", i+1, got[i], want[i])
					}
				}
				sameMoments(t, a, b, 1e-4)
			})
		})
	}
}
