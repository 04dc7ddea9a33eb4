package grid

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"react/results"
	"slices"
)

// Build makes a table from rows. The order of rows does not matter. It fails
// when the spec or a row is wrong by itself, when a row is there twice, and
// when a name in the spec (path, metric, baseline) is nowhere in the rows of a
// finished sweep; what merely is not there yet is shown as such.
func Build(spec Table, rows []results.Row, opts Options) (*Grid, error) {
	b, err := layOut(spec, rows, opts)
	if err != nil {
		return nil, err
	}
	b.fill()
	if err := b.compare(); err != nil {
		return nil, err
	}
	if err := b.setBeside(); err != nil {
		return nil, err
	}
	b.markBest()
	b.provenance()
	b.remark()
	return b.grid, nil
}

// Check finds what Build would refuse of a table whose trials are planned: of rows
// to come, without numbers. A mistake in a field is a *FieldError.
func Check(spec Table, rows []results.Row, opts Options) (faults []error) {
	b, err := layOut(spec, rows, opts)
	if err != nil {
		return []error{err}
	}
	if len(b.lines) == 0 {
		return nil
	}
	for i, c := range spec.Fixed {
		for _, f := range []struct{ field, line string }{{"row", c.Row}, {"against", c.Against}} {
			if _, err := b.fixedLines(fmt.Sprintf("fixed[%d].%s", i, f.field), f.line); err != nil {
				faults = append(faults, err)
			}
		}
	}
	for i, p := range spec.Published {
		if _, err := b.fixedLines(fmt.Sprintf("published[%d].row", i), p.Row); err != nil {
			faults = append(faults, err)
		}
		if names := b.grid.ColumnNames(); p.Column != "" && !slices.Contains(names, p.Column) {
			faults = append(faults, b.noColumn(i, p.Column))
		}
	}
	if spec.Figure == "lines" && !slices.ContainsFunc(b.lines, func(l *lineKey) bool { return l.label == "" }) {
		faults = append(faults, spec.NoAxis())
	}
	return faults
}

// layOut makes the lines and columns of a table, without numbers.
func layOut(spec Table, rows []results.Row, opts Options) (*builder, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	if err := checkRows(rows); err != nil {
		return nil, spec.errorf("%w", err)
	}
	b := &builder{spec: spec, opts: opts, grid: &Grid{Table: spec, Experiment: opts.Experiment, Command: opts.Command, Stub: spec.Rows}, noteIndex: map[string]int{}}
	b.paths = append(slices.Clone([]string(spec.Rows)), spec.Columns...)
	b.labelled = !slices.Contains(b.paths, "label")
	if err := b.checkNames(rows); err != nil {
		return nil, err
	}
	if spec.Effect != "" {
		var err error
		if rows, b.effect, err = mainEffect(&spec, rows); err != nil {
			return nil, err
		}
		b.opts.Trials = nil // of single trials, which a main effect is not over
		b.spec.Filter = nil // done
	}
	b.cases = caseStore{opts: &b.opts, rows: rows}
	b.pick(rows)
	return b, b.arrange()
}

// builder holds what the steps of Build hand on.
type builder struct {
	spec      Table
	opts      Options
	grid      *Grid
	paths     []string // row paths, then column paths
	labelled  bool     // a case is a line of its own
	picked    []placed
	lines     []*lineKey
	residues  map[string][]string // by the trials of a cell
	noteIndex map[string]int
	cases     caseStore
	effect    *effect  // nil but for Table.Effect
	inputs    []string // what Options.Notes say of the rows' stages
	gaps      []string // metrics that no trial gives
}

// placed is a row, or a planned trial without one, with its place in the table.
type placed struct {
	point   Point
	metric  int // index; -1: a planned trial
	label   string
	values  []Value // of paths
	trial   *Trial  // planned trial
	lineKey *lineKey
}

func checkRows(rows []results.Row) error {
	type identity struct{ trial, set, metric, class, other string }
	seen := make(map[identity]int, len(rows))
	for i := range rows {
		r := &rows[i]
		if err := r.Check(); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		other, _ := r.Params[results.OtherClass].(string)
		id := identity{r.Trial, r.Set, r.Metric, r.Class, other}
		if first, ok := seen[id]; ok {
			return fmt.Errorf("rows %d and %d are both %s/%s%s of trial %s: values %v and %v",
				first, i, r.Set, r.Metric, ofClass(r.Class), r.Trial, rows[first].Value, r.Value)
		}
		seen[id] = i
	}
	return nil
}

func ofClass(class string) string {
	if class == "" {
		return ""
	}
	return fmt.Sprintf(" for class %q", class)
}

// checkNames finds paths and metrics that no row and no trial knows. A metric
// may come yet while the sweep is not complete.
func (b *builder) checkNames(rows []results.Row) error {
	if len(rows)+len(b.opts.Trials) == 0 {
		return nil
	}
	params, metrics := b.namesIn(rows)
	for i, path := range b.paths {
		if field := map[bool]string{true: "rows", false: "columns"}[i < len(b.spec.Rows)]; !params[path] {
			return b.spec.fault(field, "no trial reads %q%s", path, hint(path, sortedKeys(params)))
		}
	}
	for _, f := range b.spec.filters() {
		if !params[f.path] {
			return b.spec.fault("filter."+f.path, "no trial reads it%s", hint(f.path, sortedKeys(params)))
		}
	}
	for i, m := range b.spec.Metrics {
		if set, metric := splitMetric(m); set == "*" {
			m = anySet(metrics, metric)
		}
		switch {
		case metrics[m] || b.opts.incomplete():
		case b.opts.Gaps:
			b.gaps = append(b.gaps, m)
		default:
			return b.spec.fault(fmt.Sprintf("metrics[%d]", i), "no trial gives %q%s", m, hint(m, sortedKeys(metrics)))
		}
	}
	return nil
}

