package evaluate

import (
	"testing"

	"react/results/evaluation"
)

// TestKindsAreScored: each kind of evaluation of this op has a scorer, and each scorer a kind.
func TestKindsAreScored(t *testing.T) {
	known := 0
	for _, kind := range evaluation.Kinds() {
		if got, want := scorers[kind.Name] != nil, kind.Op == Op.Name; got != want {
			t.Errorf("ops/evaluate/evaluate.go: kind %q has a scorer is %v, want %v", kind.Name, got, want)
		}
		if scorers[kind.Name] != nil {
			known++
		}
	}
	if known != len(scorers) {
		t.Errorf("%d scorers, of which %d are of a kind", len(scorers), known)
	}
}
