package spec

import (
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
