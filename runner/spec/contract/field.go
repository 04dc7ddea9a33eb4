package contract

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/fields"
	"react/runner/spec/v1"
)

// Field is one field of the schema: a section or group of fields, a map of named sections, or a
// leaf with a constraint.
type Field struct {
	Name   string
	Fields []*Field // group: in the schema's order
	Elem   *Field   // map: what each name holds
	Leaf   cue.Value
	Form   Form // leaf: the constraint, readable

	doc  string // the schema's comment, once document has read it
	more string // the comment of the definition that the field has
	// a value that fits, as CUE; "" where the constraint or the default gives one
	example string
	// "always"; "tune": by trials that tune; "pairs": by those that retrieve; "" not
	Required string
	Needed   []Condition // it must be given
	only     []Condition // it is read; all of them hold
	Of       []Condition // likewise, but it may be given elsewhere
	atMost   string      // the field of the group that bounds it
	Means    string      // the value that none means too
	AnyOrder bool        // the order of the list says nothing
	OneOf    string      // group of alternatives of which exactly one is given
	optional bool        // a group that may be left out, and then has no values
	Aside    bool        // it serves defaults and estimates, and no trial reads it
	Ref      string      // "pool": the value names a pool
	Set      bool        // the value may be "pool:NAME/SET"
	Former   string      // the path that runner/v1 had for it, where it was found by that
}

// IsLeaf reports whether a field is one value.
func (n *Field) IsLeaf() bool { return n.Fields == nil && n.Elem == nil }

// Child returns the field of a group, or what a name of a map holds; nil where there is none.
func (n *Field) Child(name string) *Field {
	if n.Elem != nil {
		return n.Elem
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Absent says whether a group that is not given has no values, not even defaults.
func (n *Field) Absent() bool { return n.OneOf != "" || n.optional }

// Names are those of the fields of a group.
func (n *Field) Names() []string {
	out := make([]string, len(n.Fields))
	for i, f := range n.Fields {
		out[i] = f.Name
	}
	return out
}

// NewLeaf is a field beside those of the sections, such as the label of a case; the constraint is
// CUE.
func (c *Schema) NewLeaf(name, constraint string) *Field {
	return &Field{Name: name, Form: newForm(c.Context.CompileString(constraint))}
}

// newField reads a field of the schema and what is below it.
func newField(name string, v cue.Value) *Field {
	n := &Field{Name: name}
	for _, a := range v.Attributes(cue.ValueAttr) {
		n.attribute(a)
	}
	n.Leaf = v
	if v.IncompleteKind() != cue.StructKind {
		n.Form.read(v)
		return n
	}
	for it, err := v.Fields(cue.Optional(true)); err == nil && it.Next(); {
		n.Fields = append(n.Fields, newField(it.Selector().Unquoted(), it.Value()))
	}
	for _, f := range n.Fields {
		for i := range f.only {
			if decider := n.Child(f.only[i].Decider); decider != nil {
				f.only[i].absent = decider.Means
			}
		}
	}
	if len(n.Fields) > 0 {
		return n
	}
	if elem := v.LookupPath(cue.MakePath(cue.AnyString)); elem.IncompleteKind() == cue.StructKind {
		n.Elem = newField("", elem)
	}
	return n
}

func (n *Field) attribute(a cue.Attribute) {
	arg, _ := a.String(0)
	switch a.Name() {
	case "required":
		n.Required = arg
		if arg == "" {
			n.Required = "always"
		}
	case "needs":
		n.Needed = append(n.Needed, newCondition(a))
	case "only":
		n.only = append(n.only, newCondition(a))
	case "or":
		or := newCondition(a)
		n.only[len(n.only)-1].or = &or
	case "of":
		n.Of = append(n.Of, newCondition(a))
	case "atmost":
		n.atMost = arg
	case "absent":
		n.Means = arg
	case "unordered":
		n.AnyOrder = true
	case "oneof":
		n.OneOf = arg
	case "optional":
		n.optional = true
	case "aside":
		n.Aside = true
	case "ref":
		n.Ref = arg
	case "set":
		n.Set = true
	case "example":
		n.example = a.RawArg(0) // CUE, quotes included
	case "says":
		n.Form.Says = arg
	}
}

// bounds notes which field bounds which, below a path without names.
func (n *Field) bounds(path string, into map[string]string) {
	for _, f := range n.Fields {
		if f.atMost != "" {
			of := fields.Join(path, f.atMost)
			if above, ok := strings.CutPrefix(f.atMost, ".."); ok {
				of = fields.Join(fields.Parent(path), above)
			}
			into[fields.Join(path, f.Name)] = of
		}
		f.bounds(fields.Join(path, f.Name), into)
	}
}

// PathOf finds the first field with a name, for a hint.
func (n *Field) PathOf(name string) string {
	for _, f := range n.Fields {
		if f.Name == name {
			return name
		}
		if p := f.PathOf(name); p != "" {
			return fields.Join(f.Name, p)
		}
	}
	if n.Elem != nil {
		if p := n.Elem.PathOf(name); p != "" {
			return fields.Join("NAME", p)
		}
	}
	return ""
}

// allNames are the names of all fields below a node, nearest to it first.
func (n *Field) allNames() []string {
	names := n.group().Names()
	for _, f := range n.group().Fields {
		names = append(names, f.allNames()...)
	}
	return names
}

// group is the node whose fields are below this one: itself, or what each name holds.
func (n *Field) group() *Field {
	if n.Elem != nil {
		return n.Elem
	}
	return n
}

// Wanted is what a field takes, with the schema's example where it has one.
func (n *Field) Wanted() string {
	if n.example == "" {
		return n.Form.String()
	}
	return fmt.Sprintf("%s, such as %s", n.Form, n.example)
}

// noteFormer gives fields the names that runner/v1 had for their values.
func (c *Schema) noteFormer(n *Field, path string) {
	n.Form.former = v1.FormerValues(path)
	for _, f := range n.group().Fields {
		at := path
		if n.Elem != nil {
			at = fields.Join(path, "*")
		}
		c.noteFormer(f, fields.Join(at, f.Name))
	}
}

// List names its fields, for a message.
func (n *Field) List() string {
	if n.Elem != nil {
		return " (names, each with its fields)"
	}
	names := n.Names()
	if len(names) > 16 {
		names = append(names[:12:12], strings.TrimSpace("and others: runner explain "+n.Name))
	}
	return fmt.Sprintf(" (fields: %s)", strings.Join(names, ", "))
}

// Overlay is the sections with some fields more.
func (c *Schema) Overlay(more ...*Field) *Field {
	return &Field{Fields: append(more, c.Params.Fields...)}
}
