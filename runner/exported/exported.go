// Package exported writes what a sweep stored in the forms of other programs: TensorBoard, Weights &
// Biases, MLflow, a table of rows, the ELEVATER leaderboard; for TensorBoard also while the sweep
// runs (live.go). It finds what there is to write; the bytes of each form are results/export's.
package exported

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"react/data/words"
	"react/ops/op"
	"react/ops/train"
	"react/results"
	"react/results/export"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/store"
	"react/runner/tables"
)

// Forms are what Write knows.
var Forms = []string{"tensorboard", "wandb", "mlflow", "rows", "elevater"}

// Write writes one form into dir and says what it wrote.
func Write(e *experiment.Experiment, dir, form string) (string, error) {
	entries, err := record.StoredEntries(e)
	if err != nil {
		return "", err
	}
	if form == "elevater" {
		return writeElevater(e, dir, entries)
	}
	rows, err := tables.Rows(e, entries)
	if err != nil {
		return "", err
	}
	if form == "rows" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return "", err
		}
		return fmt.Sprintf("%d rows", len(rows)), results.WriteFile(filepath.Join(dir, "rows.parquet"), rows)
	}
	runs, err := runsOf(e, entries, rows)
	if err != nil {
		return "", err
	}
	switch form {
	case "mlflow":
		err = export.MLflow(dir, e.Name, runs)
	case "wandb":
		err = export.WandB(dir, e.Name, runs)
	default:
		err = export.TensorBoard(dir, runs)
	}
	return words.Plural(len(runs), "run"), err
}

// runsOf are the trials that have something to show, and the pretrainings.
func runsOf(e *experiment.Experiment, entries map[string]store.Entry, rows []results.Row) ([]export.Run, error) {
	measured := map[string][]results.Row{}
	for _, r := range rows {
		if r.Class == "" {
			measured[r.Trial] = append(measured[r.Trial], r)
		}
	}
	var runs []export.Run
	pretrained := map[string]bool{}
	for i := range e.Plan.Trials {
		t := &e.Plan.Trials[i]
		if stage := t.Stages[plan.Checkpoint]; stage != nil && !pretrained[stage.Key] {
			pretrained[stage.Key] = true
			run := export.Run{ID: stage.Op + "-" + cli.Short(stage.Key), Name: stage.Op}
			if err := addTraining(&run, stage.Op, stage, entries); err != nil {
				return nil, err
			}
			if len(run.Series) > 0 {
				runs = append(runs, run)
			}
		}
		run := export.Run{ID: t.ID, Name: experiment.TrialName(*t), Params: paramTexts(t)}
		if err := addTraining(&run, plan.Tune, t.Stages[plan.Tune], entries); err != nil {
			return nil, err
		}
		addResults(&run, t, measured[t.ID], entries)
		if len(run.Series) > 0 {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

func paramTexts(t *plan.Trial) map[string]string {
	texts := map[string]string{}
	for path, v := range t.Params {
		texts[path] = cli.JSONText(v)
	}
	if t.Label != "" {
		texts["label"] = t.Label
	}
	if t.Seed != nil {
		texts["seed"] = fmt.Sprint(*t.Seed)
	}
	return texts
}

// addTraining adds what a training wrote at its steps.
func addTraining(run *export.Run, name string, stage *plan.Stage, entries map[string]store.Entry) error {
	if stage == nil {
		return nil
	}
	entry, ok := entries[stage.Key]
	if !ok {
		return nil
	}
	run.Started, run.Ended = entry.Manifest.Started, entry.Manifest.Finished
	lines, err := readMetrics(entry.Dir)
	if err != nil {
		return err
	}
	series := map[string]*export.Series{}
	for i, line := range lines {
		at := timeOf(entry.Manifest, i+1, len(lines))
		for key, v := range scalars(line) {
			if key == "step" {
				continue
			}
			if series[key] == nil {
				series[key] = &export.Series{Name: name + "/" + key}
			}
			series[key].Points = append(series[key].Points, export.Point{Step: stepOf(line), Value: v, At: at})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(series)) {
		run.Series = append(run.Series, *series[key])
	}
	return nil
}

// timeOf is when a stage had done so many of its steps, as far as its manifest tells.
func timeOf(m store.Manifest, steps, of int) time.Time {
	return m.Started.Add(m.Finished.Sub(m.Started) * time.Duration(steps) / time.Duration(of))
}

// stepOf is the step of a line that has one.
func stepOf(line map[string]any) int64 { return int64(line["step"].(float64)) }

// readMetrics reads a training's lines; a stage without any has none.
func readMetrics(dir string) ([]map[string]any, error) {
	name := filepath.Join(dir, train.MetricsFile)
	lines, err := op.ReadLines[map[string]any](name)
	for i, line := range lines {
		if _, ok := line["step"].(float64); !ok {
			return nil, fmt.Errorf("file %s: line %d has no step", name, i+1)
		}
	}
	return lines, err
}

// scalars are the numbers of a line; those of a list by their place in it.
func scalars(line map[string]any) map[string]float64 {
	out := map[string]float64{}
	for key, v := range line {
		switch v := v.(type) {
		case float64:
			out[key] = v
		case []any:
			for i, one := range v {
				if number, ok := one.(float64); ok {
					out[fmt.Sprintf("%s/%d", key, i)] = number
				}
			}
		}
	}
	return out
}

// addResults adds the trial's numbers at the last step of its training.
func addResults(run *export.Run, t *plan.Trial, rows []results.Row, entries map[string]store.Entry) {
	last := int64(0)
	for _, s := range run.Series {
		last = max(last, s.Points[len(s.Points)-1].Step)
	}
	for _, stage := range t.Stages {
		if entry, ok := entries[stage.Key]; ok && strings.HasPrefix(stage.Op, "evaluate") && entry.Manifest.Finished.After(run.Ended) {
			run.Ended = entry.Manifest.Finished
		}
	}
	if run.Started.IsZero() {
		run.Started = run.Ended
	}
	for _, r := range rows {
		run.Series = append(run.Series, export.Series{Name: resultName(r.Set, r.Metric), Points: []export.Point{{Step: last, Value: r.Value, At: run.Ended}}})
	}
}

// resultName is what a result is called; one of the training has a curve of the same name.
func resultName(set, metric string) string {
	if set == plan.Tune {
		set = "final/" + set
	}
	return set + "/" + metric
}
