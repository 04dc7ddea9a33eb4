package spec

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
)

// condition ties a field to another of its group, the decider: it is read, or needed, where the
// decider has one of the values. The schema writes @only(kind, probe, finetune) and
// @needs(kind, mean).
type condition struct {
	decider string
	values  []string
}

func newCondition(a cue.Attribute) condition {
	c := condition{}
	c.decider, _ = a.String(0)
	for i := 1; i < a.NumArgs(); i++ {
		value, _ := a.String(i)
		c.values = append(c.values, value)
	}
	return c
}

func (c condition) holds(value string) bool { return slices.Contains(c.values, value) }

// String is the decider with its values, "kind probe or finetune".
func (c condition) String() string { return c.decider + " " + listed(c.values, "or") }

// listed joins words as a sentence does.
func listed(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// reads says whether a field at a path is read, as far as its deciders are known: one without a
// value is missing itself, or is read by nothing here.
func (v values) reads(n *node, path string) bool {
	_, unread := v.unread(n, path)
	return !unread
}

// unread is the first condition that leaves a field unread.
func (v values) unread(n *node, path string) (condition, bool) {
	for _, c := range n.only {
		if value := v.text(join(parent(path), c.decider)); value != "" && !c.holds(value) {
			return c, true
		}
	}
	return condition{}, false
}

// checkConditions reports a field that is given and not read, or needed and not given.
func (s scene) checkConditions(n *node, path string) {
	if c, unread := s.v.unread(n, path); unread {
		decider := join(parent(path), c.decider)
		asksNothing := string(s.v[path]) == "false"
		if s.isGiven(n, path) && !asksNothing && !s.isMoot(path, decider) {
			s.report(path, "not read by %s %q (of %s)", c.decider, s.v.text(decider),
				listed(c.values, "and"))
		}
		return
	}
	for _, c := range n.needed {
		decider := join(parent(path), c.decider)
		value := s.v.text(decider)
		if c.holds(value) && !s.v.has(path) && !s.isBad(decider) {
			s.report(path, "missing (%s %q needs %s)", c.decider, value, n.wanted())
		}
	}
}

// wanted is what a field takes, with the schema's example where it has one.
func (n *node) wanted() string {
	if n.example == "" {
		return n.form.String()
	}
	return fmt.Sprintf("%s, such as %s", n.form, n.example)
}

// isGiven reports whether the file or the assignment has the field, or something of the group.
func (s scene) isGiven(n *node, path string) bool {
	return s.given(path) || !n.isLeaf() && (s.base.set.below(path) || s.a.set.below(path))
}