// namesIn collects the paths and metrics that rows and planned trials have.
func (b *builder) namesIn(rows []results.Row) (params, metrics map[string]bool) {
	params, metrics = map[string]bool{}, map[string]bool{}
	seen, known := map[uintptr]bool{}, map[[2]string]bool{}
	for i := range rows {
		if name := [2]string{rows[i].Set, rows[i].Metric}; !known[name] {
			known[name] = true
			metrics[name[0]+"/"+name[1]] = true
		}
		if at := results.ParamsID(rows[i].Params); !seen[at] {
			seen[at] = true
			addKeys(params, rows[i].Params)
		}
	}
	for _, t := range b.opts.Trials {
		addKeys(params, t.Params)
	}
	// the paths that are not params
	for _, name := range []string{"label", "seed", "class", results.OtherClass, "set", "engine"} {
		params[name] = true
	}
	return params, metrics
}

// anySet is a known metric of that name in any set, or "*/NAME".
func anySet(metrics map[string]bool, metric string) string {
	for m := range metrics {
		if _, name := splitMetric(m); name == metric {
			return m
		}
	}
	return "*/" + metric
}

func addKeys[V any](set map[string]bool, keys map[string]V) {
	for key := range keys {
		set[key] = true
	}
}

// pick keeps the rows that the table shows, and the planned trials.
func (b *builder) pick(rows []results.Row) {
	metrics := map[[2]string]int{}
	for i, name := range b.spec.Metrics {
		set, metric := splitMetric(name)
		metrics[[2]string{set, metric}] = i
	}
	filters, byClass := b.spec.filters(), slices.Contains(b.paths, "class")
	bySet := slices.Contains(b.paths, "set")
	for i := range rows {
		r := &rows[i]
		m, ok := metrics[[2]string{r.Set, r.Metric}]
		if !ok && bySet {
			m, ok = metrics[[2]string{"*", r.Metric}]
		}
		if ok && (r.Class != "") == byClass && keeps(filters, r) {
			b.picked = append(b.picked, b.place(r, m, nil))
		}
	}
	if byClass || bySet || slices.Contains(b.paths, "engine") {
		return // a planned trial does not know its classes, sets and engine
	}
	for i := range b.opts.Trials {
		t := &b.opts.Trials[i]
		if r := (&results.Row{Trial: t.ID, Label: t.Label, Params: t.Params, Seed: t.Seed}); keeps(filters, r) {
			b.picked = append(b.picked, b.place(r, -1, t))
		}
	}
}

func keeps(filters []pathFilter, r *results.Row) bool {
	return !slices.ContainsFunc(filters, func(f pathFilter) bool { return !f.keepsRow(r) })
}

func (b *builder) place(r *results.Row, metric int, t *Trial) placed {
	p := placed{metric: metric, trial: t, values: make([]Value, len(b.paths))}
	if b.labelled {
		p.label = r.Label
	}
	for i, path := range b.paths {
		p.values[i] = lookup(r, path)
	}
	p.point = Point{r.Trial, r.Seed, r.Value, r.N, r.Engine, r.Key, r.Label, r.Params, r.Set, b.effect.of(r.Trial)}
	return p
}

// lookup is the row's value on a path, absent when its trial does not read it.
func lookup(r *results.Row, path string) Value {
	switch path {
	case "label":
		return textOrAbsent(r.Label)
	case "class":
		return textOrAbsent(r.Class)
	case "set":
		return textOrAbsent(r.Set)
	case "engine":
		return textOrAbsent(r.Engine)
	case "seed":
		if r.Seed == nil {
			return Value{}
		}
		return integer(int64(*r.Seed))
	}
	return canon(r.Params[path])
}

func textOrAbsent(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{text: s, kind: isText}
}

// provenance collects the trials and the digest of the stages' keys.
func (b *builder) provenance() {
	trials, keys := map[string]bool{}, map[string]bool{}
	for i := range b.picked {
		if p := &b.picked[i]; p.metric >= 0 {
			trials[p.point.Trial] = true
			keys[p.point.Key] = true
		}
	}
	if b.effect != nil {
		trials, keys = b.effect.trials, b.effect.keys
	}
	delete(keys, "")
	b.grid.Trials = sortedKeys(trials)
	if len(keys) == 0 {
		return
	}
	h := sha256.New()
	for _, key := range sortedKeys(keys) {
		io.WriteString(h, key+"\n")
		if b.opts.Notes != nil {
			b.inputs = append(b.inputs, b.opts.Notes(key)...)
		}
	}
	b.grid.Keys = "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func sortedKeys[V any](set map[string]V) []string { return slices.Sorted(maps.Keys(set)) }
