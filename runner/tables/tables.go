package tables

import (
	"fmt"
	"io"
	"path/filepath"

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

// Print writes tables of whatever is there.
func Print(e *experiment.Experiment, w io.Writer, dir string) error {
	entries, err := record.StoredEntries(e)
	if err != nil {
		return err
	}
	folder, err := record.SweepFolder(e)
	if err != nil {
		return err
	}
	return Write(e, w, folder, entries, nil, dir)
}

// Write prints the experiment's tables and writes them into the sweep's
// folder, and into dir/NAME where dir is given. failures say why trials have no
// result; trials without one and without a reason are pending.
func Write(e *experiment.Experiment, w io.Writer, folder *store.Sweep, entries map[string]store.Entry, failures []schedule.Failure, dir string) error {
	rows, grids, err := build(e, entries, failures)
	if err != nil {
		return err
	}
	return put(e, w, folder, rows, grids, dir)
}

// build makes the tables of the spec, by name, and the rows that they show.
func build(e *experiment.Experiment, entries map[string]store.Entry, failures []schedule.Failure) ([]results.Row, []*grid.Grid, error) {
	rows, err := Rows(e, entries)
	if err != nil {
		return nil, nil, err
	}
	grids, err := Build(e, rows, Options(e, entries, failures))
	return rows, grids, err
}

// Options are what tables know besides their rows.
func Options(e *experiment.Experiment, entries map[string]store.Entry, failures []schedule.Failure) grid.Options {
	opts := grid.Options{Experiment: filepath.ToSlash(e.File), Command: e.Command(), Trials: trialStates(e, entries, failures),
		Notes: lossNotes(e, entries), Gaps: true}
	CasesOf(e, entries).Fill(&opts)
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
		if stages[key] == nil {
			return nil
		}
		var notes []string
		for s := range experiment.MadeFrom(stages[key]) {
			for _, c := range record.LostOf(entries[s.Key].Manifest.Facts) {
				notes = append(notes, c.Remark())
			}
		}
		return notes
	}
}

// Build makes the tables of the spec, by name.
func Build(e *experiment.Experiment, rows []results.Row, opts grid.Options) ([]*grid.Grid, error) {
	specs, err := experiment.Tables(e.Experiment, opts.Trials, rows)
	if err != nil {
		return nil, err
	}
	var grids []*grid.Grid
	for _, spec := range specs {
		g, err := grid.Build(spec, rows, opts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.File, err)
		}
		grids = append(grids, g)
	}
	return grids, nil
}

// put prints and writes. The rows that tables are made of are kept
// beside them.
func put(e *experiment.Experiment, w io.Writer, folder *store.Sweep, rows []results.Row, grids []*grid.Grid, dir string) error {
	if e.Question != "" {
		fmt.Fprintf(w, "%s\n\n", e.Question)
	}
	if err := printGrids(w, grids); err != nil {
		return err
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
	return writeGrids(w, grids, filepath.Join(dir, e.Name))
}

func printGrids(w io.Writer, grids []*grid.Grid) error {
	for _, g := range grids {
		if err := writers.TextWithin(w, g, cli.TextWidth(w)); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

// writeGrids writes the tables' files into dir, and says so.
func writeGrids(w io.Writer, grids []*grid.Grid, dir string) error {
	if _, err := writers.WriteAll(dir, grids); err != nil {
		return err
	}
	fmt.Fprintf(w, "written to %s\n", cli.ShownPath(dir))
	return nil
}
