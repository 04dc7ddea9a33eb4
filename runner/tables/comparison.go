package tables

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"react/results"
	"react/results/grid"
	"react/results/label"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/record"
	"react/runner/schedule"
)

// experimentPath is the param that tells experiments apart in joined rows.
const experimentPath = "experiment"

// Comparison joins the rows of experiments.
type Comparison struct {
	Stderr  io.Writer // is told what cannot be compared
	Command string    // that was given
	members []member
	rows    []results.Row
	trials  []grid.Trial
	notes   []func(key string) []string // of each member, see grid.Options
}

// member is one experiment, under a name that no other has.
type member struct {
	*experiment.Experiment
	name string
	opts grid.Options
}

// Close closes the stores of all.
func (c *Comparison) Close() {
	for _, m := range c.members {
		m.Store.Close()
	}
}

// Add joins an experiment, some of whose stages failed: its trials under its name, with the name as
// a param.
func (c *Comparison) Add(e *experiment.Experiment, failures []schedule.Failure) error {
	m := member{Experiment: e, name: e.Name}
	for i := range c.members {
		other := &c.members[i]
		switch {
		case other.Digest == e.Digest:
			e.Store.Close()
			return cli.Usage(fmt.Errorf("%s is there twice: %s/%s", e.Name, e.Name, e.Digest[:8]))
		case other.Name == e.Name:
			m.name = e.Name + "/" + e.Digest[:8]
		}
	}
	c.members = append(c.members, m)
	entries, err := record.StoredEntries(e)
	if err != nil {
		return err
	}
	rows, err := Rows(e, entries)
	if err != nil {
		return err
	}
	opts := Options(e, entries, failures)
	c.members[len(c.members)-1].opts = opts
	c.notes = append(c.notes, opts.Notes)
	joined := map[string]func(other string) map[string]any{} // params by trial: its rows share them
	for _, t := range opts.Trials {
		params := maps.Clone(t.Params)
		params[experimentPath] = m.name
		joined[t.ID] = experiment.ParamsBy(params)
		t.ID, t.Params = m.name+":"+t.ID, params
		c.trials = append(c.trials, t)
	}
	for _, r := range rows {
		other, _ := r.Params[results.OtherClass].(string)
		r.Params, r.Trial = joined[r.Trial](other), m.name+":"+r.Trial
		c.rows = append(c.rows, r)
	}
	return nil
}

// lossNotes asks each experiment, since one stage may be of several.
func (c *Comparison) lossNotes(key string) []string {
	var notes []string
	for _, of := range c.notes {
		notes = append(notes, of(key)...)
	}
	return notes
}

// Print prints the tables, or only one, and writes their files into dir unless it is "".
func (c *Comparison) Print(w io.Writer, only, dir string) error {
	grids, err := c.grids(only)
	if err == nil {
		err = printGrids(w, grids)
	}
	if err != nil || dir == "" {
		return err
	}
	return writeGrids(w, grids, dir)
}

// grids are the tables of the first experiment, or one of them, over all.
func (c *Comparison) grids(only string) ([]*grid.Grid, error) {
	first := c.members[0]
	if only != "" && !slices.Contains(first.Order, only) {
		return nil, cli.Usage(fmt.Errorf("--table %s: %s has %s", only, first.File, strings.Join(first.Order, ", ")))
	}
	opts := grid.Options{Experiment: first.File, Command: c.Command, Trials: c.trials, Notes: c.lossNotes, Gaps: true,
		Predictions: ofMember(c, func(o grid.Options) func(trial, set string) ([]results.Prediction, error) { return o.Predictions }),
		BasePredictions: ofMember(c, func(o grid.Options) func(trial, set string) ([]results.Prediction, error) {
			return o.BasePredictions
		}),
		Queries: ofMember(c, func(o grid.Options) func(trial, set string) ([]results.Query, error) { return o.Queries })}
	specs, err := experiment.Tables(first.Experiment.Experiment, c.trials, c.rows)
	if err != nil {
		return nil, err
	}
	var grids []*grid.Grid
	for _, spec := range specs {
		if only != "" && spec.Name != only {
			continue
		}
		if why := c.widen(&spec); why != "" {
			fmt.Fprintf(c.Stderr, "table %s is left out: %s\n", spec.Name, why)
			continue
		}
		g, err := grid.Build(spec, c.rows, opts)
		if err != nil {
			return nil, err
		}
		grids = append(grids, g)
	}
	if len(grids) == 0 {
		return nil, cli.Usage(errors.New("no table of " + first.File + " can be made of all of them"))
	}
	return grids, nil
}

