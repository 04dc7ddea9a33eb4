package optim

import (
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
)

// testClasses is the number of classes of the batches of tests.
const testClasses = 3

// TestClassifyingSteps: the loss falls, what is locked stays, and options that do not go together
// are refused.
func TestClassifyingSteps(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	for _, mode := range []string{clip.LockedText, clip.GatedImage} {
		start := cliptest.Stir(cliptest.SmallModel(1, true))
		tr, stats := train(t, e, start, Options{Mode: mode, Batch: 6, Classes: testClasses}, 30)
		if stats[27].Loss >= 0.9*stats[0].Loss {
			t.Errorf("%s: the loss went from %v to %v", mode, stats[0].Loss, stats[27].Loss)
		}
		for _, name := range cliptest.SameBits(start, checkpointOf(t, tr)) {
			if !tr.opts.mode().Trains(name) {
				t.Errorf("%s: %s is locked and has changed", mode, name)
			}
		}
	}
	for _, o := range []Options{{Mode: clip.Full, Batch: 2, Classes: 3}, {Mode: clip.LockedText, Batch: 2, Classes: 3, CachedText: true}, {Mode: clip.LockedText, Batch: 2, Classes: -1}} {
		if _, err := New(e, cliptest.SmallModel(0, true).Config, o); err == nil || !strings.Contains(err.Error(), "class") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
