package results

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
	// Fixed are the comparisons named before any number was seen; only they go
	// without Holm's correction.
	Fixed []Comparison `json:"fixed,omitempty"`
	// Filter keeps the trials whose param equals the value, or one of a list.
	// Sections may be nested. A trial that does not read the param is kept.
	Filter map[string]any `json:"filter,omitempty"`
	// Decimals of percentages; nil is 1.
	Decimals *int `json:"decimals,omitempty"`
	// Percent are patterns (as "top*") of metrics shown as percent, besides
	// the usual ones.
	Percent Names `json:"percent,omitempty"`
	// Order lists labels and values of paths that come first, in this order.
	Order Names `json:"order,omitempty"`
	// Figure is "lines" where the table is drawn too (Grid.SVG).
	Figure string `json:"figure,omitempty"`
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
	if t.Figure != "" && t.Figure != "lines" {
		return t.errorf("figure: %q is not \"lines\"", t.Figure)
	}
	for _, c := range t.Fixed {
		if c.Metric != "" && !slices.Contains(t.Metrics, c.Metric) {
			return t.errorf("fixed: metric %q is not a metric of the table%s", c.Metric, hint(c.Metric, t.Metrics))
		}
	}
	return nil
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
		f := pathFilter{path: path, any: []value{canon(v)}}
		if list, ok := v.([]any); ok {
			for _, one := range list {
				f.any = append(f.any, canon(one))
			}
		}
		out = append(out, f)
	}
	walk("", t.Filter)
	slices.SortFunc(out, func(a, b pathFilter) int { return strings.Compare(a.path, b.path) })
	return out
}

// pathFilter keeps what is absent or equals any of the values.
type pathFilter struct {
	path string
	any  []value
}

func (f pathFilter) keeps(v value) bool { return v.kind == absent || slices.Contains(f.any, v) }
