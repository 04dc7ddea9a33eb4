package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"react/results/reference"
	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
)

// Table is a result table as the file asks for it. Paths are those of Section.Flatten; "label" is
// the label of a trial.
type Table struct {
	Name     string   `json:"name"`
	Rows     []string `json:"rows"`
	Columns  []string `json:"columns"`
	Metrics  []string `json:"metrics"` // "task/acc@1", "pairs/unique"
	Baseline string   `json:"baseline,omitempty"`
	Caption  string   `json:"caption,omitempty"`
	// path → value, or a list of values of which any will do
	Filter   map[string]any `json:"filter,omitempty"`
	Decimals int            `json:"decimals"`
	Fixed    []Comparison   `json:"fixed,omitempty"` // chosen before any number was seen
	Order    []string       `json:"order,omitempty"`
	Percent  []string       `json:"percent,omitempty"`
	Figure   string         `json:"figure,omitempty"` // lines, bars, heatmap, points, none

	Differences string `json:"differences,omitempty"` // cell, table: where LaTeX has them

	Labels map[string]string `json:"labels,omitempty"` // name → what is printed in its place
	Units  map[string]string `json:"units,omitempty"`  // metric → unit
	Digits map[string]int    `json:"digits,omitempty"` // metric → decimals
	Group  string            `json:"group,omitempty"`  // one of Rows
	Spread string            `json:"spread,omitempty"` // std, ci95
	Test   string            `json:"test,omitempty"`   // cluster, mcnemar; "" is cluster
	// the path of Rows whose main effect is shown
	Effect    string      `json:"effect,omitempty"`
	Published []Published `json:"published,omitempty"`
}

// Published is a line of a table, by name, beside a published figure.
type Published struct {
	Row    string `json:"row"`
	Ref    string `json:"ref"` // id in results/reference
	Metric string `json:"metric,omitempty"`
	Column string `json:"column,omitempty"`
}

// Comparison is a line of a table against another, by name; without a metric, in the table's first.
type Comparison struct {
	Row     string `json:"row"`
	Against string `json:"against"`
	Metric  string `json:"metric,omitempty"`
}

// readTables checks the tables against the axes, evaluations and labels of the file, and gives
// their order there.
func (c *checker) readTables(v cue.Value, base *assignment, labels []string) (map[string]Table, []string) {
	out := map[string]Table{}
	if !v.Exists() {
		return out, nil
	}
	tables := &contract.Field{Name: "tables", Elem: c.Table}
	raws := fields.Values{}
	vals := map[string]cue.Value{}
	filters, maps := map[string]cue.Value{}, map[string]cue.Value{}
	c.walk(tables, "tables", v, visitor{
		group: func(path string, v cue.Value) { raws[path], vals[path] = nil, v },
		leaf: func(n *contract.Field, path, shown string, v cue.Value) {
			if n.Name == "filter" {
				filters[fields.Parent(path)] = v
				return
			}
			if n.Leaf.IncompleteKind() == cue.StructKind {
				maps[path] = v
				return
			}
			vals[path] = v
			if raw, ok := c.value(n.Form, shown, v); ok {
				raws[path] = raw
			}
		}})
	for _, found := range []map[string]cue.Value{vals, maps} {
		for path, v := range found {
			base.Pos[path] = c.valuePos(v)
		}
	}
	for path, v := range filters {
		base.Pos[path+".filter"] = c.valuePos(v)
	}
	names := raws.Names("tables")
	// what a comprehension makes stands in one place
	slices.SortStableFunc(names, func(a, b string) int {
		p, q := c.fieldPos(vals["tables."+a]), c.fieldPos(vals["tables."+b])
		return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
	})
	for _, name := range names {
		t := tableReader{checker: c, path: "tables." + name, raws: raws, vals: vals, maps: maps, base: base, labels: labels}
		if f, ok := filters[t.path]; ok {
			t.filter = f
		}
		out[name] = t.read(name)
	}
	return out, names
}

type tableReader struct {
	*checker
	path   string
	raws   fields.Values
	vals   map[string]cue.Value
	maps   map[string]cue.Value // labels, units, digits
	filter cue.Value
	base   *assignment
	labels []string
}

