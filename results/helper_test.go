package results

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// modesRows are the rows of a small study as runner makes them: a base without
// seeds and K, a random control, three modes at four K, three seeds, two sets,
// and the number of pairs. It is deterministic.
func modesRows() []Row {
	rng := rand.New(rand.NewPCG(1, 2))
	var rows []Row
	add := func(label, mode, control string, k, seed int, task, others float64) {
		params := map[string]any{"tune.mode": mode, "index.kind": "flat"}
		id := "base"
		var s *int
		if mode != "none" {
			params["retrieve.k"], params["pairs.control"], params["tune.gamma"] = k, control, 0.9
			id = fmt.Sprintf("%s%s-k%d-s%d", label, mode, k, seed)
			s = Seed(seed)
		}
		row := func(set, metric string, value float64, n int) {
			rows = append(rows, Row{Trial: id, Label: label, Set: set, Metric: metric, Params: params, Seed: s, Value: value, N: n, Engine: "onnx", Key: "key-" + id + set})
		}
		row("task", "acc@1", task/480, 480)
		row("others", "acc@1", others/600, 600)
		if mode != "none" {
			row("pairs", "unique", float64(40*k-k*k), 40*k-k*k)
		}
	}
	add("base", "none", "none", 0, 0, 198, 363)
	gains := map[string]float64{"full": 29, "locked-text": 38, "gated-image": 36}
	for _, k := range []int{1, 2, 4, 8} {
		for seed := range 3 {
			noise := func() float64 { return float64(rng.IntN(13) - 6) }
			if k == 4 {
				add("random", "gated-image", "random", k, seed, 198+noise(), 360+noise())
			}
			for _, mode := range []string{"full", "locked-text", "gated-image"} {
				add("", mode, "none", k, seed, float64(int(198+gains[mode]*float64(k)/8+noise())), 363-float64(int(gains[mode]/2))+noise())
			}
		}
	}
	return rows
}

func modesTable() Table {
	return Table{Name: "modes", Caption: "Modes and K on the quickstart's world", Rows: Names{"tune.mode"}, Columns: Names{"retrieve.k"},
		Metrics: Names{"task/acc@1", "others/acc@1"}, Baseline: "base"}
}

func modesOptions() Options {
	return Options{Experiment: "experiments/quickstart.cue", Command: "runner sweep experiments/quickstart.cue"}
}

// halfDone is the study while it runs: full at K=8 is pending, one seed of full
// at K=4 has failed, one value is NaN; some comparisons are fixed and the task's
// predictions are stored.
func halfDone() (Table, []Row, Options) {
	spec, opts := modesTable(), modesOptions()
	spec.Metrics = append(spec.Metrics, "pairs/unique")
	spec.Order = Names{"base", "random", "full", "locked-text", "gated-image"}
	spec.Fixed = []Comparison{{Row: "gated-image", Against: "base"}, {Row: "gated-image", Against: "random"}}
	var kept []Row
	planned := map[string]bool{}
	for _, r := range modesRows() {
		trial := Trial{ID: r.Trial, Label: r.Label, Params: r.Params, Seed: r.Seed, Status: Done}
		full := r.Params["tune.mode"] == "full"
		switch {
		case full && r.Params["retrieve.k"] == 8:
			trial.Status = Pending
		case full && r.Params["retrieve.k"] == 4 && *r.Seed == 2:
			trial.Status, trial.Reason = Failed, "tune: loss is NaN at step 17"
		}
		if r.Trial == "gated-image-k1-s1" && r.Metric == "acc@1" {
			r.Value = nan
		}
		if trial.Status == Done {
			kept = append(kept, r)
		}
		if !planned[r.Trial] {
			planned[r.Trial] = true
			opts.Trials = append(opts.Trials, trial)
		}
	}
	opts.Predictions = predictionsFor(kept, 24, "task")
	return spec, kept, opts
}

// predictionsFor makes predictions of sets that agree with the rows: the first
// images of a fixed order are right. Images go round the classes.
func predictionsFor(rows []Row, classes int, sets ...string) func(trial, set string) ([]Prediction, error) {
	return func(trial, asked string) ([]Prediction, error) {
		for _, r := range rows {
			if r.Trial != trial || r.Set != asked || !slices.Contains(sets, asked) || r.Metric != "acc@1" {
				continue
			}
			list := make([]Prediction, r.N)
			for i := range list {
				at := (i * 7) % r.N // 7 and the sizes here have no common divisor
				list[at] = Prediction{Key: fmt.Sprintf("%04d", at), Label: at % classes, Predicted: at % classes, Correct: true, Rank: 1}
				if float64(i) >= r.Value*float64(r.N)-0.5 {
					list[at].Predicted, list[at].Correct, list[at].Rank = (at+1)%classes, false, 3
				}
			}
			return list, nil
		}
		return nil, nil
	}
}

func mustBuild(t testing.TB, spec Table, rows []Row, opts Options) *Grid {
	t.Helper()
	g, err := Build(spec, rows, opts)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// written is what a writer gives.
func written(t testing.TB, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func textOf(t testing.TB, g *Grid, width int) string {
	t.Helper()
	return written(t, func(w io.Writer) error { return g.Text(w, width) })
}

// golden compares got with testdata/name, or writes it there with -update.
func golden(t *testing.T, name, got string) {
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

// cellOf is the cell of a line by name, metric and column by index.
func cellOf(t testing.TB, g *Grid, line string, metric, column int) *Cell {
	t.Helper()
	return lineOf(t, g, line).Cells[metric][column]
}

func lineOf(t testing.TB, g *Grid, name string) *Line {
	t.Helper()
	for i := range g.Lines {
		if g.Lines[i].Name == name {
			return &g.Lines[i]
		}
	}
	t.Fatalf("no line %q; there are %q", name, lineNames(g))
	return nil
}

func lineNames(g *Grid) []string {
	var names []string
	for _, l := range g.Lines {
		names = append(names, l.Name)
	}
	return names
}
