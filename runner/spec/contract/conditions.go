package contract

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/fields"
	"react/runner/spec/mistake"
)

// Condition ties a field to another, the decider: it is read, or needed, where the decider has one
// of the values; one that is a list, where it has one of them in it. The schema writes @only(kind,
// probe, finetune), with @or(evaluate.*.kind, pairs) behind it where something else will do as
// well, @of(kind, ivf-flat) of a field that may be given where it is not read, and @needs(kind,
// mean).
type Condition struct {
	Decider string // a field of the same group, or a path with * for any name
	absent  string // what the decider means where it has no value
	values  []string
	or      *Condition
}

func newCondition(a cue.Attribute) Condition {
	c := Condition{}
	c.Decider, _ = a.String(0)
	for i := 1; i < a.NumArgs(); i++ {
		value, _ := a.String(i)
		c.values = append(c.values, value)
	}
	return c
}

// Holds reports whether the condition holds for a value of the decider.
func (c Condition) Holds(value string) bool { return slices.Contains(c.values, value) }

// At is the path of the decider, of a field at a path.
func (c Condition) At(path string) string {
	if strings.Contains(c.Decider, ".") {
		return c.Decider
	}
	return fields.Join(fields.Parent(path), c.Decider)
}

// Met says whether a condition of the field at a path holds, as far as its decider is known.
func (c Condition) Met(v fields.Values, path string) bool {
	found := v.Choices(c.At(path))
	if len(found) == 0 && c.absent != "" {
		found = []string{c.absent}
	}
	return len(found) == 0 || slices.ContainsFunc(found, c.Holds) || c.or != nil && c.or.Met(v, path)
}

// String is the decider with its values, "kind probe or finetune".
func (c Condition) String() string { return c.Decider + " " + mistake.Listed(c.values, "or") }

// IsRead says whether a field at a path is read, as far as its deciders are known: one without a
// value is missing itself, or is read by nothing here.
func (n *Field) IsRead(v fields.Values, path string) bool {
	_, unread := n.Unread(v, path)
	return !unread
}

// Unread is the first condition that leaves a field unread.
func (n *Field) Unread(v fields.Values, path string) (Condition, bool) {
	for _, c := range n.only {
		if !c.Met(v, path) {
			return c, true
		}
	}
	return Condition{}, false
}

// Says is why a field at a path is not read.
func (c Condition) Says(v fields.Values, path string) string {
	value := v.Text(c.At(path))
	if value == "" || c.or != nil {
		return fmt.Sprintf("not read (only with %s)", c.wanted(v, path))
	}
	return fmt.Sprintf("not read by %s %q (of %s)", c.Decider, value, mistake.Listed(c.values, "and"))
}

// wanted is where the condition holds, as a file has it.
func (c Condition) wanted(v fields.Values, path string) string {
	raw, quoted := string(v[c.At(path)]), make([]string, len(c.values))
	for i, value := range c.values {
		if quoted[i] = value; raw != "true" && raw != "false" {
			quoted[i] = strconv.Quote(value)
		}
	}
	text := c.Decider + ": " + mistake.Listed(quoted, "or")
	if strings.HasPrefix(raw, "[") {
		text = mistake.Listed(quoted, "or") + " in " + c.Decider
	}
	if c.or != nil {
		text += ", or " + c.or.wanted(v, path)
	}
	return text
}
