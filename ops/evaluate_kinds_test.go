package ops

import (
	"testing"

	"react/results/evaluation"
)

// TestKindsAreScored: each kind of evaluation has an op, and a scorer where that is evaluate.
func TestKindsAreScored(t *testing.T) {
	known := 0
	for _, kind := range evaluation.Kinds() {
		if _, ok := All[kind.Op]; !ok {
			t.Errorf("results/evaluation: kind %q is of op %q, which is not there", kind.Name, kind.Op)
		}
		if got, want := scorers[kind.Name] != nil, kind.Op == "evaluate"; got != want {
			t.Errorf("ops/evaluate.go: kind %q has a scorer is %v, want %v", kind.Name, got, want)
		}
		if scorers[kind.Name] != nil {
			known++
		}
	}
	if known != len(scorers) {
		t.Errorf("%d scorers, of which %d are of a kind", len(scorers), known)
	}
}
