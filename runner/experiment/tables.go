package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"react/data/glob"
	"react/data/laion"
	"react/results"
	"react/results/grid"
	"react/runner/plan"
	"react/runner/spec"
	"react/runner/spec/mistake"
)

// checkTables finds what tables would be refused for when all trials are done, with
// the places in the file.
func checkTables(exp *spec.Experiment, trials []plan.Trial, unseen bool) error {
	var mistakes mistake.Errors
	classes := sync.OnceValue(func() []string {
		names, _ := plan.ClassNames(exp, unseen)
		return names
	})
	for _, name := range exp.Order {
		table, err := TableSpec(name, exp.Tables[name])
		if err != nil {
			return err
		}
		rows, planned := rowsToCome(table, trials, classes)
		for _, err := range grid.Check(table, rows, grid.Options{Trials: planned}) {
			var at *grid.FieldError
			if !errors.As(err, &at) {
				return fmt.Errorf("%s: %w", exp.File, err)
			}
			path := "tables." + name + "." + at.Field
			mistakes = append(mistakes, mistake.Error{Pos: exp.Place(path), Path: path, Msg: at.Msg})
		}
	}
	if len(mistakes) == 0 {
		return nil
	}
	return mistakes
}

// rowsToCome are the rows that trials will give a table when they are done, as far
// as that is known before they run.
func rowsToCome(table grid.Table, trials []plan.Trial, all func() []string) (rows []results.Row, planned []grid.Trial) {
	var classes []string
	if slices.Contains(append(slices.Clone(table.Rows), table.Columns...), "class") {
		classes = all()
	}
	if len(classes)*len(trials) > 100_000 || slices.Contains(table.Rows, "class") && slices.Contains(table.Rows, results.OtherClass) {
		classes = nil // too many lines to name them all
	}
	for _, t := range trials {
		status, params := grid.Done, ParamsBy(t.Params)
		for _, m := range table.Metrics {
			set, metric, _ := strings.Cut(m, "/")
			evaluation := t.Stages["evaluate/"+set]
			if table.Effect != "" && (evaluation == nil || metric == "agreement" || metric == "delta") {
				status = grid.Pending // whether every trial has such a row, only its stages tell
				continue
			}
			if evaluation == nil && t.Stages[set] == nil {
				continue
			}
			row := results.Row{Trial: t.ID, Label: t.Label, Set: set, Metric: metric, Params: t.Params, Seed: t.Seed}
			rows = append(rows, row)
			for i, class := range classes { // each as the first and as the second
				row.Class, row.Params = class, params(classes[(i+1)%len(classes)])
				rows = append(rows, row)
			}
		}
		planned = append(planned, grid.Trial{ID: t.ID, Label: t.Label, Params: t.Params, Seed: t.Seed, Status: status})
	}
	return rows, planned
}

// TableSpec is a table of the spec as results reads it: the JSON form is the
// same.
func TableSpec(name string, from any) (grid.Table, error) {
	table := grid.Table{}
	data, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(data, &table)
	}
	if err != nil {
		return table, fmt.Errorf("table %s: %w", name, err)
	}
	table.Name = name
	return table, nil
}

// ParamsBy gives a trial's params, with the other class of a number about two.
func ParamsBy(params map[string]any) func(other string) map[string]any {
	with := map[string]map[string]any{"": params}
	return func(other string) map[string]any {
		if with[other] == nil {
			with[other] = maps.Clone(params)
			with[other][results.OtherClass] = other
		}
		return with[other]
	}
}

// ofLabels are the figures that a stage gives only where the pool knows the labels of its rows.
var ofLabels = []string{"precision", "relevant"}

// unlabelled are warnings about figures of labels in tables whose trials retrieve from pools
// without any. A pool whose files are not here may have them.
func unlabelled(exp *spec.Experiment) (warnings mistake.Errors) {
	without := sync.OnceValue(func() string { return poolWithoutLabels(exp) })
	for _, name := range exp.Order {
		for i, m := range exp.Tables[name].Metrics {
			_, figure, _ := strings.Cut(m, "/")
			if !slices.Contains(ofLabels, figure) || without() == "" {
				continue
			}
			path := fmt.Sprintf("tables.%s.metrics[%d]", name, i)
			warnings.Add(exp.Place(path), path, "no trial gives %q: pool %q has no labels, so its cells will be empty "+
				"(a column label in the metadata, or another metric)", m, without())
		}
	}
	return warnings
}

// poolWithoutLabels is the name of a pool that trials retrieve from, where none of those has
// labels.
func poolWithoutLabels(exp *spec.Experiment) (name string) {
	known := map[string]bool{}
	for _, t := range exp.Trials {
		name = t.Params.Retrieve.Pool
		lacks, seen := known[name]
		if !seen {
			lacks = lacksLabels(t.Params.Pool[name].LAION)
			known[name] = lacks
		}
		if name != "" && !lacks {
			return ""
		}
	}
	return name
}

// lacksLabels reports whether the first file of a pool's metadata is here and has no column of
// labels.
func lacksLabels(pattern string) bool {
	files, err := glob.Files(pattern)
	if err != nil || len(files) == 0 {
		return false
	}
	has := func(required ...string) bool {
		r, err := laion.Open(files[:1], laion.Options{Columns: []string{"label"}, Required: required})
		if err == nil {
			r.Close()
		}
		return err == nil
	}
	return has() && !has("label")
}
