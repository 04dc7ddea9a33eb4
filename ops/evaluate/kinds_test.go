package evaluate

import (
	"testing"

	"react/results/evaluation"
)

// TestKindsAreScored: each kind of evaluation of this op has a scorer, and each scorer a kind.
func TestKindsAreScored(t *testing.T) {
	for _, kind := range evaluation.Kinds() {
		if got, want := scorers[kind.Name] != nil, kind.Op == Op.Name; got != want {
			t.Errorf("ops/evaluate/evaluate.go: kind %q has a scorer is %v, want %v", kind.Name, got, want)
		}
	}
	for name := range scorers {
		if evaluation.Of(name).Name == "" {
			t.Errorf("results/evaluation/evaluation.go: no kind %q, which has a scorer", name)
		}
	}
}
