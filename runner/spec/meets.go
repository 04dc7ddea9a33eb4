package spec

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/rules"
)

// expectation is a name or a pattern of the file that is meant for something in it; what meets
// nothing is most often a slip of the pen, and is warned of.
type expectation struct {
	mistake.Error
	met   func(m *met) bool
	class string // what may be the name of a class, which the file does not say; "" elsewhere
}

// ClassName is a name in a table of classes that is a mistake unless a class has it.
type ClassName struct {
	Name string
	mistake.Error
}

// Given is a field that the file gives a value, which is in vain where no trial reads it.
type Given struct {
	Pos   mistake.Pos
	Path  string // of the sections
	Shown string // how the place is called: sweep.cases[1].tune.gamma
	Value string // that a sweep gives it, as JSON; "" for the file's own
}

// given are the fields that the file itself sets, and those that its sweep does. Not among them are
// fields that every file has, those that serve estimates, what is off, what another value is
// computed of, and what comes from a preset that others share, or from common.cue. With overrides
// they alone are among them: the file was not written for them.
func (c *checker) given(base *assignment, all []assignment, overrides []string) (out []Given) {
	if c.former {
		return nil
	}
	presets, seen := c.src.Presets(), map[Given]bool{}
	add := func(a rules.Part, prefix string) {
		for _, path := range slices.Sorted(maps.Keys(a.Set)) {
			g := Given{Pos: a.Pos[path], Path: path, Shown: fields.Join(prefix, path)}
			if raw, err := json.Marshal(fields.Plain(a.Set[path])); prefix != "" && err == nil {
				g.Value = string(raw)
			}
			notMeant := len(overrides) > 0 && !strings.HasPrefix(g.Pos.File, mistake.SetPrefix)
			if a.Set[path] == nil || seen[g] || notMeant ||
				c.mayIdle(path, string(a.Set[path])) || within(presets, g.Pos) || c.isShared(g.Pos) {
				continue
			}
			seen[g] = true
			out = append(out, g)
		}
	}
	add(base.Part, "")
	for _, a := range all {
		add(a.Part, cmp.Or(a.Prefix, "sweep.grid"))
	}
	return out
}

// mayIdle says whether a field may well have a value that no trial reads.
func (c *checker) mayIdle(path, value string) bool {
	n := c.Find(path)
	isOff := slices.Contains([]string{"false", "0", `""`, "[]"}, value)
	return n == nil || n.Required == "always" || n.Aside || isOff || c.src.RefersTo(c.written(path))
}

// within says whether a place lies in one of some stretches of its file.
func within(stretches []ast.Node, at mistake.Pos) bool {
	return slices.ContainsFunc(stretches, func(n ast.Node) bool {
		from, to := mistake.At(n.Pos()), mistake.At(n.End())
		return at.File == from.File && !before(at, from) && before(at, to)
	})
}

func before(a, b mistake.Pos) bool {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col)) < 0
}

// met is what there is to meet: the labels of trials, and the values of the paths that tables name.
type met struct {
	labels map[string]bool
	values map[string]map[string]bool // path → values as text
	hit    map[string]bool            // patterns that some trial met, by their place
}

// expect notes an expectation.
func (c *checker) expect(pos mistake.Pos, shown string, fulfilled func(m *met) bool, format string, args ...any) {
	c.expected = append(c.expected, expectation{mistake.Error{Pos: pos, Path: shown, Msg: fmt.Sprintf(format, args...)}, fulfilled, ""})
}

// watch has the values of a path noted.
func (c *checker) watch(paths ...string) {
	for _, p := range paths {
		if c.met.values[p] == nil {
			c.met.values[p] = map[string]bool{}
		}
	}
}

// note takes a trial that will run.
func (m *met) note(label string, v fields.Values) {
	m.labels[label] = true
	for p, seen := range m.values {
		if raw := v[p]; raw != nil {
			for _, text := range valueTexts(fields.Plain(raw)) {
				seen[text] = true
			}
		}
	}
}

// isShared says of a place that it is in common.cue: what this experiment has no use for there,
// another of the folder may have.
func (c *checker) isShared(at mistake.Pos) bool {
	return c.src.Common != nil && at.File == c.src.Common.Name
}

