package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
)

// condition ties a field to another, the decider: it is read, or needed, where the decider has one
// of the values; one that is a list, where it has one of them in it. The schema writes
// @only(kind, probe, finetune), with @or(evaluate.*.kind, pairs) behind it where something else will
// do as well, @of(kind, ivf-flat) of a field that may be given where it is not read, and
// @needs(kind, mean).
type condition struct {
	decider string // a field of the same group, or a path with * for any name
	absent  string // what the decider means where it has no value
	values  []string
	or      *condition
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

// at is the path of the decider, of a field at a path.
func (c condition) at(path string) string {
	if strings.Contains(c.decider, ".") {
		return c.decider
	}
	return join(parent(path), c.decider)
}

// met says whether a condition of the field at a path holds, as far as its decider is known.
func (v values) met(c condition, path string) bool {
	found := v.choices(c.at(path))
	if len(found) == 0 && c.absent != "" {
		found = []string{c.absent}
	}
	return len(found) == 0 || slices.ContainsFunc(found, c.holds) || c.or != nil && v.met(*c.or, path)
}

// choices are the text of a value: of a list all of them, of a path with * those of any name.
func (v values) choices(path string) []string {
	if section, field, ok := strings.Cut(path, ".*."); ok {
		var all []string
		for _, name := range v.names(section) {
			all = append(all, v.choices(join(join(section, name), field))...)
		}
		return all
	}
	raw, text, list := string(v[path]), v.text(path), []string{}
	switch {
	case strings.HasPrefix(raw, "["):
		_ = json.Unmarshal(v[path], &list) // what is no text was reported
		return list
	case text != "":
		return []string{text}
	case raw != "":
		return []string{raw}
	}
	return nil
}

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
		if !v.met(c, path) {
			return c, true
		}
	}
	return condition{}, false
}

// says is why a field at a path is not read.
func (c condition) says(v values, path string) string {
	value := v.text(c.at(path))
	if value == "" || c.or != nil {
		return fmt.Sprintf("not read (only with %s)", c.wanted(v, path))
	}
	return fmt.Sprintf("not read by %s %q (of %s)", c.decider, value, listed(c.values, "and"))
}

// wanted is where the condition holds, as a file has it.
func (c condition) wanted(v values, path string) string {
	raw, quoted := string(v[c.at(path)]), make([]string, len(c.values))
	for i, value := range c.values {
		if quoted[i] = value; raw != "true" && raw != "false" {
			quoted[i] = strconv.Quote(value)
		}
	}
	text := c.decider + ": " + listed(quoted, "or")
	if strings.HasPrefix(raw, "[") {
		text = listed(quoted, "or") + " in " + c.decider
	}
	if c.or != nil {
		text += ", or " + c.or.wanted(v, path)
	}
	return text
}

// checkConditions reports a field that is given and not read, or needed and not given.
func (s scene) checkConditions(n *node, path string) {
	if c, unread := s.v.unread(n, path); unread {
		asksNothing := string(s.v[path]) == "false"
		if s.isGiven(n, path) && !asksNothing && !s.isMoot(path, c.at(path)) {
			s.report(path, "%s", c.says(s.v, path))
		}
		return
	}
	for _, c := range n.needed {
		decider := c.at(path)
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
