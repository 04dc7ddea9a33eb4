package optim

import (
	"slices"
	"testing"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// TestOffComparesNoCaptions: without γ a step reads none, and trains to the bit as with one over
// any cosine, in one part and in several.
func TestOffComparesNoCaptions(t *testing.T) {
	c := cliptest.Stir(cliptest.SmallModel(1, true))
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for _, micro := range []int{0, 2} {
			var ends []*clip.Checkpoint
			for _, off := range []bool{false, true} {
				tr, _ := train(t, e, c, Options{Mode: clip.Full, Batch: 6, MicroBatch: micro, GammaOff: off, GradClip: 1}, 0)
				for i := range 3 {
					s, err := tr.Step(randomBatch(c.Config, 6, uint64(i)), StepParams{LR: 1e-2, WeightDecay: 0.1, Gamma: 2})
					if err != nil || s.MeanPositives != 1 {
						t.Fatalf("%v positives, %v", s.MeanPositives, err)
					}
				}
				for _, p := range tr.programs() {
					if off && slices.Contains(p.Inputs(), graph.GammaInput) {
						t.Error("γ is read where it is off")
					}
				}
				ends = append(ends, checkpointOf(t, tr))
			}
			if differ := cliptest.SameBits(ends[0], ends[1]); differ != nil {
				t.Errorf("micro-batch %d: %v differ", micro, differ)
			}
		}
	})
}
