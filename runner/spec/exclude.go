package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/v1"
)

// pattern is an exclude or a filter: constraints on some paths.
type pattern struct {
	value  cue.Value
	paths  []string
	former map[string]string // paths of runner/v1 that it is written with, by today's
	known  map[string]bool   // what it says of a trial, by the JSON of the paths
	shown  string            // its place in the file
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
	c.walk(c.Overlay(c.NewLeaf("label", "string"), c.NewLeaf("seed", "int")), "", v, visitor{prefix: shown, names: base.Set.Names, leaf: func(n *contract.Field, path, shown string, v cue.Value) {
		if n.Former != "" {
			p.former[path] = n.Former
		}
		if n.Form.Value.Unify(v).Validate() != nil && !n.Form.Accepts {
			what := n.Form.Wrong(v)
			if !v.IsConcrete() {
				what = fmt.Sprintf("%s matches no value (%s)", mistake.Show(v), n.Form)
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
		p.known[string(raw)] = p.value.Subsume(c.Context.CompileBytes(raw), cue.Final()) == nil
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

// excluding are the patterns that leave a trial out.
func (c *checker) excluding(patterns []pattern, a assignment, v fields.Values, seed int64) (by []pattern) {
	if len(patterns) == 0 {
		return nil
	}
	trial := maps.Clone(v)
	trial["label"], _ = json.Marshal(a.label)
	trial["seed"], _ = json.Marshal(seed)
	// each is asked: one that only repeats another leaves out trials too
	for _, p := range patterns {
		if c.subsumes(p, trial) {
			c.met.hit[p.shown] = true
			by = append(by, p)
		}
	}
	return by
}

// listed is a case, or a value of an axis, of which the patterns may leave nothing.
type listed struct {
	pos         mistake.Pos
	shown, what string
	run         bool            // some trial of it
	by          map[string]bool // the patterns that left others out
	meant       bool            // one of them names it
}

// leftovers are what a sweep lists, by place.
type leftovers map[string]*listed

// note takes an assignment with a seed, and the patterns that leave it out.
func (l leftovers) note(a assignment, s sweep, by []pattern) {
	if a.label != "" {
		l.at(a.Prefix, a.Start, a.Prefix, fmt.Sprintf("the case %q", a.label)).take("label", by)
		return
	}
	for _, ax := range s.axes {
		raw := string(a.Set[ax.path])
		l.at(ax.path+" "+raw, a.Pos[ax.path], "sweep.grid."+ax.path, "each point with "+raw).take(ax.path, by)
	}
}

func (l leftovers) at(key string, pos mistake.Pos, shown, what string) *listed {
	if l[key] == nil {
		l[key] = &listed{pos: pos, shown: shown, what: what, by: map[string]bool{}}
	}
	return l[key]
}

// take: a pattern of this path alone is there to leave such trials out.
func (l *listed) take(path string, by []pattern) {
	l.run = l.run || len(by) == 0
	for _, p := range by {
		l.by[p.shown] = true
		l.meant = l.meant || len(p.paths) == 1 && p.paths[0] == path || path == "label" && slices.Contains(p.paths, path)
	}
}

// expect: what is listed is meant to be run.
func (l leftovers) expect(c *checker) {
	for _, one := range l {
		if !one.run && !one.meant {
			c.expect(one.pos, one.shown, func(*met) bool { return false }, "%s is left out by %s: nothing of it is run",
				one.what, strings.Join(slices.Sorted(maps.Keys(one.by)), " and "))
		}
	}
}

// expectExclude: a pattern is meant for trials.
func (c *checker) expectExclude(pos mistake.Pos, shown string) {
	c.expect(pos, shown, func(m *met) bool { return m.hit[shown] }, "leaves out no trial")
}