func (t tableReader) read(name string) Table {
	out := Table{Name: name, Baseline: t.raws.Text(t.path + ".baseline"), Caption: t.raws.Text(t.path + ".caption")}
	for _, n := range t.Table.Fields {
		if p := fields.Join(t.path, n.Name); n.Required != "" && !t.raws.Has(p) && !t.IsBad(p) {
			t.Fail(t.fieldPos(t.vals[t.path]), p, "missing (%s)", n.Form)
		}
		if raw, ok := t.Default("tables.*." + n.Name); ok && !t.raws.Has(fields.Join(t.path, n.Name)) {
			t.raws[fields.Join(t.path, n.Name)] = raw
		}
	}
	out.Rows = t.axes("rows")
	out.Columns = t.axes("columns")
	out.Metrics = t.list("metrics", t.metricError)
	t.checkRepeats(out)
	for field, into := range map[string]any{"decimals": &out.Decimals, "fixed": &out.Fixed, "order": &out.Order, "percent": &out.Percent, "figure": &out.Figure, "differences": &out.Differences,
		"group": &out.Group, "spread": &out.Spread, "test": &out.Test, "effect": &out.Effect, "published": &out.Published} {
		if raw, ok := t.raws[fields.Join(t.path, field)]; ok {
			if err := json.Unmarshal(raw, into); err != nil { // the schema and Table disagree
				t.Fail(t.fieldPos(t.vals[t.path]), fields.Join(t.path, field), "%v", err)
			}
		}
	}
	t.checkBaseline(out.Baseline)
	t.placeElements("metrics", len(out.Metrics))
	t.placeElements("fixed", len(out.Fixed), "row", "against")
	t.placeElements("published", len(out.Published), "row", "column")
	t.checkFixed(out)
	t.checkPublished(out)
	t.checkAxesOf(out)
	t.checkClasses(out)
	t.readMap("labels", &out.Labels, nil)
	t.readMap("units", &out.Units, out.Metrics)
	t.readMap("digits", &out.Digits, out.Metrics)
	if t.filter.Exists() {
		out.Filter = t.readFilter()
	}
	t.expectNames(out)
	t.expectMetrics(out)
	t.expectBaseline(out)
	return out
}

// placeElements notes where the elements of a list are, and parts of them: what is wrong with those
// is known when the trials are.
func (t tableReader) placeElements(field string, n int, parts ...string) {
	p := fields.Join(t.path, field)
	for i := range n {
		t.base.Pos[fmt.Sprintf("%s[%d]", p, i)] = t.elementPos(t.vals[p], i)
		for _, f := range parts {
			if v := t.vals[p].LookupPath(cue.MakePath(cue.Index(i), cue.Str(f))); v.Exists() {
				t.base.Pos[fmt.Sprintf("%s[%d].%s", p, i, f)] = t.valuePos(v)
			}
		}
	}
}

// checkRepeats refuses a path or a metric that is there twice: its second lines would repeat the
// first.
func (t tableReader) checkRepeats(out Table) {
	t.repeats("rows", out.Rows, nil)
	t.repeats("columns", out.Columns, out.Rows)
	t.repeats("metrics", out.Metrics, nil)
}

// repeats refuses what a field has twice, or has of what stands before it.
func (t tableReader) repeats(field string, list, before []string) {
	p := fields.Join(t.path, field)
	for i, s := range list {
		if !slices.Contains(before, s) && !slices.Contains(list[:i], s) {
			continue
		}
		if v := t.vals[p]; v.IncompleteKind() == cue.ListKind {
			t.Fail(t.elementPos(v, i), fmt.Sprintf("%s[%d]", p, i), "%q is there twice", s)
		} else {
			t.Fail(t.valuePos(v), p, "%q is there twice", s)
		}
	}
}

