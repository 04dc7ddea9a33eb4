package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"react/runner/spec/fields"
	"react/runner/spec/mistake"
)

// scene is one assignment over the file's values, as the rules that span fields see it.
type scene struct {
	*contract
	*mistake.Found
	base   part            // the file's own values
	varied part            // those that its sweep sets
	values fields.Values   // both, with defaults
	swept  map[string]bool // paths that some assignment sets
}

// part is what the file, a point of its grid or a case gives, with the places.
type part struct {
	prefix string        // "sweep.cases[1]", or "" for the grid
	start  mistake.Pos   // where a case begins
	set    fields.Values // groups too, as nil
	pos    map[string]mistake.Pos
}

// place is where a field was set last, and how it is called there: by the sweep, by the file, or else where its group begins.
func (s scene) place(path string) (mistake.Pos, string) {
	for p := path; p != ""; p = fields.Parent(p) {
		if at, ok := s.varied.pos[p]; ok && at.File != "" {
			return at, fields.Join(s.prefix(), path)
		}
		if at, ok := s.base.pos[p]; ok {
			return at, path
		}
	}
	return s.Start(), path
}

// prefix is where the assignment stands in the file.
func (s scene) prefix() string {
	if s.varied.prefix == "" {
		return "sweep.grid"
	}
	return s.varied.prefix
}

// check applies every rule. A rule that touches a field already reported says nothing.
func (s scene) check() {
	for _, n := range s.params.fields {
		s.section(n)
		s.eachField(n, n.name, s.checkConditions)
	}
	s.checkNames()
	s.checkBackbone()
	s.checkTune()
	s.checkRetrieve()
	for _, name := range s.values.Names("pool") {
		s.checkPool("pool." + name)
	}
	for small, large := range s.contract.atMost {
		s.bound(small, large)
	}
	for _, p := range []string{"tune.augment", "backbone.pretrain.augment"} {
		s.ordered(p + ".crop")
		s.ordered(p + ".ratio")
	}
}

// section reports what is missing in a section, in one line where the whole section is.
func (s scene) section(n *node) {
	var missing []*node
	var paths []string
	s.missing(n, n.name, func(n *node, path string) { missing, paths = append(missing, n), append(paths, path) })
	if len(missing) > 0 && !s.values.Has(n.name) && !s.IsBad(n.name) {
		s.report(n.name, "missing (needs %s)", strings.Join(lastSteps(paths), ", "))
		return
	}
	for i, m := range missing {
		s.report(paths[i], "missing (%s)", m.form)
	}
}

func lastSteps(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = p[strings.LastIndexByte(p, '.')+1:]
	}
	return out
}

// report places a missing field: at the case that lacks it where others set it, else at its section.
func (s scene) report(path, format string, args ...any) {
	if s.IsBad(path) {
		return
	}
	if s.swept[path] && s.varied.prefix != "" {
		s.Add(s.varied.start, s.varied.prefix+"."+path, format, args...)
		return
	}
	at, shown := s.place(path)
	s.Add(at, shown, format, args...)
}

// missing finds required fields that have no value, groups with no alternative or several, and names of pools that are not there.
func (s scene) missing(n *node, path string, found func(n *node, path string)) {
	switch {
	case !n.isRead(s.values, path):
	case n.elem != nil:
		for _, name := range s.values.Names(path) {
			s.missing(n.elem, fields.Join(path, name), found)
		}
	case n.isLeaf():
		if s.needs(n) && !s.values.Has(path) {
			found(n, path)
			return
		}
		s.checkRefs(n, path)
	case !n.absent() || s.values.Has(path):
		s.oneOf(n, path)
		for _, f := range n.fields {
			s.missing(f, fields.Join(path, f.name), found)
		}
	}
}

// eachField visits what is below a node, and the node, as often as there are names for it.
func (s scene) eachField(n *node, path string, visit func(n *node, path string)) {
	visit(n, path)
	if n.elem != nil {
		for _, name := range s.values.Names(path) {
			s.eachField(n.elem, fields.Join(path, name), visit)
		}
	}
	if n.absent() && !s.values.Has(path) {
		return
	}
	for _, f := range n.fields {
		s.eachField(f, fields.Join(path, f.name), visit)
	}
}

