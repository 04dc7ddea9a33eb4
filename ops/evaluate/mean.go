package evaluate

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"react/ops/op"
)

// meanScore is the plain mean of the scores of other evaluations, as ELEVATER's is of its 20 sets:
// each counts once, however many images it has. In: "of.NAME" for each. Out: rows.jsonl with score;
// n is the number of evaluations, and a row for each of them has its name as class.
func meanScore(_ context.Context, run *op.Run, _ Params) error {
	var all []op.MetricRow
	sum := 0.0
	of := run.Inputs("of.")
	for _, name := range slices.Sorted(maps.Keys(of)) {
		rows, err := op.ReadRows(of[name])
		if err != nil {
			return err
		}
		score, ok := findRow(rows, "score")
		if !ok {
			score, ok = findRow(rows, "acc@1")
		}
		if !ok {
			return fmt.Errorf("evaluation %s has neither score nor acc@1", name)
		}
		sum += score.Value
		all = append(all, op.MetricRow{Metric: "score", Value: score.Value, N: score.N, Class: name})
	}
	if len(all) == 0 {
		return fmt.Errorf("a mean of no evaluation")
	}
	return run.WriteRows(append([]op.MetricRow{{Metric: "score", Value: sum / float64(len(all)), N: len(all)}}, all...))
}