// checkBaseline takes the label of a case, or "tune.mode=full".
func (t tableReader) checkBaseline(s string) {
	if s == "" || slices.Contains(t.labels, s) {
		return
	}
	p := t.path + ".baseline"
	if path, _, ok := strings.Cut(s, "="); ok {
		if why := t.axisError(path); why != "" {
			t.Fail(t.valuePos(t.vals[p]), p, "%s", why)
		}
		return
	}
	hint := mistake.DidYouMean(s, t.labels, "labels")
	if hint == "" {
		hint = " (a case of sweep.cases with that label, or PATH=VALUE)"
	}
	t.Fail(t.valuePos(t.vals[p]), p, "no case has the label %q%s", s, hint)
}

func (t tableReader) checkFixed(out Table) {
	p := t.path + ".fixed"
	for i, f := range out.Fixed {
		if f.Metric != "" && !slices.Contains(out.Metrics, f.Metric) {
			at := t.vals[p].LookupPath(cue.MakePath(cue.Index(i), cue.Str("metric")))
			t.Fail(t.valuePos(at), fmt.Sprintf("%s[%d].metric", p, i), "%q is no metric of the table%s", f.Metric, mistake.DidYouMean(f.Metric, out.Metrics, "metrics"))
		}
	}
}

// checkPublished looks the ids and metrics up.
func (t tableReader) checkPublished(out Table) {
	p := t.path + ".published"
	for i, f := range out.Published {
		at := func(field string) cue.Value {
			return t.vals[p].LookupPath(cue.MakePath(cue.Index(i), cue.Str(field)))
		}
		if _, ok := reference.Find(f.Ref); !ok {
			t.Fail(t.valuePos(at("ref")), fmt.Sprintf("%s[%d].ref", p, i), "%q is no published figure of results/reference%s", f.Ref, mistake.DidYouMean(f.Ref, reference.IDs(), "ids"))
		}
		if f.Metric != "" && !slices.Contains(out.Metrics, f.Metric) {
			t.Fail(t.valuePos(at("metric")), fmt.Sprintf("%s[%d].metric", p, i), "%q is no metric of the table%s", f.Metric, mistake.DidYouMean(f.Metric, out.Metrics, "metrics"))
		}
	}
}

// checkClasses holds the figures of single classes and the axes of classes together.
func (t tableReader) checkClasses(out Table) {
	has := func(axis string) bool { return slices.Contains(out.Rows, axis) || slices.Contains(out.Columns, axis) }
	p := t.path + ".metrics"
	for i, m := range out.Metrics {
		set, metric, _ := strings.Cut(m, "/")
		at := fmt.Sprintf("%s[%d]", p, i)
		if t.IsBad(p) || t.IsBad(at) {
			continue
		}
		switch pos := t.elementPos(t.vals[p], i); {
		case set != "balance" && (has("class") || has("class.other")):
			t.Fail(pos, at, "%q in a table of classes (figures of balance; another table)", m)
		case set == "balance" && !has("class"):
			t.Fail(pos, at, "%q is of single classes (rows or columns: \"class\")", m)
		case set == "balance" && (metric == "common") != has("class.other"):
			t.Fail(pos, at, "%q in a table %s \"class.other\" (balance/common is of two classes, the other figures are of one)", m, map[bool]string{true: "with", false: "without"}[has("class.other")])
		}
	}
}

// checkAxesOf holds group and effect to what rows and columns are.
func (t tableReader) checkAxesOf(out Table) {
	if p := t.path + ".group"; out.Group != "" && !slices.Contains(out.Rows, out.Group) {
		t.Fail(t.valuePos(t.vals[p]), p, "%q is not one of rows%s", out.Group, mistake.DidYouMean(out.Group, out.Rows, "rows"))
	}
	if p := t.path + ".effect"; out.Effect != "" && (len(out.Rows) != 1 || out.Rows[0] != out.Effect || len(out.Columns) > 0) {
		t.Fail(t.valuePos(t.vals[p]), p, "%q must be the only path of rows, and columns none: a main effect averages over all else", out.Effect)
	}
}

