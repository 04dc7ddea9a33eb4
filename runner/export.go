package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/results"
	"react/results/export"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/store"
	"react/runner/tables"
)

// exportOptions are the flags of export.
type exportOptions struct {
	sets  []string
	store string
	to    string
}

func newExport() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export FILE|SWEEP DIR --to tensorboard|mlflow|rows|elevater",
		Short: "Write trainings and results for TensorBoard, MLflow, DuckDB, pandas or a leaderboard",
		Long: `export writes what is stored for other programs, and runs nothing.

  tensorboard   event files, a folder a trial: tensorboard --logdir DIR
  mlflow        a file store, a run a trial. MLflow from 3.13 on opens one only so:
                MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri DIR
                or, moved into a database:
                mlflow migrate-filestore --source DIR --target sqlite:///mlflow.db
  rows          rows.parquet, a number of a trial each: DuckDB, pandas, R
  elevater      all_predictions.zip for the EvalAI leaderboard of ELEVATER (challenge
                1832), a folder for each model, way of learning and shots, with what the
                toolkit writes for each benchmark: of evaluations with scores: true and
                a benchmark. Images are in the order of the set's files, which is the
                leaderboard's for the copies that the toolkit downloads.

A trial has its training's curves (tune/loss, tune/lr, ...) and its results
(task/acc@1) at the last step; a pretraining is a run of its own. MLflow takes no @
in names, so that there acc@1 is acc_at_1.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if !slices.Contains([]string{"tensorboard", "mlflow", "rows", "elevater"}, o.to) {
				return cli.Usage(fmt.Errorf("--to %q: tensorboard, mlflow, rows or elevater", o.to))
			}
			if names, err := os.ReadDir(given[1]); err == nil && len(names) > 0 {
				return cli.Usage(fmt.Errorf("%s is not empty; name another directory", given[1]))
			}
			e, err := record.Open(cmd.Context(), given[0], o.sets, o.store)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			said, err := exportTo(e, given[1], o.to)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "written to %s: %s\n", cli.ShownPath(given[1]), said)
			if o.to == "mlflow" {
				fmt.Fprintf(cmd.OutOrStdout(), "look: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri %s\n", cli.Quote(given[1]))
			}
			return nil
		},
	}
	cli.SetFlag(cmd, &o.sets)
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().StringVar(&o.to, "to", "", "`program`: tensorboard, mlflow, rows or elevater")
	return cmd
}

// exportTo writes one form and says what it wrote.
func exportTo(e *experiment.Experiment, dir, to string) (string, error) {
	entries, err := record.StoredEntries(e)
	if err != nil {
		return "", err
	}
	if to == "elevater" {
		return exportElevater(e, dir, entries)
	}
	rows, err := tables.Rows(e, entries)
	if err != nil {
		return "", err
	}
	if to == "rows" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return "", err
		}
		return fmt.Sprintf("%d rows", len(rows)), results.WriteFile(filepath.Join(dir, "rows.parquet"), rows)
	}
	runs, err := exportedRuns(e, entries, rows)
	if err != nil {
		return "", err
	}
	if to == "mlflow" {
		err = export.MLflow(dir, e.Name, runs)
	} else {
		err = export.TensorBoard(dir, runs)
	}
	return words.Plural(len(runs), "run"), err
}

// exportedRuns are the trials that have something to show, and the pretrainings.
func exportedRuns(e *experiment.Experiment, entries map[string]store.Entry, rows []results.Row) ([]export.Run, error) {
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
	lines, err := readMetrics(filepath.Join(entry.Dir, "metrics.jsonl"))
	if err != nil {
		return err
	}
	series := map[string]*export.Series{}
	for i, line := range lines {
		at := run.Started.Add(run.Ended.Sub(run.Started) * time.Duration(i+1) / time.Duration(len(lines)))
		for key, v := range scalars(line) {
			if key == "step" {
				continue
			}
			if series[key] == nil {
				series[key] = &export.Series{Name: name + "/" + key}
			}
			series[key].Points = append(series[key].Points, export.Point{Step: int64(line["step"].(float64)), Value: v, At: at})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(series)) {
		run.Series = append(run.Series, *series[key])
	}
	return nil
}

// readMetrics reads a training's lines; a stage without any has none.
func readMetrics(name string) ([]map[string]any, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []map[string]any
	for dec := json.NewDecoder(bufio.NewReader(f)); dec.More(); {
		var line map[string]any
		if err := dec.Decode(&line); err != nil {
			return nil, fmt.Errorf("file %s: after line %d: %w", name, len(lines), err)
		}
		if _, ok := line["step"].(float64); !ok {
			return nil, fmt.Errorf("file %s: line %d has no step", name, len(lines)+1)
		}
		lines = append(lines, line)
	}
	return lines, nil
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
		name := r.Set + "/" + r.Metric
		if r.Set == plan.Tune { // beside the curve of the same name
			name = "final/" + name
		}
		run.Series = append(run.Series, export.Series{Name: name, Points: []export.Point{{Step: last, Value: r.Value, At: run.Ended}}})
	}
}
