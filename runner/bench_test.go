package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"react/ops/op"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/record"
)

// manyTrials writes an experiment of n trials, a multiple of 100: rates, depths
// and seeds vary, as in a search for hyperparameters.
func manyTrials(b *testing.B, n int) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), "many.cue")
	grid := fmt.Sprintf("sweep: {grid: {tune: lr: [for i in list.Range(1, %d, 1) {i / 1000000.0}], retrieve: k: [1, 2]}, ", n/20+1)
	text := "import \"list\"\n" + strings.Replace(strings.Replace(tinySpec, "sweep: {", grid, 1), "seeds: 2", "seeds: 10", 1)
	text = strings.Replace(text, "cases: [{label: \"base\", tune: mode: \"none\"}, {label: \"tuned\"}], ", "", 1)
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		b.Fatal(err)
	}
	return file
}

// BenchmarkPlan is runner plan: load, expand, key, look up, print. Memory is
// what the process has taken from the system.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			file := manyTrials(b, n)
			for b.Loop() {
				var out strings.Builder
				args := []string{"plan", file, "--engine", "go", "--overcommit", "--store", filepath.Join(b.TempDir(), "store")}
				if err := run(b.Context(), args, &out, io.Discard); err != nil {
					b.Fatal(err)
				}
				if !strings.Contains(out.String(), fmt.Sprintf(": %d trials, ", n)) {
					b.Fatalf("not a plan of %d trials:\n%.300s", n, out.String())
				}
			}
			b.ReportMetric(float64(taken())/(1<<20), "MiB-taken")
		})
	}
}

func taken() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}

// BenchmarkNothingToDo is runner sweep of 500 trials that are done: what a
// no-op costs, tables included. The store's entries are small, as only their
// number counts here.
func BenchmarkNothingToDo(b *testing.B) {
	file := manyTrials(b, 500)
	dir := filepath.Join(b.TempDir(), "store")
	e, err := experiment.Load(b.Context(), file, nil, dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, stage := range e.Plan.Stages {
		txn, err := e.Store.Begin(stage.Key, stage.Op, stage.Lines)
		if err != nil {
			b.Fatal(err)
		}
		row := op.MetricRow{Metric: "acc@1", Value: 0.5, N: 10}
		if err := os.WriteFile(filepath.Join(txn.Dir(), "rows.jsonl"), []byte(cli.JSONText(row)+"\n"), 0o666); err != nil {
			b.Fatal(err)
		}
		if _, err := txn.Commit(map[string]any{record.EngineFact: "go"}, nil); err != nil {
			b.Fatal(err)
		}
	}
	e.Store.Close()
	b.Cleanup(func() { os.Chmod(dir, 0o777) })
	for b.Loop() {
		err := run(b.Context(), []string{"sweep", file, "--store", dir, "--engine", "go"}, io.Discard, io.Discard)
		if err != nil {
			b.Fatal(err)
		}
	}
}
