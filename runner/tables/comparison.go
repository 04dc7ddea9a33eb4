package tables

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"react/results"
	"react/results/dense"
	"react/results/grid"
	"react/results/label"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/record"
	"react/runner/schedule"
)

// experimentPath is the param that tells experiments apart in joined rows.
const experimentPath = "experiment"

// inAll is the name in place of an experiment's where all have the same line.
const inAll = "*"

// Comparison joins the rows of experiments.
type Comparison struct {
	Stderr  io.Writer // is told what cannot be compared
	Command string    // that was given
	members []member
	all     joined
	made    map[string]string           // trial → its id and the keys of its stages
	notes   []func(key string) []string // of each member, see grid.Options
}

// joined are rows and trials of several experiments.
type joined struct {
	rows   []results.Row
	trials []grid.Trial
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
			return cli.Usage(fmt.Errorf("%s is given twice: both are sweep %s/%s", e.Name, e.Name, e.Digest[:8]))
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
	if c.made == nil {
		c.made = map[string]string{}
	}
	paramsOf := map[string]func(other string) map[string]any{} // by trial: its rows share them
	for i, t := range opts.Trials {
		params := maps.Clone(t.Params)
		params[experimentPath] = m.name
		paramsOf[t.ID] = experiment.ParamsBy(params)
		keys := slices.Sorted(maps.Values(record.KeysOf(e.Plan.Trials[i].Stages)))
		c.made[m.name+":"+t.ID] = strings.Join(append([]string{t.ID}, keys...), " ")
		t.ID, t.Params = m.name+":"+t.ID, params
		c.all.trials = append(c.all.trials, t)
	}
	for _, r := range rows {
		other, _ := r.Params[results.OtherClass].(string)
		r.Params, r.Trial = paramsOf[r.Trial](other), m.name+":"+r.Trial
		c.all.rows = append(c.all.rows, r)
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
	opts := grid.Options{Experiment: first.File, Command: c.Command, Notes: c.lossNotes, Gaps: true,
		Predictions: ofMember(c, func(o grid.Options) func(trial, set string) ([]results.Prediction, error) { return o.Predictions }),
		BasePredictions: ofMember(c, func(o grid.Options) func(trial, set string) ([]results.Prediction, error) {
			return o.BasePredictions
		}),
		Queries:  ofMember(c, func(o grid.Options) func(trial, set string) ([]results.Query, error) { return o.Queries }),
		Pictures: ofMember(c, func(o grid.Options) func(trial, set string) (dense.Set, error) { return o.Pictures })}
	specs, err := experiment.Tables(first.Experiment.Experiment, c.all.trials, c.all.rows)
	if err != nil {
		return nil, err
	}
	var grids []*grid.Grid
	for _, spec := range specs {
		if only != "" && spec.Name != only {
			continue
		}
		of, why := c.widen(&spec)
		if why != "" {
			fmt.Fprintf(c.Stderr, "table %s is left out: %s\n", spec.Name, why)
			continue
		}
		opts.Trials = of.trials
		g, err := grid.Build(spec, of.rows, opts)
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

// widen gives a table a line for each experiment, each against the first's, and returns what it is
// then made of. It says why that cannot be, or "".
func (c *Comparison) widen(t *grid.Table) (of joined, why string) {
	if t.Effect != "" {
		return of, "it shows a main effect"
	}
	of = c.filtered(t)
	metrics, lost := grid.Names{}, []string{}
	for _, metric := range t.Metrics {
		if strings.HasPrefix(metric, "*/") || c.everywhere(of.rows, metric) {
			metrics = append(metrics, metric)
		} else {
			lost = append(lost, metric)
			delete(t.Units, metric)
			delete(t.Digits, metric)
		}
	}
	if len(metrics) == 0 {
		return of, "there is none of its metrics that all experiments have"
	}
	if len(lost) > 0 {
		fmt.Fprintf(c.Stderr, "table %s: left out, since not all experiments have it: %s\n", t.Name, strings.Join(lost, ", "))
	}
	if len(t.Fixed)+len(t.Published) > 0 {
		fmt.Fprintf(c.Stderr, "table %s: its fixed comparisons and published figures, within one experiment, are left out\n", t.Name)
	}
	shared := c.once(&of, t.Rows)
	t.Metrics, t.Fixed, t.Published, t.Figure, t.Filter = metrics, nil, nil, "", nil
	t.Group, t.Rows = t.Rows[0], append(slices.Clone(t.Rows), experimentPath)
	t.Baseline, t.Paired = "", experimentPath
	for _, m := range c.members { // in the order given
		t.Order = append(t.Order, m.name)
	}
	isFirst := func(trial grid.Trial) bool { return trial.Params[experimentPath] == c.members[0].name }
	if slices.ContainsFunc(of.trials, isFirst) {
		t.Baseline = experimentPath + "=" + c.members[0].name
	}
	differing := c.differing(t, of.trials)
	c.nameMembers(t, differing)
	t.Caption = strings.TrimSpace(strings.TrimRight(t.Caption, ". ") + ". " + differingText(differing))
	t.Caption = strings.TrimPrefix(t.Caption, ". ")
	if shared {
		t.Caption += " What is the same in " + c.together() + " stands once."
	}
	return of, ""
}

// together calls all experiments.
func (c *Comparison) together() string {
	if len(c.members) == 2 {
		return "both"
	}
	return "all"
}

// everywhere says whether each experiment has rows of a metric.
func (c *Comparison) everywhere(rows []results.Row, metric string) bool {
	has := map[any]bool{}
	for i := range rows {
		if rows[i].Set+"/"+rows[i].Metric == metric {
			has[rows[i].Params[experimentPath]] = true
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
func (c *Comparison) differing(t *grid.Table, trials []grid.Trial) []differingParam {
	values := map[string]map[any]map[string]bool{} // path → experiment → values
	for _, trial := range trials {
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
		if countDistinct(texts) > 1 {
			out = append(out, differingParam{path, texts})
		}
	}
	return out
}

// mostNamed is how many params stand in the name of an experiment.
const mostNamed = 3

// nameMembers puts what tells the experiments apart into their names as printed. Where they have one
// name, that is left out.
func (c *Comparison) nameMembers(t *grid.Table, differing []differingParam) {
	labels := map[string]string{}
	maps.Copy(labels, t.Labels)
	labels[inAll] = c.together()
	t.Labels = labels
	oneName := !slices.ContainsFunc(c.members, func(m member) bool { return m.Name != c.members[0].Name })
	parts := make([][]string, len(c.members))
	for _, d := range c.telling(differing, oneName) {
		short, _ := t.ShownPath(d.path)
		for i, text := range d.texts {
			value := strings.NewReplacer("[", "", "]", "", `"`, "", ",", "+").Replace(text)
			parts[i] = append(parts[i], short+" "+label.Value(d.path, value))
		}
	}
	taken := map[string]int{}
	for i := range c.members {
		taken[strings.Join(parts[i], ", ")]++
	}
	for i, m := range c.members {
		text := strings.Join(parts[i], ", ")
		switch {
		case text == "" && oneName:
			labels[m.name] = m.Name + "/" + m.Digest[:8]
		case oneName && taken[text] > 1:
			labels[m.name] = text + " (" + m.Name + "/" + m.Digest[:8] + ")"
		case oneName:
			labels[m.name] = text
		case text != "":
			labels[m.name] = m.name + " (" + text + ")"
		}
	}
}

// telling are the params that tell the experiments apart, of those that all read: what --set gave,
// then no more than it takes. Where many differ, experiments that have names of their own are known
// by these.
func (c *Comparison) telling(differing []differingParam, oneName bool) (chosen []differingParam) {
	differing = slices.DeleteFunc(slices.Clone(differing), func(d differingParam) bool { return slices.Contains(d.texts, notRead) })
	if !oneName {
		if len(differing) > mostNamed {
			return nil
		}
		return differing
	}
	var set, others []differingParam
	for _, d := range differing {
		if c.isSet(d.path) {
			set = append(set, d)
		} else {
			others = append(others, d)
		}
	}
	chosen = set[:min(len(set), mostNamed)]
	names := make([]string, len(c.members))
	add := func(d differingParam) []string {
		with := make([]string, len(names))
		for i := range names {
			with[i] = names[i] + "\x00" + d.texts[i]
		}
		return with
	}
	for _, d := range chosen {
		names = add(d)
	}
	// one that tells all apart before several that do so together
	slices.SortStableFunc(others, func(a, b differingParam) int { return cmp.Compare(countDistinct(b.texts), countDistinct(a.texts)) })
	for _, d := range others {
		if with := add(d); len(chosen) < mostNamed && countDistinct(with) > countDistinct(names) {
			chosen, names = append(chosen, d), with
		}
	}
	return chosen
}

// isSet says whether one of the experiments has the param from --set.
func (c *Comparison) isSet(path string) bool {
	return slices.ContainsFunc(c.members, func(m member) bool {
		return slices.ContainsFunc(m.Overrides, func(set string) bool { return strings.HasPrefix(set, path+"=") })
	})
}

func countDistinct(texts []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(texts))))
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
func ofMember[T any](c *Comparison, of func(grid.Options) func(trial, set string) (T, error)) func(trial, set string) (T, error) {
	return func(trial, set string) (T, error) {
		at := strings.LastIndexByte(trial, ':')
		name, id := trial[:at], trial[at+1:]
		i := slices.IndexFunc(c.members, func(m member) bool { return m.name == name })
		return of(c.members[i].opts)(id, set)
	}
}
