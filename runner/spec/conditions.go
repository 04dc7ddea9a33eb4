package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/fields"
	"react/runner/spec/mistake"
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
	return fields.Join(fields.Parent(path), c.decider)
}

// met says whether a condition of the field at a path holds, as far as its decider is known.
func (c condition) met(v fields.Values, path string) bool {
	found := v.Choices(c.at(path))
	if len(found) == 0 && c.absent != "" {
		found = []string{c.absent}
	}
	return len(found) == 0 || slices.ContainsFunc(found, c.holds) || c.or != nil && c.or.met(v, path)
}

// String is the decider with its values, "kind probe or finetune".
func (c condition) String() string { return c.decider + " " + mistake.Listed(c.values, "or") }

// isRead says whether a field at a path is read, as far as its deciders are known: one without a
// value is missing itself, or is read by nothing here.
func (n *node) isRead(v fields.Values, path string) bool {
	_, unread := n.unread(v, path)
	return !unread
}

// unread is the first condition that leaves a field unread.
func (n *node) unread(v fields.Values, path string) (condition, bool) {
	for _, c := range n.only {
		if !c.met(v, path) {
			return c, true
		}
	}
	return condition{}, false
}

// says is why a field at a path is not read.
func (c condition) says(v fields.Values, path string) string {
	value := v.Text(c.at(path))
	if value == "" || c.or != nil {
		return fmt.Sprintf("not read (only with %s)", c.wanted(v, path))
	}
	return fmt.Sprintf("not read by %s %q (of %s)", c.decider, value, mistake.Listed(c.values, "and"))
}

// wanted is where the condition holds, as a file has it.
func (c condition) wanted(v fields.Values, path string) string {
	raw, quoted := string(v[c.at(path)]), make([]string, len(c.values))
	for i, value := range c.values {
		if quoted[i] = value; raw != "true" && raw != "false" {
			quoted[i] = strconv.Quote(value)
		}
	}
	text := c.decider + ": " + mistake.Listed(quoted, "or")
	if strings.HasPrefix(raw, "[") {
		text = mistake.Listed(quoted, "or") + " in " + c.decider
	}
	if c.or != nil {
		text += ", or " + c.or.wanted(v, path)
	}
	return text
}
