package writers_test

import (
	"fmt"
	"os"

	"react/results"
	"react/results/grid"
	"react/results/writers"
)

// Two seeds of one mode against a base that has none.
func ExampleTextWithin() {
	row := func(trial, label, mode string, seed *int, value float64) results.Row {
		return results.Row{Trial: trial, Label: label, Set: "task", Metric: "acc@1", Value: value, N: 480,
			Params: map[string]any{"tune.mode": mode}, Seed: seed, Engine: "onnx"}
	}
	rows := []results.Row{
		row("t1", "base", "none", nil, 0.4125),
		row("t2", "", "gated-image", results.Seed(0), 0.4625),
		row("t3", "", "gated-image", results.Seed(1), 0.4750),
	}
	spec := grid.Table{Name: "main", Caption: "Tuning on retrieved pairs", Rows: grid.Names{"tune.mode"},
		Metrics: grid.Names{"task/acc@1"}, Baseline: "base"}
	g, err := grid.Build(spec, rows, grid.Options{Experiment: "experiments/x.cue"})
	if err != nil {
		fmt.Println(err)
		return
	}
	writers.TextWithin(os.Stdout, g, 72)
	// Output:
	// main: Tuning on retrieved pairs
	//
	// Mode          Task acc. (%)
	// ───────────────────────────
	// base            41.2
	// gated-image    *46.9 ± 0.9
	//
	// Difference to base
	// Mode          Task acc. (points)
	// ────────────────────────────────
	// gated-image       +5.6 ± 0.9
	//
	// * marks the best mean of its column.
	// Mean ± sample standard deviation over 2 seeds of tuning; a value without
	//   ± is the same for every seed.
	// Test images: Task 480.
	// No test for Task acc.: what was predicted case by case is not stored; ±
	//   is the standard deviation of the difference over seeds.
	// Warning: only 2 seeds; with fewer than 5, ± and tests say little about
	//   other seeds.
	// # experiment experiments/x.cue
	// # 3 trials
}

// A seed that failed is shown with its reason; the rest is still averaged.
func ExampleMarkdown() {
	rows := []results.Row{
		{Trial: "t1", Set: "task", Metric: "acc@1", Value: 0.5, N: 100, Params: map[string]any{"retrieve.k": 4}, Seed: results.Seed(0)},
		{Trial: "t2", Set: "task", Metric: "acc@1", Value: 0.4, N: 100, Params: map[string]any{"retrieve.k": 4}, Seed: results.Seed(1)},
	}
	trials := []grid.Trial{
		{ID: "t1", Params: rows[0].Params, Seed: results.Seed(0), Status: grid.Done},
		{ID: "t2", Params: rows[1].Params, Seed: results.Seed(1), Status: grid.Done},
		{ID: "t3", Params: rows[1].Params, Seed: results.Seed(2), Status: grid.Failed, Reason: "disk is full"},
	}
	spec := grid.Table{Name: "k", Rows: grid.Names{"retrieve.k"}, Metrics: grid.Names{"task/acc@1"}}
	g, err := grid.Build(spec, rows, grid.Options{Trials: trials})
	if err != nil {
		fmt.Println(err)
		return
	}
	writers.Markdown(os.Stdout, g)
	// Output:
	// ### k
	//
	// Mean ± sample standard deviation over 2 seeds of tuning; a value without ± is the same for every seed. Test images: Task 100.
	//
	// | K | Task acc. (%) |
	// |:--|--:|
	// | 4 | 45.0 ± 7.1<sup>1</sup> |
	//
	// Warning: only 2 seeds; with fewer than 5, ± and tests say little about other seeds.
	// Warning: the sweep is not complete: 1 cell partial.
	//
	// - <sup>1</sup> seed 2 failed: disk is full
	//
	// Made from: 2 trials.
}
