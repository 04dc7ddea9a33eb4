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
	tables, err := Tables(exp, gridTrials(trials), nil)
	if err != nil {
		return err
	}
	for _, table := range tables {
		rows, planned := rowsToCome(table, trials, classes)
		for _, err := range grid.Check(table, rows, grid.Options{Trials: planned}) {
			var at *grid.FieldError
			if !errors.As(err, &at) {
				return fmt.Errorf("%s: %w", exp.File, err)
			}
			path := "tables." + table.Name + "." + at.Field
			mistakes = append(mistakes, mistake.Error{Pos: exp.Place(path), Path: path, Msg: at.Msg})
		}
	}
	if len(mistakes) == 0 {
		return nil
	}
	// What a sweep leaves out and a filter does not find is often why a line is missing.
	for _, w := range exp.Warnings {
		said := func(m mistake.Error) bool { return m.Path == w.Path }
		if of := strings.HasPrefix(w.Path, "sweep.") || strings.HasPrefix(w.Path, "tables."); of && !slices.ContainsFunc(mistakes, said) {
			mistakes = append(mistakes, w)
		}
	}
	return mistakes.Sorted()
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
	planned = gridTrials(trials)
	for i, t := range trials {
		params := ParamsBy(t.Params)
		planned[i].Status = grid.Done
		for _, m := range table.Metrics {
			set, metric, _ := strings.Cut(m, "/")
			evaluation := t.Stages["evaluate/"+set]
			if table.Effect != "" && (evaluation == nil || metric == "agreement" || metric == "delta") {
				planned[i].Status = grid.Pending // whether every trial has such a row, only its stages tell
				continue
			}
			if evaluation == nil && t.Stages[set] == nil {
				continue
			}
			row := results.Row{Trial: t.ID, Label: t.Label, Set: set, Metric: metric, Params: t.Params, Seed: t.Seed}
			rows = append(rows, row)
			for c, class := range classes { // each as the first and as the second
				row.Class, row.Params = class, params(classes[(c+1)%len(classes)])
				rows = append(rows, row)
			}
		}
	}
	return rows, planned
}

// Tables are those of the spec, in its order, as results reads them: the JSON form is the same. The
// default table has what the trials read and the rows give; without rows it has all metrics.
func Tables(exp *spec.Experiment, trials []grid.Trial, rows []results.Row) ([]grid.Table, error) {
	tables := make([]grid.Table, len(exp.Order))
	for i, name := range exp.Order {
		table := &tables[i]
		data, err := json.Marshal(exp.Tables[name])
		if err == nil {
			err = json.Unmarshal(data, table)
		}
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", name, err)
		}
		table.Name = name
		if exp.Untabled {
			fit(table, trials, rows)
		}
	}
	return tables, nil
}

// fit takes out of the default table what is not there: paths that no trial reads, a baseline that
// sweep.exclude left out, figures that no evaluation gave.
func fit(table *grid.Table, trials []grid.Trial, rows []results.Row) {
	reads := map[string]bool{"label": true}
	for _, t := range trials {
		for path := range t.Params {
			reads[path] = true
		}
	}
	table.Rows = slices.DeleteFunc(table.Rows, func(path string) bool { return !reads[path] })
	if len(table.Rows) == 0 {
		table.Rows = grid.Names{"label"}
	}
	path, value, _ := strings.Cut(table.Baseline, "=")
	isBase := func(t grid.Trial) bool { return t.Label == table.Baseline || t.Params[path] == value }
	if !slices.ContainsFunc(trials, isBase) {
		table.Baseline = ""
	}
	gives := map[string]bool{}
	for i := range rows {
		gives[rows[i].Set+"/"+rows[i].Metric] = true
	}
	given := slices.DeleteFunc(slices.Clone(table.Metrics), func(m string) bool { return !gives[m] })
	if len(given) > 0 {
		table.Metrics = given
	}
}

// gridTrials are planned trials as results reads them.
func gridTrials(trials []plan.Trial) (planned []grid.Trial) {
	for _, t := range trials {
		planned = append(planned, grid.Trial{ID: t.ID, Label: t.Label, Params: t.Params, Seed: t.Seed})
	}
	return planned
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
	if exp.Untabled {
		return nil // nobody asked for one
	}
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
