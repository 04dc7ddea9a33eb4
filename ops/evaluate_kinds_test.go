package ops

import (
	"testing"

	"react/results/evaluation"
)

// TestKindsHaveOps: each kind of evaluation is of an op of the list.
func TestKindsHaveOps(t *testing.T) {
	for _, kind := range evaluation.Kinds() {
		if _, ok := All[kind.Op]; !ok {
			t.Errorf("results/evaluation: kind %q is of op %q, which is not there", kind.Name, kind.Op)
		}
	}
}
