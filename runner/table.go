package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"react/data/lost"
	"react/ops/op"
	"react/results"
	"react/results/grid"
	"react/results/writers"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

func newTable() *cobra.Command {
	var sets []string
	var storeDir, tables string
	cmd := &cobra.Command{
		Use:   "table FILE",
		Short: "Print the tables of an experiment from what is in the store",
		Long: `table makes the tables of an experiment again from stored rows, prints them and
writes their files. It runs no stage: trials that are not done are shown as such.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			e, err := experiment.Load(cmd.Context(), files[0], sets, storeDir)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			return printTables(e, cmd.OutOrStdout(), tables)
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().StringVar(&tables, "tables", "", "write the tables into this `directory` too")
	return cmd
}

// printTables writes tables of whatever is there.
func printTables(e *experiment.Experiment, w io.Writer, dir string) error {
	entries, err := record.StoredEntries(e)
	if err != nil {
		return err
	}
	folder, err := record.SweepFolder(e)
	if err != nil {
		return err
	}
	return writeTables(e, w, folder, entries, nil, dir)
}

// writeTables prints the experiment's tables and writes them into the sweep's
// folder, and into dir/NAME where dir is given. failures say why trials have no
// result; trials without one and without a reason are pending.
func writeTables(e *experiment.Experiment, w io.Writer, folder *store.Sweep, entries map[string]store.Entry, failures []schedule.Failure, dir string) error {
	rows, grids, err := gridsOf(e, entries, failures)
	if err != nil {
		return err
	}
	return putTables(e, w, folder, rows, grids, dir)
}

// gridsOf makes the tables of the spec, by name, and the rows that they show.
func gridsOf(e *experiment.Experiment, entries map[string]store.Entry, failures []schedule.Failure) ([]results.Row, []*grid.Grid, error) {
	rows, err := rowsOf(e, entries)
	if err != nil {
		return nil, nil, err
	}
	grids, err := buildTables(e, rows, tableOptions(e, entries, failures))
	return rows, grids, err
}

// tableOptions are what tables know besides their rows.
func tableOptions(e *experiment.Experiment, entries map[string]store.Entry, failures []schedule.Failure) grid.Options {
	opts := grid.Options{Experiment: filepath.ToSlash(e.File), Command: e.Command(), Trials: trialStates(e, entries, failures),
		Notes: lossNotes(e, entries)}
	casesOf(e, entries).fill(&opts)
	return opts
}

// lossNotes says of a stage what was left out of the pools and sets that it was
// made from.
func lossNotes(e *experiment.Experiment, entries map[string]store.Entry) func(key string) []string {
	stages := map[string]*plan.Stage{}
	for _, s := range e.Plan.Stages {
		stages[s.Key] = s
	}
	return func(key string) []string {
		made := map[*plan.Stage]bool{}
		if s := stages[key]; s != nil {
			experiment.Visit(s, made)
		}
		var notes []string
		for s := range made {
			for _, c := range lostOf(entries[s.Key].Manifest.Facts) {
				notes = append(notes, c.Remark())
			}
		}
		return notes
	}
}

// lostOf is what a manifest's facts say was lost.
func lostOf(facts map[string]any) (counts []lost.Count) {
	raw, err := json.Marshal(facts[op.LostFact]) // as it was read, or as the op gave it
	if err != nil || json.Unmarshal(raw, &counts) != nil {
		return nil
	}
	return counts
}

// buildTables makes the tables of the spec, by name.
func buildTables(e *experiment.Experiment, rows []results.Row, opts grid.Options) ([]*grid.Grid, error) {
	var grids []*grid.Grid
	for _, name := range e.Order {
		spec, err := experiment.TableSpec(name, e.Tables[name])
		if err != nil {
			return nil, err
		}
		g, err := grid.Build(spec, rows, opts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.File, err)
		}
		grids = append(grids, g)
	}
	return grids, nil
}

// putTables prints and writes. The rows that tables are made of are kept
// beside them.
func putTables(e *experiment.Experiment, w io.Writer, folder *store.Sweep, rows []results.Row, grids []*grid.Grid, dir string) error {
	if e.Question != "" {
		fmt.Fprintf(w, "%s\n\n", e.Question)
	}
	for _, g := range grids {
		if err := writers.TextWithin(w, g, cli.TextWidth(w)); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	own := folder.Path("tables")
	_, err := writers.WriteAll(own, grids)
	if err == nil {
		err = results.WriteFile(filepath.Join(own, "rows.jsonl"), rows)
	}
	switch {
	case store.Unwritable(err):
		fmt.Fprintf(w, "not written: store %s is read-only\n", cli.ShownPath(e.Store.Root()))
	case err != nil:
		return &store.Error{Root: e.Store.Root(), What: "write tables", Err: err}
	default:
		fmt.Fprintf(w, "written to %s\n", cli.ShownPath(own))
	}
	if dir == "" {
		return nil
	}
	dir = filepath.Join(dir, e.Name)
	if _, err := writers.WriteAll(dir, grids); err != nil {
		return err
	}
	fmt.Fprintf(w, "written to %s\n", cli.ShownPath(dir))
	return nil
}

// rowsOf gathers what the stages of all trials measured. Trials that share a
// stage have its rows each.
func rowsOf(e *experiment.Experiment, entries map[string]store.Entry) ([]results.Row, error) {
	measured := map[*plan.Stage][]op.MetricRow{}
	var rows []results.Row
	for _, t := range e.Plan.Trials {
		for _, name := range t.StageNames() {
			stage := t.Stages[name]
			entry, ok := entries[stage.Key]
			if !ok {
				continue
			}
			if _, read := measured[stage]; !read {
				var err error
				if measured[stage], err = op.ReadRows(entry.Dir); err != nil {
					return nil, err
				}
			}
			engine := enginesOf(stage, entries)
			params := experiment.ParamsBy(t.Params)
			for _, m := range measured[stage] {
				rows = append(rows, results.Row{Trial: t.ID, Label: t.Label, Set: strings.TrimPrefix(name, "evaluate/"), Metric: m.Metric,
					Class: m.Class, Params: params(m.Other), Seed: t.Seed, Value: m.Value, N: m.N, Engine: engine, Key: stage.Key})
			}
		}
	}
	return rows, nil
}

// enginesOf names the engines that a stage's numbers went through: its own and
// those of all that it is made from, joined by "+".
func enginesOf(stage *plan.Stage, entries map[string]store.Entry) string {
	made := map[*plan.Stage]bool{}
	experiment.Visit(stage, made)
	names := map[string]bool{}
	for s := range made {
		if name, ok := entries[s.Key].Manifest.Facts[record.EngineFact].(string); ok {
			names[name] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), "+")
}

// trialStates tells results what was planned and how far it came.
func trialStates(e *experiment.Experiment, entries map[string]store.Entry, failures []schedule.Failure) []grid.Trial {
	failed := map[string]string{}
	for _, f := range failures {
		failed[f.Task.Key] = fmt.Sprintf("%s: %v", f.Task.Op, f.Err)
	}
	states := make([]grid.Trial, len(e.Plan.Trials))
	for i, t := range e.Plan.Trials {
		states[i] = grid.Trial{ID: t.ID, Label: t.Label, Params: t.Params, Seed: t.Seed, Status: grid.Done}
		made := map[*plan.Stage]bool{}
		for _, stage := range t.Stages {
			if _, ok := entries[stage.Key]; !ok {
				states[i].Status = grid.Pending
			}
			experiment.Visit(stage, made)
		}
		for _, stage := range e.Plan.Stages { // in order: the first failure is the cause
			if reason := failed[stage.Key]; reason != "" && made[stage] {
				states[i].Status, states[i].Reason = grid.Failed, reason
				break
			}
		}
	}
	return states
}
