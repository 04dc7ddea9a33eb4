package experiment

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"react/data/laion"
	"react/results"
	"react/runner/plan"
	"react/runner/spec"
)

// TestUnlabelled: a table that asks for the precision of pairs is warned of where the pool's
// metadata has no labels, and only there.
func TestUnlabelled(t *testing.T) {
	const text = `apiVersion: "runner/v2"
name: "x"
pool: p: {laion: %q, shards: "p/*.tar"}
backbone: {arch: "tiny", pretrain: pool: "p"}
task: {classes: "c.txt", prompts: ["a {}"]}
retrieve: pool: "p"
tune: {mode: "full", steps: 3, batch: 2}
evaluate: task: {kind: "zeroshot", dataset: "d"}
tables: main: {rows: "tune.mode", metrics: ["task/acc@1", "pairs/precision"]}
`
	dir := t.TempDir()
	const want = `x.cue:9:59: tables.main.metrics[1]: no trial gives "pairs/precision": pool "p" has no labels`
	for file, label := range map[string]string{"without.parquet": "", "with.parquet": "cat", "absent.parquet": "absent"} {
		path := filepath.Join(dir, file)
		if label != "absent" {
			writePool(t, path, label)
		}
		exp, err := spec.Parse("x.cue", fmt.Appendf(nil, text, path), spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(warningTexts(exp), "\n")
		if label == "" && !strings.HasPrefix(got, want) || label != "" && got != "" {
			t.Errorf("%s: got %q", file, got)
		}
	}
}

// TestRepeatedCase: a case that is another point of the sweep is warned of at its place, by the
// other's name; one that shares some of its trials is not.
func TestRepeatedCase(t *testing.T) {
	const head = `apiVersion: "runner/v2"
name: "x"
pool: w: world: rows: 100
backbone: {arch: "tiny", pretrain: pool: "w"}
task: {classes: "pool:w/task", prompts: ["a {}"]}
retrieve: pool: "w"
tune: {mode: "full", gamma: 0.9, steps: 3, batch: 2}
evaluate: task: {kind: "zeroshot", dataset: "pool:w/task"}
`
	for sweep, want := range map[string]string{
		`sweep: cases: [{label: "base", tune: mode: "none"}, {label: "b2", tune: mode: "none"}]`:         `x.cue:9:53: sweep.cases: "b2" is the same trial as "base", which`,
		`sweep: {grid: tune: gamma: [0.5, 0.9], cases: [{label: "x", tune: gamma: 0.9}]}`:                `x.cue:9:48: sweep.cases: "x" is the same trial as the grid's tune.gamma=0.9, which`,
		`sweep: {grid: tune: gamma: [0.5, 0.9], cases: [{label: "x", tune: mode: "none", cross: true}]}`: "",
	} {
		exp, err := spec.Parse("x.cue", []byte(head+sweep), spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.New(exp, plan.Options{Unseen: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(warningTexts(exp, p.Idle...), "\n"); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", sweep, got, want)
		}
	}
}

// TestDefaultTable: the table of a file without tables leaves out what no trial reads, a baseline
// that does not run, and figures that no evaluation gave.
func TestDefaultTable(t *testing.T) {
	const head = `apiVersion: "runner/v2"
name: "x"
pool: w: world: rows: 100
backbone: {arch: "tiny", pretrain: pool: "w"}
task: {classes: "pool:w/task", prompts: ["a {}"]}
retrieve: pool: "w"
tune: {mode: "full", steps: 3, batch: 2}
evaluate: task: {kind: "zeroshot", dataset: "pool:w/task"}
`
	for sweep, want := range map[string]string{
		`sweep: grid: {pairs: seed: [1, 2], tune: gamma: [0.8, 0.9]}`:                               "[tune.gamma] ",
		`sweep: grid: pairs: seed: [1, 2]`:                                                          "[label] ",
		`sweep: {grid: tune: mode: ["full", "none"]}`:                                               "[tune.mode] tune.mode=none",
		`sweep: {grid: tune: mode: ["full", "none"], exclude: [{tune: mode: "none"}]}`:              "[tune.mode] ",
		`sweep: cases: [{label: "b", tune: mode: "none"}, {label: "f"}]`:                            "[label] b",
		`sweep: {cases: [{label: "b", tune: mode: "none"}, {label: "f"}], exclude: [{label: "b"}]}`: "[label] ",
	} {
		exp, err := spec.Parse("x.cue", []byte(head+sweep), spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.New(exp, plan.Options{Unseen: true})
		if err == nil {
			err = checkTables(exp, p.Trials, true)
		}
		if err != nil {
			t.Fatal(sweep, err)
		}
		for _, rows := range [][]results.Row{nil, {{Set: "task", Metric: "acc@1"}}} {
			tables, err := Tables(exp, gridTrials(p.Trials), rows)
			if err != nil || len(tables) != 1 {
				t.Fatal(sweep, err)
			}
			got := fmt.Sprint(tables[0].Rows, " ", tables[0].Baseline)
			if metrics := len(tables[0].Metrics); got != want || metrics != 4-3*len(rows) {
				t.Errorf("%s: got %q and %d metrics, want %q", sweep, got, metrics, want)
			}
		}
	}
}

// writePool writes metadata of one row.
func writePool(t *testing.T, path, label string) {
	t.Helper()
	w, err := laion.Create(path)
	if err == nil {
		err = w.Write([]laion.Row{{URL: "u", Text: "a cat", Key: "0", Label: label}})
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestIdleFields: a field that no trial reads is warned of at its place, and one that some trial
// reads, or that means nothing asked for, is not.
func TestIdleFields(t *testing.T) {
	const head = `apiVersion: "runner/v2"
name: "x"
pool: w: world: rows: 100
backbone: {arch: "tiny", pretrain: pool: "w"}
task: {classes: "pool:w/task", prompts: ["a {}"]}
retrieve: pool: "w"
evaluate: task: {kind: "zeroshot", dataset: "pool:w/task"}
`
	for text, want := range map[string]string{
		`tune: {mode: "full", steps: 3, batch: 2, rounds: 3}`:                                                              "x.cue:8:50: tune.rounds: read by no trial",
		`tune: {mode: "locked-text", steps: 3, batch: 2, objective: "self-training", rounds: 3}`:                           "",
		`tune: {mode: "full", steps: 3, batch: 2}, index: efSearch: 9`:                                                     "x.cue:8:60: index.efSearch: read by no trial",
		`tune: {mode: "full", steps: 3, batch: 2}, index: efSearch: 9, sweep: grid: index: kind: ["flat", "hnsw"]`:         "",
		`tune: {mode: "full", steps: 3, batch: 2, soft: false, perClass: 0}, pool: w: rows: 9`:                             "",
		`tune: {mode: "full", steps: 3, batch: 2}, pool: v: {maxBad: 2, world: seed: 1}`:                                   "x.cue:8:49: pool.v: read by no trial",
		`tune: {mode: "full", steps: 3, batch: 2}, sweep: grid: {pairs: seed: [1, 2], tune: gamma: [0.8, 0.9]}`:            "x.cue:8:71: sweep.grid.pairs.seed: read by no trial",
		`tune: {mode: "full", steps: 3, batch: 2, gatedDepth: 2}, sweep: cases: [{label: "g", tune: mode: "gated-image"}]`: "",
	} {
		exp, err := spec.Parse("x.cue", []byte(head+text), spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.New(exp, plan.Options{Unseen: true})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(warningTexts(exp, p.Idle...), "\n")
		if !strings.HasPrefix(got, want) || want == "" && got != "" || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
