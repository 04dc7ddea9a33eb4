package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/rules"
)

// axis is a path that the grid varies.
type axis struct {
	path   string
	values []axisValue
}

type axisValue struct {
	raw json.RawMessage
	pos mistake.Pos
	val cue.Value
}

// assignment is one choice of values: a point of the grid, a case, or a case at a point of the
// grid.
type assignment struct {
	rules.Part
	label string
	vals  map[string]cue.Value
	cross bool
}

func newAssignment() assignment {
	return assignment{Part: rules.Part{Set: fields.Values{}, Pos: map[string]mistake.Pos{}}, vals: map[string]cue.Value{}}
}

func (a assignment) clone() assignment {
	b := newAssignment()
	b.label, b.Prefix, b.Start, b.cross = a.label, a.Prefix, a.Start, a.cross
	b.take(a)
	return b
}

func (a *assignment) take(b assignment) {
	for p, raw := range b.Set {
		a.Set[p], a.Pos[p] = raw, b.Pos[p]
	}
	for p, v := range b.vals {
		a.vals[p] = v
	}
}

// sweep is what a file says about variation, checked.
type sweep struct {
	axes    []axis
	hasGrid bool
	cases   []assignment
	exclude []pattern
	seeds   []int64

	excludePos mistake.Pos
}

var sweepFields = []string{"grid", "cases", "exclude", "seeds"}

// readSweep checks sweep; base says which pools and evaluations exist.
func (c *checker) readSweep(v cue.Value, base *assignment) sweep {
	seeds, _ := c.Default("sweep.seeds")
	s := sweep{seeds: seedsOf(seeds)}
	if !v.Exists() || c.isUnusable(v, "sweep") {
		return s
	}
	group := &contract.Field{Name: "sweep"}
	for _, f := range sweepFields {
		group.Fields = append(group.Fields, &contract.Field{Name: f})
	}
	c.walk(group, "sweep", v, visitor{leaf: func(n *contract.Field, _, shown string, v cue.Value) {
		switch n.Name {
		case "grid":
			s.hasGrid = true
			s.axes = c.readGrid(v, base)
		case "cases":
			s.cases = c.readCases(v, base)
		case "exclude":
			s.exclude, s.excludePos = c.readExclude(v, base), c.valuePos(v)
		case "seeds":
			s.seeds = c.readSeeds(v, s.seeds)
		}
	}})
	return s
}

// seedsOf are those of a list, or as many as a number says.
func seedsOf(raw json.RawMessage) (list []int64) {
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var n int64
	_ = json.Unmarshal(raw, &n) // the schema has seen that it is one or the other
	for i := range n {
		list = append(list, i)
	}
	return list
}

func (c *checker) readSeeds(v cue.Value, otherwise []int64) []int64 {
	raw, ok := c.value(c.Seeds.Form, "sweep.seeds", v)
	if !ok {
		return otherwise
	}
	list := seedsOf(raw)
	for i, s := range list {
		if slices.Index(list, s) < i {
			c.Fail(c.elementPos(v, i), fmt.Sprintf("sweep.seeds[%d]", i), "%d is there twice (each seed once)", s)
		}
	}
	return list
}

func (c *checker) elementPos(v cue.Value, i int) mistake.Pos {
	return c.valuePos(v.LookupPath(cue.MakePath(cue.Index(i))))
}

// readGrid checks every value of every axis at its own place. Values that are wrong are left out.
func (c *checker) readGrid(v cue.Value, base *assignment) []axis {
	var axes []axis
	c.walk(c.Params, "", v, visitor{prefix: "sweep.grid", names: base.Set.Names, leaf: func(n *contract.Field, path, shown string, v cue.Value) {
		if ax := c.readAxis(n, path, shown, v); len(ax.values) > 0 {
			axes = append(axes, ax)
		}
	}})
	return axes
}

func (c *checker) readAxis(n *contract.Field, path, shown string, v cue.Value) axis {
	ax := axis{path: path}
	if v.IncompleteKind() != cue.ListKind {
		c.Fail(c.valuePos(v), shown, "%s is not a list (a list of values, each %s)", mistake.Show(v), n.Form)
		return ax
	}
	it, err := v.List()
	if err != nil {
		c.Fail(c.valuePos(v), shown, "%s", mistake.FirstMessage(err))
		return ax
	}
	seen := map[string]bool{}
	count := 0
	for i := 0; it.Next(); i++ {
		count++
		at := fmt.Sprintf("%s[%d]", shown, i)
		raw, ok := c.value(n.Form, at, it.Value())
		if !ok {
			c.Silence(path)
			continue
		}
		if key := fmt.Sprint(fields.Plain(raw)); seen[key] {
			c.Fail(c.valuePos(it.Value()), at, "%s is there twice (each value once)", mistake.Show(it.Value()))
			continue
		} else {
			seen[key] = true
		}
		ax.values = append(ax.values, axisValue{raw: raw, pos: c.valuePos(it.Value()), val: it.Value()})
	}
	if count == 0 {
		c.Fail(c.valuePos(v), shown, "no values (a list of values, each %s)", n.Form)
	}
	return ax
}