// warnings are the expectations that nothing met, in the order of the file; and those that the name
// of a class may meet.
func (c *checker) warnings() (out mistake.Errors, classes []ClassName) {
	for _, e := range c.expected {
		switch {
		case e.met(c.met), c.isShared(e.Pos):
		case e.class != "":
			classes = append(classes, ClassName{e.class, e.Error})
		default:
			out = append(out, e.Error)
		}
	}
	return out.Sorted(), classes
}

// valueTexts are the ways in which a value may be written in a table's fields: as it is, and a
// number in any spelling of its size.
func valueTexts(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var parts []string
		for _, one := range v {
			parts = append(parts, valueTexts(one)[0])
		}
		return []string{strings.Join(parts, "+")}
	case string:
		return []string{v}
	}
	text := fmt.Sprint(v)
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return []string{text, numberText(f)}
	}
	return []string{text}
}

func numberText(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// has says whether a trial has a value on a path.
func (m *met) has(p, text string) bool {
	if f, err := strconv.ParseFloat(text, 64); err == nil && m.values[p][numberText(f)] {
		return true
	}
	return m.values[p][text]
}

// names says whether a text is the label of a case or a value of one of the paths.
func (m *met) names(text string, paths []string) bool {
	return m.labels[text] && text != "" || slices.ContainsFunc(paths, func(p string) bool { return m.has(p, text) })
}

// noTrialShows is what an empty cell is called.
const noTrialShows = "–"

// expectNames: what a table orders and renames is in it, or may be a class.
func (t tableReader) expectNames(out Table) {
	paths := append(slices.Clone(out.Rows), out.Columns...)
	t.watch(paths...)
	classes := slices.Contains(paths, "class") || slices.Contains(paths, "class.other")
	name := func(text string) {
		if classes {
			t.expected[len(t.expected)-1].class = text
		}
	}
	p := t.path + ".order"
	for i, text := range out.Order {
		t.expect(t.elementPos(t.vals[p], i), fmt.Sprintf("%s[%d]", p, i), func(m *met) bool { return m.names(text, paths) },
			"%q is no label of a case, and no value of %s", text, strings.Join(paths, ", "))
		name(text)
	}
	p = t.path + ".labels"
	for _, text := range slices.Sorted(maps.Keys(out.Labels)) {
		at := t.maps[p].LookupPath(cue.MakePath(cue.Str(text)))
		known := append(slices.Clone(paths), out.Metrics...)
		known = append(known, out.Baseline, noTrialShows)
		t.expect(t.fieldPos(at), fields.Join(p, strconv.Quote(text)),
			func(m *met) bool { return slices.Contains(known, text) || m.names(text, paths) },
			"%q is no path, metric, label or value of the table", text)
		name(text)
	}
}

// expectMetrics: a metric that is shown as percent is one of the table's.
func (t tableReader) expectMetrics(out Table) {
	p := t.path + ".percent"
	for i, name := range out.Percent {
		t.expect(t.elementPos(t.vals[p], i), fmt.Sprintf("%s[%d]", p, i), func(*met) bool {
			return slices.ContainsFunc(out.Metrics, func(metric string) bool {
				_, short, _ := strings.Cut(metric, "/")
				return matches(name, metric) || matches(name, short)
			})
		}, "%q is no metric of the table%s", name, mistake.DidYouMean(name, out.Metrics, "metrics"))
	}
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok || pattern == name
}

// expectFilter: every value that a filter asks for is a trial's.
func (t tableReader) expectFilter(at mistake.Pos, shown, path string, wanted []any) {
	t.watch(path)
	for _, v := range wanted {
		texts := valueTexts(v)
		if len(texts) == 0 {
			continue
		}
		t.expect(at, shown, func(m *met) bool {
			if path == "label" {
				return m.labels[texts[0]]
			}
			return m.has(path, texts[0])
		}, "no trial has the value %s", texts[0])
	}
}

// expectBaseline: what the others are compared with is there.
func (t tableReader) expectBaseline(out Table) {
	p, text, ok := strings.Cut(out.Baseline, "=")
	if !ok || slices.Contains(t.labels, out.Baseline) {
		return
	}
	t.watch(p)
	at := t.path + ".baseline"
	t.expect(t.valuePos(t.vals[at]), at, func(m *met) bool { return m.has(p, text) }, "no trial has %s %s", p, text)
}