func (s scene) needs(n *node) bool {
	mode := s.values.Text("tune.mode")
	tunes := mode != "none" && !s.IsBad("tune.mode")
	switch n.required {
	case "tune":
		return tunes
	case "pairs":
		return tunes && mode != "prompt" || judgesPairs(s.values)
	}
	return n.required == "always"
}

func (s scene) oneOf(n *node, path string) {
	var all, given []string
	for _, f := range n.fields {
		if f.oneof == "" {
			continue
		}
		all = append(all, f.name)
		if s.values.Has(fields.Join(path, f.name)) {
			given = append(given, f.name)
		}
	}
	if len(all) == 0 || s.IsBad(path) {
		return
	}
	if len(given) == 0 && !s.values.Has(path) {
		s.report(path, "missing (exactly one of %s)", strings.Join(all, ", "))
	} else if len(given) == 0 {
		s.report(path, "gives no source (exactly one of %s)", strings.Join(all, ", "))
	}
	if len(given) > 1 {
		p := fields.Join(path, given[1])
		s.report(p, "given beside %s (exactly one of %s)", given[0], strings.Join(all, ", "))
	}
}

// given reports whether the file or the assignment has the field.
func (s scene) given(path string) bool { return s.base.set.Has(path) || s.varied.set.Has(path) }

// bound compares two numbers of the same trial, unless the trial does not use them.
func (s scene) bound(small, large string) {
	n, _ := s.find(small)
	of, _ := s.find(large)
	unused := func(c condition) bool { return !c.met(s.values, small) }
	if slices.ContainsFunc(n.of, unused) || of.required != "" && !s.needs(of) && !s.IsBad("tune.mode") || s.IsBad(small) || s.IsBad(large) || !(s.values.Number(small) > s.values.Number(large)) {
		return
	}
	path := small
	if s.varied.set.Has(large) && !s.varied.set.Has(small) {
		path = large
	}
	at, shown := s.place(path)
	if path == large {
		s.Add(at, shown, "%s is under %s %s (at least that)", s.values[large], small, s.values[small])
		return
	}
	s.Add(at, shown, "%s is over %s %s (at most that)", s.values[small], large, s.values[large])
}

// ordered checks [smallest, largest].
func (s scene) ordered(path string) {
	var ends []float64
	if s.IsBad(path) || json.Unmarshal(s.values[path], &ends) != nil || len(ends) != 2 || ends[0] <= ends[1] {
		return
	}
	s.report(path, "%s is not [smallest, largest] (%s)", s.values[path], fmt.Sprintf("[%g, %g]", ends[1], ends[0]))
}

// checkConditions reports a field that is given and not read, or needed and not given.
func (s scene) checkConditions(n *node, path string) {
	if c, unread := n.unread(s.values, path); unread {
		asksNothing := string(s.values[path]) == "false"
		if s.isGiven(n, path) && !asksNothing && !s.isMoot(path, c.at(path)) {
			s.report(path, "%s", c.says(s.values, path))
		}
		return
	}
	for _, c := range n.needed {
		decider := c.at(path)
		value := s.values.Text(decider)
		if c.holds(value) && !s.values.Has(path) && !s.IsBad(decider) {
			s.report(path, "missing (%s %q needs %s)", c.decider, value, n.wanted())
		}
	}
}

// isGiven reports whether the file or the assignment has the field, or something of the group.
func (s scene) isGiven(n *node, path string) bool {
	return s.given(path) || !n.isLeaf() && (s.base.set.HasBelow(path) || s.varied.set.HasBelow(path))
}

// isMoot says whether a field that this trial does not read need not be spoken of: it was reported, or what decides whether it is read varies,
// and other trials read it.
func (s scene) isMoot(path, decider string) bool {
	return s.IsBad(path) || s.IsBad(decider) || s.swept[decider] && !s.varied.set.Has(path)
}
