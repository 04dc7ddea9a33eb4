package grid

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"react/data/words"
	"react/results"
	"react/results/label"
)

// Table says how rows become a table. Its JSON form is the spec's
// tables.NAME section.
type Table struct {
	Name    string `json:"name,omitempty"` // also the name of its files
	Caption string `json:"caption,omitempty"`
	// Rows and Columns are paths. A labelled case is a line of its own, unless
	// "label" is among the paths.
	Rows    Names `json:"rows"`
	Columns Names `json:"columns,omitempty"`
	// Metrics are "SET/METRIC", side by side in this order.
	Metrics Names `json:"metrics"`
	// Baseline is a case's label, a "path=value", or the name of a line.
	Baseline string `json:"baseline,omitempty"`
	// Fixed are the comparisons named before any number was seen. Holm's
	// correction takes them as a family of their own.
	Fixed []Comparison `json:"fixed,omitempty"`
	// Test is "cluster" (also when empty), sign flips of whole clusters, or
	// "mcnemar", the exact McNemar test over single images.
	Test string `json:"test,omitempty"`
	// Filter keeps the trials whose param equals the value, or one of a list. A
	// param that is a list itself equals the list, or one of a list of lists.
	// Sections may be nested. A trial that does not read the param is kept.
	Filter map[string]any `json:"filter,omitempty"`
	// Decimals of percentages; nil is 1.
	Decimals *int `json:"decimals,omitempty"`
	// Percent are patterns (as "top*") of metrics shown as percent, besides
	// the usual ones.
	Percent Names `json:"percent,omitempty"`
	// Order lists labels and values of paths that come first, in this order.
	Order Names `json:"order,omitempty"`
	// Figure is "lines", "bars", "heatmap" or "points" where the table is drawn too, "none"
	// where it is not; empty leaves it to package figures.
	Figure string `json:"figure,omitempty"`
	// Differences is where LaTeX has those to the baseline: "cell", below the values, "table",
	// in tables of their own, or empty: in the cells where that fits a column of the paper.
	Differences string `json:"differences,omitempty"`
	// Labels are what is printed in place of paths, metrics, values and the labels of cases,
	// before those of package label. Files for programs keep the names of the spec.
	Labels map[string]string `json:"labels,omitempty"`
	// Units of metrics that are no percentages, printed in their heads.
	Units map[string]string `json:"units,omitempty"`
	// Digits are the decimals of single metrics, where Decimals and the usual
	// choice do not serve.
	Digits map[string]int `json:"digits,omitempty"`
	// Group is one of Rows: lines with the same value stand together, the value
	// is printed once, and a rule parts the groups.
	Group string `json:"group,omitempty"`
	// Spread is what follows ±: "std" (also when empty), the sample standard
	// deviation, or "ci95", half the 95 % interval of the mean (Student's t).
	Spread string `json:"spread,omitempty"`
	// Effect is a path, the only one of Rows: its main effect is shown, over
	// the combinations of all else that all its values have.
	Effect string `json:"effect,omitempty"`
	// Paired is one of Rows, in a table over several experiments: a line is
	// compared with the baseline's line that has the same label and the same
	// values of the other rows, and with no other.
	Paired string `json:"-"`
	// Published are figures from elsewhere that are set beside lines of ours.
	Published []Published `json:"published,omitempty"`
}

// Published sets a published figure, by its id, beside a line of the table.
type Published struct {
	Row    string `json:"row"`
	Metric string `json:"metric,omitempty"` // the first of the table when empty
	Column string `json:"column,omitempty"` // its name; the first that has a value when empty
	Ref    string `json:"ref"`              // id of a reference.Value
}

// Comparison is one line of a table against another, in one metric (the first
// of the table when empty), in every column that both have.
type Comparison struct {
	Row     string `json:"row"`
	Against string `json:"against"`
	Metric  string `json:"metric,omitempty"`
}

// Names is a list of strings; in JSON a single string stands for a list of one.
type Names []string