// widen gives a table a line for each experiment, each against the first's. It
// says why that cannot be, or "".
func (c *Comparison) widen(t *grid.Table) string {
	if t.Effect != "" {
		return "it shows a main effect"
	}
	metrics, lost := grid.Names{}, grid.Names{}
	for _, metric := range t.Metrics {
		if c.everywhere(func(r *results.Row) bool { return r.Set+"/"+r.Metric == metric || strings.HasPrefix(metric, "*/") }) {
			metrics = append(metrics, metric)
		} else {
			lost = append(lost, metric)
		}
	}
	if len(metrics) == 0 {
		return "not all have one of its metrics"
	}
	if len(lost) > 0 {
		fmt.Fprintf(c.Stderr, "table %s: not all have %s\n", t.Name, strings.Join(lost, ", "))
		for _, metric := range lost {
			delete(t.Units, metric)
			delete(t.Digits, metric)
		}
	}
	t.Metrics, t.Fixed, t.Published, t.Figure = metrics, nil, nil, ""
	t.Group, t.Rows = t.Rows[0], append(slices.Clone(t.Rows), experimentPath)
	t.Baseline, t.Paired = experimentPath+"="+c.members[0].name, experimentPath
	for _, m := range c.members { // in the order given
		t.Order = append(t.Order, m.name)
	}
	differing := c.differing(*t)
	c.nameMembers(t, differing)
	t.Caption = strings.TrimSpace(strings.TrimRight(t.Caption, ". ") + ". " + differingText(differing))
	t.Caption = strings.TrimPrefix(t.Caption, ". ")
	return ""
}

// everywhere says whether each experiment has such a row.
func (c *Comparison) everywhere(is func(*results.Row) bool) bool {
	has := map[any]bool{}
	for i := range c.rows {
		if is(&c.rows[i]) {
			has[c.rows[i].Params[experimentPath]] = true
		}
	}
	return len(has) == len(c.members)
}

// differingParam is a param that is not the same in all experiments, with what each has.
type differingParam struct {
	path  string
	texts []string
}

// notRead stands for the value of a param that an experiment does not read.
const notRead = "not read"

// differing are the params that are not the same in all experiments, and are
// neither rows nor columns of the table.
func (c *Comparison) differing(t grid.Table) []differingParam {
	values := map[string]map[any]map[string]bool{} // path → experiment → values
	for _, trial := range c.trials {
		for path, v := range trial.Params {
			if path == experimentPath || slices.Contains(t.Rows, path) || slices.Contains(t.Columns, path) {
				continue
			}
			if values[path] == nil {
				values[path] = map[any]map[string]bool{}
			}
			e := trial.Params[experimentPath]
			if values[path][e] == nil {
				values[path][e] = map[string]bool{}
			}
			values[path][e][cli.JSONText(v)] = true
		}
	}
	var out []differingParam
	for _, path := range slices.Sorted(maps.Keys(values)) {
		var texts []string
		for _, m := range c.members {
			text := strings.Join(slices.Sorted(maps.Keys(values[path][m.name])), " and ")
			if text == "" {
				text = notRead
			}
			texts = append(texts, text)
		}
		if len(slices.Compact(slices.Clone(texts))) > 1 {
			out = append(out, differingParam{path, texts})
		}
	}
	return out
}

// nameMembers puts what differs into the names of the experiments as printed, by at most three
// params that all of them read; where they have one name, that is left out.
func (c *Comparison) nameMembers(t *grid.Table, differing []differingParam) {
	parts := make([][]string, len(c.members))
	for _, d := range differing {
		if slices.Contains(d.texts, notRead) || len(parts[0]) == 3 {
			continue
		}
		short, _ := t.ShownPath(d.path)
		for i, text := range d.texts {
			value := strings.NewReplacer("[", "", "]", "", `"`, "", ",", "+").Replace(text)
			parts[i] = append(parts[i], short+" "+label.Value(d.path, value))
		}
	}
	if len(parts[0]) == 0 {
		return
	}
	oneName := !slices.ContainsFunc(c.members, func(m member) bool { return m.Name != c.members[0].Name })
	labels := map[string]string{}
	maps.Copy(labels, t.Labels)
	for i, m := range c.members {
		labels[m.name] = m.name + " (" + strings.Join(parts[i], ", ") + ")"
		if oneName {
			labels[m.name] = strings.Join(parts[i], ", ")
		}
	}
	t.Labels = labels
}

// differingText is the sentence about what differs.
func differingText(differing []differingParam) string {
	var parts []string
	for _, d := range differing {
		parts = append(parts, d.path+" ("+strings.Join(d.texts, "; ")+")")
	}
	const most = 6
	switch {
	case len(parts) == 0:
		return "The experiments differ in no other param."
	case len(parts) > most:
		return fmt.Sprintf("The experiments differ in %s and %d more params.", strings.Join(parts[:most], ", "), len(parts)-most)
	}
	return "The experiments differ in " + strings.Join(parts, ", ") + "."
}

// ofMember asks the experiment that the trial's name begins with.
func ofMember[T any](c *Comparison, of func(grid.Options) func(trial, set string) ([]T, error)) func(trial, set string) ([]T, error) {
	return func(trial, set string) ([]T, error) {
		at := strings.LastIndexByte(trial, ':')
		name, id := trial[:at], trial[at+1:]
		i := slices.IndexFunc(c.members, func(m member) bool { return m.name == name })
		return of(c.members[i].opts)(id, set)
	}
}
