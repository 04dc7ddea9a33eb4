package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"react/results/evaluation"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/v1"
)

// axisErrorAt says why a path is no axis, or "".
func (c *checker) axisErrorAt(path string, base *assignment) string {
	n := c.Params
	steps := strings.Split(path, ".")
	for i, s := range steps {
		at := strings.Join(steps[:i], ".")
		names := n.Names()
		if n.Elem != nil {
			names = base.Set.Names(at)
		}
		if p := c.Params.PathOf(s); i == 0 && len(steps) == 1 && p != "" && mistake.Nearest(s, names) == "" {
			return fmt.Sprintf("%q is not a field of the spec (did you mean %q?)", path, p)
		}
		if n.IsLeaf() || !slices.Contains(names, s) {
			return fmt.Sprintf("%q is not a field of the spec%s", path, pathHint(steps[:i], s, names))
		}
		n = n.Child(s)
	}
	if !n.IsLeaf() {
		return fmt.Sprintf("%q is a group of fields%s", path, n.List())
	}
	return ""
}

func (t tableReader) axisError(path string) string {
	if path == "label" || path == "class" || path == "class.other" {
		return ""
	}
	now, old := v1.Path(path)
	if old && !t.former {
		return fmt.Sprintf("%q is called %q since %s", path, now, v1.Now)
	}
	return t.axisErrorAt(now, t.base)
}

// pathHint completes the nearest name to a whole path.
func pathHint(before []string, word string, names []string) string {
	if near := mistake.Nearest(word, names); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", fields.Join(strings.Join(before, "."), near))
	}
	return mistake.DidYouMean(word, names, "fields")
}

// metricError says why "NAME/METRIC" means nothing in this file, or "".
func (t tableReader) metricError(s string) string {
	set, metric, _ := strings.Cut(s, "/")
	if figures, ok := t.Figures[set]; ok {
		if !slices.Contains(figures, metric) {
			return fmt.Sprintf("%q is not a figure of %s%s", metric, set, mistake.DidYouMean(metric, figures, "figures"))
		}
		return ""
	}
	sets := t.base.Set.Names("evaluate")
	if !slices.Contains(sets, set) {
		return fmt.Sprintf("no evaluation %q%s", set, mistake.DidYouMean(set, sets, "evaluations"))
	}
	what, metrics := t.metricsOf("evaluate." + set)
	if !slices.Contains(metrics, metric) {
		return fmt.Sprintf("%q is not a metric of %s%s", metric, what, mistake.DidYouMean(metric, metrics, "metrics"))
	}
	return ""
}

// metricsOf lists the figures of an evaluation, as the file has it, and names its kind.
func (t tableReader) metricsOf(path string) (string, []string) {
	set := t.base.Set
	kind := set.Text(path + ".kind")
	// a wrong one was reported, and one that only cases give is not known here
	if evaluation.Of(kind).Name == "" {
		kind = evaluation.Kinds()[0].Name
	}
	scored := set.Has(path+".protocol") || set.Has(path+".benchmark") || set.Has(path+".promptsFile")
	return kind, t.MetricsOf(kind, scored)
}

// DefaultTable is the name of the table of a file without tables.
const DefaultTable = "results"

// readDefaultTable reads the table of a file without tables as if the file had it: a line for each
// value of what the sweep varies, or each case, all figures of each evaluation, and differences to
// what does not tune. What no trial reads or gives is in it too: only their stages tell
// (experiment.Tables).
func (c *checker) readDefaultTable(base *assignment, s sweep, labels []string) (
	map[string]Table, []string) {
	metrics := c.allMetrics(base)
	if len(metrics) == 0 {
		return map[string]Table{}, nil // evaluations are missing, which is said elsewhere
	}
	table := map[string]any{"rows": s.rows(base), "metrics": metrics}
	if baseline := s.baseline(base); baseline != "" {
		table["baseline"] = baseline
	}
	expected := len(c.expected)
	tables, order := c.readTables(c.Context.Encode(map[string]any{DefaultTable: table}), base, labels)
	c.expected = c.expected[:expected] // nobody wrote what it names
	return tables, order
}

// rows are the axes; the cases' labels where there is no grid; and of a single trial its mode, or
// the weights where it only evaluates them.
func (s sweep) rows(base *assignment) (paths []string) {
	for _, ax := range s.axes {
		paths = append(paths, ax.path)
	}
	switch weighs := base.Set.Has("backbone.weights") && base.Set.Text("tune.mode") == "none"; {
	case len(paths) > 0:
		return paths
	case len(s.cases) > 0 && !s.hasGrid:
		return []string{"label"}
	case weighs && len(s.cases) == 0:
		return []string{"backbone.weights"}
	}
	return []string{"tune.mode"}
}

// baseline is the first case that does not tune, else the mode none of the grid, where others tune.
func (s sweep) baseline(base *assignment) string {
	var tuned, untuned []string // labels
	for _, a := range s.expand() {
		mode := base.Set.Text("tune.mode")
		if a.Set.Has("tune.mode") {
			mode = a.Set.Text("tune.mode")
		}
		if mode == "none" {
			untuned = append(untuned, a.label)
		} else {
			tuned = append(tuned, a.label)
		}
	}
	if len(tuned) == 0 {
		return ""
	}
	for _, label := range untuned {
		if label != "" && !slices.Contains(tuned, label) {
			return label
		}
	}
	if slices.Contains(untuned, "") {
		return "tune.mode=none"
	}
	return ""
}

// allMetrics are the figures of the evaluations in the file's order, but for those that are
// differences: the table has them of all figures.
func (c *checker) allMetrics(base *assignment) (metrics []string) {
	t := tableReader{checker: c, base: base}
	names := base.Set.Names("evaluate")
	slices.SortStableFunc(names, func(a, b string) int {
		p, q := base.Pos["evaluate."+a], base.Pos["evaluate."+b]
		return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
	})
	for _, name := range names {
		_, figures := t.metricsOf("evaluate." + name)
		for _, figure := range figures {
			if m, _ := evaluation.MetricOf(name, figure); m.As == "" {
				metrics = append(metrics, name+"/"+figure)
			}
		}
	}
	return metrics
}
