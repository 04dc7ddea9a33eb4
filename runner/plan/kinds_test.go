package plan

import (
	"testing"

	"react/results/evaluation"
)

// TestKindsArePlanned: each kind of evaluation has a stage here.
func TestKindsArePlanned(t *testing.T) {
	of := kinds()
	for _, kind := range evaluation.Kinds() {
		if of[kind.Name] == nil {
			t.Errorf("runner/plan/evaluate.go: no stage for kind %q", kind.Name)
		}
	}
	if len(of) != len(evaluation.Kinds()) {
		t.Errorf("%d kinds have stages, %d are in results/evaluation", len(of), len(evaluation.Kinds()))
	}
}
