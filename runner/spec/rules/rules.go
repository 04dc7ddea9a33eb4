// Package rules is what spans the fields of an experiment: what a trial needs and lacks, names of
// pools and evaluations that are not there, values that do not go together. A rule looks at a
// Scene: one assignment over the file's values, defaults filled in. What a single field takes is
// package contract's business. Each mistake is noted with the place where the file says the value.
package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
)

// Scene is one assignment over the file's values, as the rules that span fields see it.
type Scene struct {
	*contract.Schema
	*mistake.Found
	Base   Part            // the file's own values
	Varied Part            // those that its sweep sets
	Values fields.Values   // both, with defaults
	Swept  map[string]bool // paths that some assignment sets
}

// Part is what the file, a point of its grid or a case gives, with the places.
type Part struct {
	Prefix string        // "sweep.cases[1]", or "" for the grid
	Start  mistake.Pos   // where a case begins
	Set    fields.Values // groups too, as nil
	Pos    map[string]mistake.Pos
}

// place is where a field was set last, and how it is called there: by the sweep, by the file, or
// else where its group begins.
func (s Scene) place(path string) (mistake.Pos, string) {
	for p := path; p != ""; p = fields.Parent(p) {
		if at, ok := s.Varied.Pos[p]; ok && at.File != "" {
			return at, fields.Join(s.prefix(), path)
		}
		if at, ok := s.Base.Pos[p]; ok {
			return at, path
		}
	}
	return s.Start(), path
}

// prefix is where the assignment stands in the file.
func (s Scene) prefix() string {
	if s.Varied.Prefix == "" {
		return "sweep.grid"
	}
	return s.Varied.Prefix
}

// Check applies every rule. A rule that touches a field already reported says nothing.
func (s Scene) Check() {
	for _, n := range s.Params.Fields {
		s.section(n)
		s.eachField(n, n.Name, s.checkConditions)
	}
	s.checkNames()
	s.checkBackbone()
	s.checkTune()
	s.checkRetrieve()
	for _, name := range s.Values.Names("pool") {
		s.checkPool("pool." + name)
	}
	for small, large := range s.Schema.AtMost {
		s.bound(small, large)
	}
	for _, p := range []string{"tune.augment", "backbone.pretrain.augment"} {
		s.ordered(p + ".crop")
		s.ordered(p + ".ratio")
	}
}

// section reports what is missing in a section, in one line where the whole section is.
func (s Scene) section(n *contract.Field) {
	var missing []*contract.Field
	var paths []string
	s.missing(n, n.Name, func(n *contract.Field, path string) { missing, paths = append(missing, n), append(paths, path) })
	if len(missing) > 0 && !s.Values.Has(n.Name) && !s.IsBad(n.Name) {
		s.report(n.Name, "missing (needs %s)", strings.Join(lastSteps(paths), ", "))
		return
	}
	for i, m := range missing {
		s.report(paths[i], "missing (%s)", m.Form)
	}
}

func lastSteps(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = p[strings.LastIndexByte(p, '.')+1:]
	}
	return out
}

// report places a missing field: at the case that lacks it where others set it, else at its
// section.
func (s Scene) report(path, format string, args ...any) {
	if s.IsBad(path) {
		return
	}
	if s.Swept[path] && s.Varied.Prefix != "" {
		s.Add(s.Varied.Start, s.Varied.Prefix+"."+path, format, args...)
		return
	}
	at, shown := s.place(path)
	s.Add(at, shown, format, args...)
}

// missing finds required fields that have no value, groups with no alternative or several, and
// names of pools that are not there.
func (s Scene) missing(n *contract.Field, path string, found func(n *contract.Field, path string)) {
	switch {
	case !n.IsRead(s.Values, path):
	case n.Elem != nil:
		for _, name := range s.Values.Names(path) {
			s.missing(n.Elem, fields.Join(path, name), found)
		}
	case n.IsLeaf():
		if s.needs(n) && !s.Values.Has(path) {
			found(n, path)
			return
		}
		s.checkRefs(n, path)
	case !n.Absent() || s.Values.Has(path):
		s.oneOf(n, path)
		for _, f := range n.Fields {
			s.missing(f, fields.Join(path, f.Name), found)
		}
	}
}