// UnmarshalJSON reads a string or a list of strings.
func (n *Names) UnmarshalJSON(b []byte) error {
	var one string
	if err := json.Unmarshal(b, &one); err == nil {
		*n = Names{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(n))
}

// FieldError is a mistake in a field of a table.
type FieldError struct {
	Table, Field string // the path of the field within the table: "fixed[0].row"
	Msg          string
}

// Error is the table, the field and what is wrong.
func (e *FieldError) Error() string { return fmt.Sprintf("table %q: %s: %s", e.Table, e.Field, e.Msg) }

func (t *Table) fault(field, format string, args ...any) error {
	return &FieldError{t.Name, field, fmt.Sprintf(format, args...)}
}

func (t *Table) errorf(format string, args ...any) error {
	return fmt.Errorf("table %q: %w", t.Name, fmt.Errorf(format, args...))
}

// check finds what is wrong with the spec by itself.
func (t *Table) check() error {
	if len(t.Rows) == 0 {
		return t.errorf("rows: no path")
	}
	if len(t.Metrics) == 0 {
		return t.errorf("metrics: none")
	}
	if d := t.decimals(); d < 0 || d > 15 {
		return t.errorf("decimals: %d is not in 0..15", d)
	}
	seen := map[string]bool{}
	for _, path := range append(slices.Clone(t.Rows), t.Columns...) {
		if path == "" || strings.ContainsAny(path, ",`\"\\\n\r\t ") {
			return t.errorf("%q is not a path such as \"tune.mode\"", path)
		}
		if seen[path] {
			return t.errorf("path %q is used twice", path)
		}
		seen[path] = true
	}
	for i, name := range t.Metrics {
		set, metric := splitMetric(name)
		if set == "" || metric == "" {
			return t.errorf("metric %q is not SET/METRIC, such as \"task/acc@1\"", name)
		}
		if slices.Contains(t.Metrics[:i], name) {
			return t.errorf("metric %q is listed twice", name)
		}
	}
	if err := t.checkChoices(); err != nil {
		return err
	}
	return t.checkMetricNames()
}

// checkChoices finds words that are none of those that a field takes.
func (t *Table) checkChoices() error {
	for _, f := range []struct {
		field, value string
		words        []string
	}{{"figure", t.Figure, []string{"", "lines", "bars", "heatmap", "points", "none"}},
		{"differences", t.Differences, []string{"", "table", "cell"}},
		{"spread", t.Spread, []string{"", "std", "ci95"}}, {"test", t.Test, []string{"", "cluster", "mcnemar"}}} {
		if !slices.Contains(f.words, f.value) {
			return t.errorf("%s: %q is not one of %s", f.field, f.value, strings.Join(f.words[1:], ", "))
		}
	}
	if t.Figure == "points" && t.Baseline == "" {
		return t.fault("figure", "points are differences to a baseline, and the table has none")
	}
	if t.Group != "" && !slices.Contains(t.Rows, t.Group) {
		return t.errorf("group: %q is not one of rows%s", t.Group, hint(t.Group, t.Rows))
	}
	if t.Effect != "" && (len(t.Rows) != 1 || t.Rows[0] != t.Effect || len(t.Columns) > 0) {
		return t.errorf("effect: %q must be the only path of rows, and columns none: all else is averaged over", t.Effect)
	}
	return nil
}

// checkMetricNames finds metrics, named beside the list of them, that are not in it.
func (t *Table) checkMetricNames() error {
	named := map[string]bool{}
	addKeys(named, t.Units)
	addKeys(named, t.Digits)
	for _, m := range sortedKeys(named) {
		if !slices.Contains(t.Metrics, m) {
			return t.errorf("units, digits: %q is not a metric of the table%s", m, hint(m, t.Metrics))
		}
	}
	for m, d := range t.Digits {
		if d < 0 || d > 15 {
			return t.errorf("digits: %d of %s is not in 0..15", d, m)
		}
	}
	for _, p := range t.Published {
		if p.Metric != "" && !slices.Contains(t.Metrics, p.Metric) {
			return t.errorf("published: metric %q is not a metric of the table%s", p.Metric, hint(p.Metric, t.Metrics))
		}
	}
	for _, c := range t.Fixed {
		if c.Metric != "" && !slices.Contains(t.Metrics, c.Metric) {
			return t.errorf("fixed: metric %q is not a metric of the table%s", c.Metric, hint(c.Metric, t.Metrics))
		}
	}
	return nil
}

// shown is the printed form of a label of a case, or what else only the table itself renames.
func (t *Table) shown(name string) string {
	if text, ok := t.Labels[name]; ok {
		return text
	}
	return name
}

// ShownPath is the printed form of a path: short, as it heads a column, or long, as it explains an
// axis of a figure.
func (t *Table) ShownPath(path string) (short, long string) {
	if text, ok := t.Labels[path]; ok {
		return text, text
	}
	l, _ := label.Field(path)
	long = l.Long
	if l.Unit != "" {
		long += " (" + l.Unit + ")"
	}
	return l.Short, long
}

// shownValue is the printed form of a value of a path, as its name is in the table.
func (t *Table) shownValue(path, name string) string {
	if text, ok := t.Labels[name]; ok {
		return text
	}
	return label.Value(path, name)
}

func (t *Table) decimals() int {
	if t.Decimals == nil {
		return 1
	}
	return *t.Decimals
}

// splitMetric cuts "task/acc@1" at the last slash.
func splitMetric(name string) (set, metric string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// filters are the filter's sections flattened to paths, sorted by path.
func (t *Table) filters() []pathFilter {
	var out []pathFilter
	var walk func(prefix string, v any)
	walk = func(path string, v any) {
		if section, ok := v.(map[string]any); ok {
			for name, inner := range section {
				walk(strings.TrimPrefix(path+"."+name, "."), inner)
			}
			return
		}
		f := pathFilter{path: path, whole: []Value{canon(v)}, each: []Value{canon(v)}}
		if list, ok := v.([]any); ok {
			f.each = nil
			for _, one := range list {
				f.each = append(f.each, canon(one))
			}
			if slices.ContainsFunc(list, isList) {
				f.whole = f.each
			}
		}
		out = append(out, f)
	}
	walk("", t.Filter)
	slices.SortFunc(out, func(a, b pathFilter) int { return strings.Compare(a.path, b.path) })
	return out
}

// pathFilter keeps what is absent or equals any of some values.
type pathFilter struct {
	path  string
	whole []Value // for params that are lists
	each  []Value // for others
}

// keeps takes the value on the path, and the param that it is of, if any.
func (f pathFilter) keeps(v Value, param any) bool {
	if isList(param) {
		return slices.Contains(f.whole, v)
	}
	return v.Absent() || slices.Contains(f.each, v)
}

func (f pathFilter) keepsRow(r *results.Row) bool {
	v := lookup(r, f.path)
	if f.path == "label" && r.Label == "" {
		v = Value{kind: isText} // the grid's trials have the empty label, not any
	}
	return f.keeps(v, r.Params[f.path])
}

// LeftOut gives for a row the paths of the filter by which the table leaves it out; none for a row
// that it keeps.
func (t *Table) LeftOut() func(r *results.Row) []string {
	filters := t.filters()
	return func(r *results.Row) (paths []string) {
		for _, f := range filters {
			if !f.keepsRow(r) {
				paths = append(paths, f.path)
			}
		}
		return paths
	}
}

// NoAxis says that all lines are cases: nothing lies along x.
func (t *Table) NoAxis() error {
	return t.fault("figure", "no line of the table has a value of %s, all are cases", t.Rows[len(t.Rows)-1])
}

// hint is ` (did you mean "x"?)` for the nearest of the names, or the names
// themselves when none is near and they are few, or nothing.
func hint(name string, names []string) string {
	best, distance := "", 1+max(2, len(name)/3)
	for _, n := range slices.Sorted(slices.Values(names)) {
		if d := words.Distance(strings.ToLower(name), strings.ToLower(n)); d < distance {
			best, distance = n, d
		}
	}
	if best != "" {
		return fmt.Sprintf(" (did you mean %q?)", best)
	}
	if len(names) == 0 || len(names) > 12 {
		return ""
	}
	return " (there are: " + strings.Join(slices.Sorted(slices.Values(names)), ", ") + ")"
}
