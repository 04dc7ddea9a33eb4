package spec

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/fields"
	"react/runner/spec/v1"
)

// node is one field of the schema: a section or group of fields, a map of named sections, or a leaf with a constraint.
type node struct {
	name   string
	fields []*node // group: in the schema's order
	elem   *node   // map: what each name holds
	leaf   cue.Value
	form   form // leaf: the constraint, readable

	doc      string      // the schema's comment, once document has read it
	more     string      // the comment of the definition that the field has
	example  string      // a value that fits, as CUE; "" where the constraint or the default gives one
	required string      // "always"; "tune": by trials that tune; "pairs": by those that retrieve; "" not
	needed   []condition // it must be given
	only     []condition // it is read; all of them hold
	of       []condition // likewise, but it may be given elsewhere
	atMost   string      // the field of the group that bounds it
	means    string      // the value that none means too
	anyOrder bool        // the order of the list says nothing
	oneof    string      // group of alternatives of which exactly one is given
	optional bool        // a group that may be left out, and then has no values
	ref      string      // "pool": the value names a pool
	set      bool        // the value may be "pool:NAME/SET"
	former   string      // the path that runner/v1 had for it, where it was found by that
}

func (n *node) isLeaf() bool { return n.fields == nil && n.elem == nil }

// child returns the field of a group, or what a name of a map holds; nil where there is none.
func (n *node) child(name string) *node {
	if n.elem != nil {
		return n.elem
	}
	for _, f := range n.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// absent says whether a group that is not given has no values, not even defaults.
func (n *node) absent() bool { return n.oneof != "" || n.optional }

func (n *node) names() []string {
	out := make([]string, len(n.fields))
	for i, f := range n.fields {
		out[i] = f.name
	}
	return out
}

// newLeaf is a field that the sections have not.
func (c *contract) newLeaf(name, constraint string) *node {
	return &node{name: name, form: newForm(c.ctx.CompileString(constraint))}
}

// newNode reads a field of the schema and what is below it.
func newNode(name string, v cue.Value) *node {
	n := &node{name: name}
	for _, a := range v.Attributes(cue.ValueAttr) {
		n.attribute(a)
	}
	n.leaf = v
	if v.IncompleteKind() != cue.StructKind {
		n.form.read(v)
		return n
	}
	for it, err := v.Fields(cue.Optional(true)); err == nil && it.Next(); {
		n.fields = append(n.fields, newNode(it.Selector().Unquoted(), it.Value()))
	}
	for _, f := range n.fields {
		for i := range f.only {
			if decider := n.child(f.only[i].decider); decider != nil {
				f.only[i].absent = decider.means
			}
		}
	}
	if len(n.fields) > 0 {
		return n
	}
	if elem := v.LookupPath(cue.MakePath(cue.AnyString)); elem.IncompleteKind() == cue.StructKind {
		n.elem = newNode("", elem)
	}
	return n
}

func (n *node) attribute(a cue.Attribute) {
	arg, _ := a.String(0)
	switch a.Name() {
	case "required":
		n.required = arg
		if arg == "" {
			n.required = "always"
		}
	case "needs":
		n.needed = append(n.needed, newCondition(a))
	case "only":
		n.only = append(n.only, newCondition(a))
	case "or":
		or := newCondition(a)
		n.only[len(n.only)-1].or = &or
	case "of":
		n.of = append(n.of, newCondition(a))
	case "atmost":
		n.atMost = arg
	case "absent":
		n.means = arg
	case "unordered":
		n.anyOrder = true
	case "oneof":
		n.oneof = arg
	case "optional":
		n.optional = true
	case "ref":
		n.ref = arg
	case "set":
		n.set = true
	case "example":
		n.example = a.RawArg(0) // CUE, quotes included
	case "says":
		n.form.says = arg
	}
}

// bounds notes which field bounds which, below a path without names.
func (n *node) bounds(path string, into map[string]string) {
	for _, f := range n.fields {
		if f.atMost != "" {
			of := fields.Join(path, f.atMost)
			if above, ok := strings.CutPrefix(f.atMost, ".."); ok {
				of = fields.Join(fields.Parent(path), above)
			}
			into[fields.Join(path, f.name)] = of
		}
		f.bounds(fields.Join(path, f.name), into)
	}
}

// pathOf finds the first field with a name, for a hint.
func (n *node) pathOf(name string) string {
	for _, f := range n.fields {
		if f.name == name {
			return name
		}
		if p := f.pathOf(name); p != "" {
			return fields.Join(f.name, p)
		}
	}
	if n.elem != nil {
		if p := n.elem.pathOf(name); p != "" {
			return fields.Join("NAME", p)
		}
	}
	return ""
}

// allNames are the names of all fields below a node, nearest to it first.
func (n *node) allNames() []string {
	names := n.group().names()
	for _, f := range n.group().fields {
		names = append(names, f.allNames()...)
	}
	return names
}

// group is the node whose fields are below this one: itself, or what each name holds.
func (n *node) group() *node {
	if n.elem != nil {
		return n.elem
	}
	return n
}

// wanted is what a field takes, with the schema's example where it has one.
func (n *node) wanted() string {
	if n.example == "" {
		return n.form.String()
	}
	return fmt.Sprintf("%s, such as %s", n.form, n.example)
}

// noteFormer gives fields the names that runner/v1 had for their values.
func (c *contract) noteFormer(n *node, path string) {
	n.form.former = v1.FormerValues(path)
	for _, f := range n.group().fields {
		at := path
		if n.elem != nil {
			at = fields.Join(path, "*")
		}
		c.noteFormer(f, fields.Join(at, f.name))
	}
}

// list is its fields, in the words of a mistake.
func (n *node) list() string {
	if n.elem != nil {
		return " (names, each with its fields)"
	}
	names := n.names()
	if len(names) > 16 {
		names = append(names[:12:12], "and others: runner explain "+n.name)
	}
	return fmt.Sprintf(" (fields: %s)", strings.Join(names, ", "))
}

// overlay is the sections with some fields more.
func (c *contract) overlay(more ...*node) *node {
	return &node{fields: append(more, c.params.fields...)}
}
