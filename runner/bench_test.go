package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/runner/schedule"
)

// BenchmarkPlan is runner plan of 1,000 trials: load, expand, key, look up.
func BenchmarkPlan(b *testing.B) {
	file := filepath.Join(b.TempDir(), "many.cue")
	text := strings.Replace(tinySpec, "sweep: {", "sweep: {grid: {tune: lr: [for i in list.Range(1, 51, 1) {i / 1000000.0}], retrieve: k: [1, 2]}, ", 1)
	text = "import \"list\"\n" + strings.Replace(text, "seeds: 2", "seeds: 10", 1)
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e, err := loadExperiment(b.Context(), file, nil, filepath.Join(b.TempDir(), "store"))
		if err != nil {
			b.Fatal(err)
		}
		survey, err := schedule.Look(e.store, e.tasks())
		if err != nil {
			b.Fatal(err)
		}
		if n := len(e.plan.Trials); n < 1000 {
			b.Fatal(fmt.Errorf("%d trials, %d to run", n, survey.Count(schedule.ToRun)))
		}
	}
}