// eachField visits what is below a node, and the node, as often as there are names for it.
func (s Scene) eachField(n *contract.Field, path string, visit func(n *contract.Field, path string)) {
	visit(n, path)
	if n.Elem != nil {
		for _, name := range s.Values.Names(path) {
			s.eachField(n.Elem, fields.Join(path, name), visit)
		}
	}
	if n.Absent() && !s.Values.Has(path) {
		return
	}
	for _, f := range n.Fields {
		s.eachField(f, fields.Join(path, f.Name), visit)
	}
}

func (s Scene) needs(n *contract.Field) bool {
	switch n.Required {
	case "tune":
		return s.tunes()
	case "pairs":
		return s.retrieves()
	}
	return n.Required == "always"
}

func (s Scene) tunes() bool {
	return s.Values.Text("tune.mode") != "none" && !s.IsBad("tune.mode")
}

func (s Scene) retrieves() bool {
	return s.tunes() && s.Values.Text("tune.mode") != "prompt" || contract.JudgesPairs(s.Values)
}

func (s Scene) oneOf(n *contract.Field, path string) {
	var all, given []string
	for _, f := range n.Fields {
		if f.OneOf == "" {
			continue
		}
		all = append(all, f.Name)
		if s.Values.Has(fields.Join(path, f.Name)) {
			given = append(given, f.Name)
		}
	}
	if len(all) == 0 || s.IsBad(path) {
		return
	}
	if len(given) == 0 && !s.Values.Has(path) {
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
func (s Scene) given(path string) bool { return s.Base.Set.Has(path) || s.Varied.Set.Has(path) }

// bound compares two numbers of the same trial, unless the trial does not use them.
func (s Scene) bound(small, large string) {
	n := s.Find(small)
	of := s.Find(large)
	unused := func(c contract.Condition) bool { return !c.Met(s.Values, small) }
	if slices.ContainsFunc(n.Of, unused) || of.Required != "" && !s.needs(of) && !s.IsBad("tune.mode") || s.IsBad(small) || s.IsBad(large) || !(s.Values.Number(small) > s.Values.Number(large)) {
		return
	}
	path := small
	if s.Varied.Set.Has(large) && !s.Varied.Set.Has(small) {
		path = large
	}
	at, shown := s.place(path)
	if path == large {
		s.Add(at, shown, "%s is under %s %s (at least that)", s.Values[large], small, s.Values[small])
		return
	}
	s.Add(at, shown, "%s is over %s %s (at most that)", s.Values[small], large, s.Values[large])
}

// ordered checks [smallest, largest].
func (s Scene) ordered(path string) {
	var ends []float64
	if s.IsBad(path) || json.Unmarshal(s.Values[path], &ends) != nil || len(ends) != 2 || ends[0] <= ends[1] {
		return
	}
	s.report(path, "%s is not [smallest, largest] (%s)", s.Values[path], fmt.Sprintf("[%g, %g]", ends[1], ends[0]))
}

// checkConditions reports a field that is given and not read, or needed and not given.
func (s Scene) checkConditions(n *contract.Field, path string) {
	if c, unread := n.Unread(s.Values, path); unread {
		asksNothing := string(s.Values[path]) == "false"
		if s.isGiven(n, path) && !asksNothing && !s.isMoot(path, c.At(path)) {
			s.report(path, "%s", c.Says(s.Values, path))
		}
		return
	}
	for _, c := range n.Needed {
		decider := c.At(path)
		value := s.Values.Text(decider)
		if c.Holds(value) && !s.Values.Has(path) && !s.IsBad(decider) {
			s.report(path, "missing (%s %q needs %s)", c.Decider, value, n.Wanted())
		}
	}
}

// isGiven reports whether the file or the assignment has the field, or something of the group.
func (s Scene) isGiven(n *contract.Field, path string) bool {
	return s.given(path) || !n.IsLeaf() && (s.Base.Set.HasBelow(path) || s.Varied.Set.HasBelow(path))
}

// isMoot says whether a field that this trial does not read need not be spoken of: it was reported,
// or what decides whether it is read varies, and other trials read it.
func (s Scene) isMoot(path, decider string) bool {
	return s.IsBad(path) || s.IsBad(decider) || s.Swept[decider] && !s.Varied.Set.Has(path)
}
