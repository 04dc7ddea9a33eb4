package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/v1"
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

// assignment is one choice of values: a point of the grid, a case, or a case at a point of the grid.
type assignment struct {
	part
	label string
	vals  map[string]cue.Value
	cross bool
}

func newAssignment() assignment {
	return assignment{part: part{set: fields.Values{}, pos: map[string]mistake.Pos{}}, vals: map[string]cue.Value{}}
}

func (a assignment) clone() assignment {
	b := newAssignment()
	b.label, b.prefix, b.start, b.cross = a.label, a.prefix, a.start, a.cross
	b.take(a)
	return b
}

func (a *assignment) take(b assignment) {
	for p, raw := range b.set {
		a.set[p], a.pos[p] = raw, b.pos[p]
	}
	for p, v := range b.vals {
		a.vals[p] = v
	}
}

// pattern is an exclude or a filter: constraints on some paths.
type pattern struct {
	value  cue.Value
	paths  []string
	former map[string]string // paths of runner/v1 that it is written with, by today's
	known  map[string]bool   // what it says of a trial, by the JSON of the paths
	shown  string            // its place in the file
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
	s := sweep{seeds: []int64{0}}
	if n, ok := c.defaultSeeds(); ok {
		s.seeds = n
	}
	if !v.Exists() || c.isUnusable(v, "sweep") {
		return s
	}
	group := &node{name: "sweep"}
	for _, f := range sweepFields {
		group.fields = append(group.fields, &node{name: f})
	}
	c.walk(group, "sweep", v, visitor{leaf: func(n *node, _, shown string, v cue.Value) {
		switch n.name {
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

func (c *checker) defaultSeeds() ([]int64, bool) {
	var n int64
	if err := json.Unmarshal(c.defaults["sweep.seeds"], &n); err != nil {
		return nil, false
	}
	return countTo(n), true
}

func countTo(n int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = int64(i)
	}
	return out
}

func (c *checker) readSeeds(v cue.Value, otherwise []int64) []int64 {
	raw, ok := c.value(c.seeds.form, "sweep.seeds", v)
	if !ok {
		return otherwise
	}
	var list []int64
	if err := json.Unmarshal(raw, &list); err != nil {
		n, _ := v.Int64()
		return countTo(n)
	}
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
	c.walk(c.params, "", v, visitor{prefix: "sweep.grid", names: base.set.Names, leaf: func(n *node, path, shown string, v cue.Value) {
		if ax := c.readAxis(n, path, shown, v); len(ax.values) > 0 {
			axes = append(axes, ax)
		}
	}})
	return axes
}

func (c *checker) readAxis(n *node, path, shown string, v cue.Value) axis {
	ax := axis{path: path}
	if v.IncompleteKind() != cue.ListKind {
		c.Fail(c.valuePos(v), shown, "%s is not a list (a list of values, each %s)", mistake.Show(v), n.form)
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
		raw, ok := c.value(n.form, at, it.Value())
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
		c.Fail(c.valuePos(v), shown, "no values (a list of values, each %s)", n.form)
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
		labels[a.label] = a.start
		cases = append(cases, a)
	})
	return cases
}

// each visits the elements of a list of groups.
func (c *checker) each(v cue.Value, shown string, visit func(shown string, v cue.Value)) {
	it, err := v.List()
	if err != nil || v.IncompleteKind() != cue.ListKind {
		c.Fail(c.valuePos(v), shown, "%s is not a list", mistake.Show(v))
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
	a.prefix, a.start = shown, c.valuePos(v)
	cross := c.newLeaf("cross", "bool")
	c.walk(c.overlay(c.label, cross), "", v, visitor{prefix: shown, names: base.set.Names,
		group: func(path string, v cue.Value) { a.set[path], a.pos[path] = nil, c.fieldPos(v) },
		leaf: func(n *node, path, shown string, v cue.Value) {
			raw, ok := c.value(n.form, shown, v)
			switch {
			case !ok && (n == c.label || n == cross):
			case !ok:
				c.Silence(path)
			case n == c.label:
				a.label, _ = fields.Plain(raw).(string)
			case n == cross:
				a.cross, _ = fields.Plain(raw).(bool)
			default:
				a.set[path], a.pos[path], a.vals[path] = raw, c.valuePos(v), v
			}
		}})
	if a.label == "" && !c.IsBad(shown+".label") {
		c.Fail(a.start, shown+".label", "missing (%s)", c.label.form)
	}
	return a
}

// readExclude checks that every field of a pattern exists and can match.
func (c *checker) readExclude(v cue.Value, base *assignment) []pattern {
	var out []pattern
	c.each(v, "sweep.exclude", func(shown string, v cue.Value) {
		p := c.readPattern(shown, v, base)
		if len(p.paths) == 0 && !c.IsBad(shown) {
			c.Fail(c.valuePos(v), shown, "an empty pattern leaves out every trial (such as {tune: gamma: <0.9})")
		}
		c.expectExclude(c.valuePos(v), shown)
		out = append(out, p)
	})
	return out
}

func (c *checker) readPattern(shown string, v cue.Value, base *assignment) pattern {
	p := pattern{value: v, known: map[string]bool{}, former: map[string]string{}, shown: shown}
	c.walk(c.overlay(c.newLeaf("label", "string"), c.newLeaf("seed", "int")), "", v, visitor{prefix: shown, names: base.set.Names, leaf: func(n *node, path, shown string, v cue.Value) {
		if n.former != "" {
			p.former[path] = n.former
		}
		if n.form.value.Unify(v).Validate() != nil && !n.form.accepts {
			what := n.form.wrong(v)
			if !v.IsConcrete() {
				what = fmt.Sprintf("%s matches no value (%s)", mistake.Show(v), n.form)
			}
			c.Fail(c.valuePos(v), shown, "%s", what)
			return
		}
		p.paths = append(p.paths, path)
	}})
	return p
}

// subsumes reports whether the pattern holds for a trial.
func (c *checker) subsumes(p pattern, trial fields.Values) bool {
	part := fields.Values{}
	for _, path := range p.paths {
		raw, ok := trial[path]
		if !ok {
			return false
		}
		if old := p.former[path]; old != "" {
			path, raw = old, formerValue(old, raw)
		}
		part[path] = raw
	}
	raw, err := json.Marshal(part.Tree())
	if err != nil {
		return false
	}
	if _, ok := p.known[string(raw)]; !ok {
		p.known[string(raw)] = p.value.Subsume(c.ctx.CompileBytes(raw), cue.Final()) == nil
	}
	return p.known[string(raw)]
}

// formerValue is what runner/v1 called a value of the field that it called old.
func formerValue(old string, raw json.RawMessage) json.RawMessage {
	for then, now := range v1.Values(old) {
		if fields.Plain(raw) == now {
			raw, _ = json.Marshal(then)
			return raw
		}
	}
	return raw
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
		axes := slices.DeleteFunc(slices.Clone(s.axes), func(ax axis) bool { return one.set.Has(ax.path) })
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
				b.set[ax.path], b.pos[ax.path], b.vals[ax.path] = v.raw, v.pos, v.val
				for _, g := range groupsOf(ax.path) {
					if !b.set.Has(g) {
						b.set[g] = nil
					}
				}
				next = append(next, b)
			}
		}
		out = next
	}
	return out
}

// groupsOf are the groups above a path, but not the section: backbone.pretrain of backbone.pretrain.seed.
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
				if !one.set.Has(ax.path) {
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

func (c *checker) isExcluded(patterns []pattern, a assignment, v fields.Values, seed int64) bool {
	if len(patterns) == 0 {
		return false
	}
	trial := maps.Clone(v)
	trial["label"], _ = json.Marshal(a.label)
	trial["seed"], _ = json.Marshal(seed)
	excluded := false
	for _, p := range patterns { // each is asked: one that only repeats another leaves out trials too
		if c.subsumes(p, trial) {
			excluded, c.met.hit[p.shown] = true, true
		}
	}
	return excluded
}
