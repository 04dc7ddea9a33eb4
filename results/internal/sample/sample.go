// Package sample has tables over the rows of package modes that tests of figures and of writers
// share, and compares what they write with goldens. It is for tests.
package sample

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"react/results"
	"react/results/grid"
	"react/results/internal/modes"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// Table is about modes and K, against a base.
func Table() grid.Table {
	return grid.Table{Name: "modes", Caption: "Modes and K on the quickstart's world", Rows: grid.Names{"tune.mode"}, Columns: grid.Names{"retrieve.k"},
		Metrics: grid.Names{"task/acc@1", "others/acc@1"}, Baseline: "base"}
}

// Options say where the table is from.
func Options() grid.Options {
	return grid.Options{Experiment: "experiments/quickstart.cue", Command: "runner sweep experiments/quickstart.cue"}
}

// HalfDone is the study while it runs: full at K=8 is pending, one seed of full
// at K=4 has failed, one value is NaN; some comparisons are fixed and the task's
// predictions are stored.
func HalfDone() (grid.Table, []results.Row, grid.Options) {
	spec, opts := Table(), Options()
	spec.Metrics = append(spec.Metrics, "pairs/unique")
	spec.Order = grid.Names{"base", "random", "full", "locked-text", "gated-image"}
	spec.Fixed = []grid.Comparison{{Row: "gated-image", Against: "base"}, {Row: "gated-image", Against: "random"}}
	var kept []results.Row
	planned := map[string]bool{}
	for _, r := range modes.Rows() {
		trial := grid.Trial{ID: r.Trial, Label: r.Label, Params: r.Params, Seed: r.Seed, Status: grid.Done}
		full := r.Params["tune.mode"] == "full"
		switch {
		case full && r.Params["retrieve.k"] == 8:
			trial.Status = grid.Pending
		case full && r.Params["retrieve.k"] == 4 && *r.Seed == 2:
			trial.Status, trial.Reason = grid.Failed, "tune: loss is NaN at step 17"
		}
		if r.Trial == "gated-image-k1-s1" && r.Metric == "acc@1" {
			r.Value = math.NaN()
		}
		if trial.Status == grid.Done {
			kept = append(kept, r)
		}
		if !planned[r.Trial] {
			planned[r.Trial] = true
			opts.Trials = append(opts.Trials, trial)
		}
	}
	opts.Predictions = modes.Predictions(kept, 24, "task")
	return spec, kept, opts
}

// Build is grid.Build of what has no mistake.
func Build(t testing.TB, spec grid.Table, rows []results.Row, opts grid.Options) *grid.Grid {
	t.Helper()
	g, err := grid.Build(spec, rows, opts)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Golden compares got with testdata/name, or writes it there with -update.
func Golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// ManyTable is a table of ten metrics over the rows of modes.Many.
func ManyTable() grid.Table {
	spec := grid.Table{Name: "many", Rows: grid.Names{"tune.mode"}, Columns: grid.Names{"retrieve.k"}, Baseline: "tune.mode=mode-00"}
	for m := range 10 {
		spec.Metrics = append(spec.Metrics, fmt.Sprintf("task/acc@%d", m+1))
	}
	return spec
}