// readMap reads labels, units or digits. Where names are given, the keys must be among them.
func (t tableReader) readMap(field string, into any, names []string) {
	p := fields.Join(t.path, field)
	v, ok := t.maps[p]
	if !ok {
		return
	}
	it, err := v.Fields()
	if err != nil {
		t.Fail(t.valuePos(v), p, "%s does not fit (%s)", mistake.Show(v), t.Table.Child(field).Form.Says)
		return
	}
	for it.Next() {
		name, w := it.Selector().Unquoted(), it.Value()
		at := fields.Join(p, strconv.Quote(name))
		if names != nil && !slices.Contains(names, name) {
			t.Fail(t.fieldPos(w), at, "no metric of the table%s", mistake.DidYouMean(name, names, "metrics"))
			continue
		}
		if t.isUnusable(w, at) {
			continue
		}
		elem := t.Table.Child(field).Leaf.LookupPath(cue.MakePath(cue.AnyString))
		if w.IncompleteKind() == cue.BytesKind {
			t.Fail(t.valuePos(w), at, "%s", mistake.BytesForText(w))
			continue
		}
		if w.Validate(cue.Concrete(true)) != nil || elem.Unify(w).Validate(cue.Concrete(true)) != nil {
			t.Fail(t.valuePos(w), at, "%s does not fit (%s)", mistake.Show(w), t.Table.Child(field).Form.Says)
		}
	}
	if raw, err := v.MarshalJSON(); err == nil && !t.IsBad(p) {
		if err := json.Unmarshal(raw, into); err != nil { // the schema and Table disagree
			t.Fail(t.valuePos(v), p, "%v", err)
		}
	}
}

func (t tableReader) axes(field string) []string { return t.list(field, t.axisError) }

// list reads a field that is text or a list of texts and checks each at its own place.
func (t tableReader) list(field string, wrong func(string) string) []string {
	p := fields.Join(t.path, field)
	v := t.vals[p]
	raw, ok := t.raws[p]
	if !ok {
		t.eachGood(v, p, wrong)
		return nil
	}
	one, list := t.raws.Text(p), []string{}
	if one != "" {
		if why := wrong(one); why != "" {
			t.Fail(t.valuePos(v), p, "%s", why)
		}
		return []string{one}
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil
	}
	for i, s := range list {
		if why := wrong(s); why != "" {
			t.Fail(t.elementPos(v, i), fmt.Sprintf("%s[%d]", p, i), "%s", why)
		}
	}
	return list
}

// eachGood checks what is right by itself in a list that is not right as a whole.
func (t tableReader) eachGood(v cue.Value, p string, wrong func(string) string) {
	it, err := v.List()
	if err != nil {
		return
	}
	for i := 0; it.Next(); i++ {
		at := fmt.Sprintf("%s[%d]", p, i)
		s, err := it.Value().String()
		if err != nil || t.Said(at) {
			continue
		}
		if why := wrong(s); why != "" {
			t.Fail(t.valuePos(it.Value()), at, "%s", why)
		}
	}
}

// readFilter flattens the filter. A field takes a value, or a list of values of which any will do:
// for a field that is a list, a list of lists.
func (t tableReader) readFilter() map[string]any {
	out := map[string]any{}
	label := t.NewLeaf("label", "string")
	t.walk(t.Overlay(label), "", t.filter, visitor{prefix: t.path + ".filter", names: t.base.Set.Names,
		leaf: func(n *contract.Field, path, shown string, v cue.Value) {
			f := n.Form
			several := v.IncompleteKind() == cue.ListKind && (f.List == nil || holdsList(v))
			if several {
				f = f.OneOrMore()
			}
			if raw, ok := t.value(f, shown, v); ok {
				out[path] = fields.Plain(raw)
				if n.Former != "" { // a table of runner/v1 stays as it is written
					then, _ := v.MarshalJSON() // it is a value
					delete(out, path)
					out[n.Former] = fields.Plain(then)
				}
				wanted := []any{fields.Plain(raw)}
				if several {
					wanted = wanted[0].([]any)
				}
				t.expectFilter(t.valuePos(v), shown, path, wanted)
			}
		}})
	return out
}

// holdsList reports whether a list has one among its elements.
func holdsList(v cue.Value) bool {
	it, err := v.List()
	for err == nil && it.Next() {
		if it.Value().IncompleteKind() == cue.ListKind {
			return true
		}
	}
	return false
}