// readCases checks the cases and that their labels differ.
func (c *checker) readCases(v cue.Value, base *assignment) []assignment {
	var cases []assignment
	labels := map[string]mistake.Pos{}
	c.each(v, "sweep.cases", func(shown string, v cue.Value) {
		a := c.readCase(shown, v, base)
		if first, ok := labels[a.label]; ok && a.label != "" {
			c.Fail(c.valuePos(v.LookupPath(cue.MakePath(cue.Str("label")))), shown+".label", "%q is also the label of the case at line %d (each case has its own)", a.label, first.Line)
		}
		labels[a.label] = a.Start
		cases = append(cases, a)
	})
	return cases
}

// each visits the elements of a list of groups.
func (c *checker) each(v cue.Value, shown string, visit func(shown string, v cue.Value)) {
	it, err := v.List()
	if err != nil || v.IncompleteKind() != cue.ListKind {
		c.Fail(c.valuePos(v), shown, "%s is not a list ([{...}, ...])", mistake.Show(v))
		return
	}
	for i := 0; it.Next(); i++ {
		at := fmt.Sprintf("%s[%d]", shown, i)
		if v := it.Value(); !c.isUnusable(v, at) {
			visit(at, v)
		}
	}
}

func (c *checker) readCase(shown string, v cue.Value, base *assignment) assignment {
	a := newAssignment()
	a.Prefix, a.Start = shown, c.valuePos(v)
	cross := c.NewLeaf("cross", "bool")
	c.walk(c.Overlay(c.Label, cross), "", v, visitor{prefix: shown, names: base.Set.Names,
		group: func(path string, v cue.Value) { a.Set[path], a.Pos[path] = nil, c.fieldPos(v) },
		leaf: func(n *contract.Field, path, shown string, v cue.Value) {
			raw, ok := c.value(n.Form, shown, v)
			switch {
			case !ok && (n == c.Label || n == cross):
			case !ok:
				c.Silence(path)
			case n == c.Label:
				a.label, _ = fields.Plain(raw).(string)
			case n == cross:
				a.cross, _ = fields.Plain(raw).(bool)
			default:
				a.Set[path], a.Pos[path], a.vals[path] = raw, c.valuePos(v), v
			}
		}})
	if a.label == "" && !c.IsBad(shown+".label") {
		c.Fail(a.Start, shown+".label", "missing (%s)", c.Label.Form)
	}
	return a
}

// expand lists the assignments in order: the grid with the last axis fastest, then the cases.
func (s sweep) expand() []assignment {
	var out []assignment
	if s.hasGrid || len(s.cases) == 0 {
		out = product(newAssignment(), s.axes)
	}
	for _, one := range s.cases {
		if !one.cross {
			out = append(out, one)
			continue
		}
		axes := slices.DeleteFunc(slices.Clone(s.axes), func(ax axis) bool { return one.Set.Has(ax.path) })
		out = append(out, product(one, axes)...)
	}
	return out
}

func product(from assignment, axes []axis) []assignment {
	out := []assignment{from.clone()}
	for _, ax := range axes {
		next := make([]assignment, 0, len(out)*len(ax.values))
		for _, a := range out {
			for _, v := range ax.values {
				b := a.clone()
				b.Set[ax.path], b.Pos[ax.path], b.vals[ax.path] = v.raw, v.pos, v.val
				for _, g := range groupsOf(ax.path) {
					if !b.Set.Has(g) {
						b.Set[g] = nil
					}
				}
				next = append(next, b)
			}
		}
		out = next
	}
	return out
}

// groupsOf are the groups above a path, but not the section: backbone.pretrain of
// backbone.pretrain.seed.
func groupsOf(path string) []string {
	var out []string
	for i := strings.IndexByte(path, '.'); i >= 0 && i < len(path); {
		next := strings.IndexByte(path[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
		out = append(out, path[:i])
	}
	return out
}

// size is how many trials expand makes, or more than the limit without counting on.
func (s sweep) size(limit int) int {
	grid := 1
	for _, ax := range s.axes {
		if grid *= len(ax.values); grid > limit {
			return limit + 1
		}
	}
	n := 0
	if s.hasGrid || len(s.cases) == 0 {
		n = grid
	}
	for _, one := range s.cases {
		m := 1
		if one.cross {
			for _, ax := range s.axes {
				if !one.Set.Has(ax.path) {
					m *= len(ax.values)
				}
			}
		}
		if n += m; n > limit {
			return limit + 1
		}
	}
	if len(s.seeds) > limit/max(n, 1) {
		return max(limit+1, min(n*len(s.seeds), 1<<40))
	}
	return n * len(s.seeds)
}
