package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/source"
	"react/runner/spec/v1"
)

// checker holds one pass over one file.
type checker struct {
	*contract.Schema
	*mistake.Found
	src *source.Source
	// paths at which a reference was reported and taken out: what is open there is silent, what is
	// not is checked
	holes map[string]bool
	words []span // those references in the source

	former   bool         // see Options
	v1       *mistake.Pos // of the apiVersion of a file of runner/v1; nil in others
	met      *met
	expected []expectation
}

// span is a stretch of a file or an override, in bytes.
type span struct {
	file     string
	from, to int
}

// at is a position, or the file where CUE knows none.
func (c *checker) at(p token.Pos) mistake.Pos {
	if q := mistake.At(p); q.File != "" {
		return q
	}
	return mistake.Pos{File: c.src.Name}
}

// fieldPos is where the field of a value begins; valuePos where its value does.
func (c *checker) fieldPos(v cue.Value) mistake.Pos {
	if f, ok := v.Source().(*ast.Field); ok && f.Label.Pos().IsValid() {
		return c.at(f.Label.Pos())
	}
	return c.at(v.Pos())
}

func (c *checker) valuePos(v cue.Value) mistake.Pos {
	if f, ok := v.Source().(*ast.Field); ok && f.Value.Pos().IsValid() {
		return c.at(f.Value.Pos())
	}
	return c.at(v.Pos())
}

// isHole reports whether a reference was taken out at, above or below a path.
func (c *checker) isHole(path string) bool {
	for p := range c.holes {
		if p == path || fields.Below(p, path) || fields.Below(path, p) {
			return true
		}
	}
	return false
}

// visitor is what a walk over sections does with what it meets.
type visitor struct {
	// of the shown path: "sweep.grid", "sweep.cases[1]"
	prefix string
	// names that exist in a map; nil where the walk defines them
	names func(section string) []string
	group func(path string, v cue.Value)                           // a section or group is present
	leaf  func(n *contract.Field, path, shown string, v cue.Value) // a field is present
}

// walk checks the fields of a group and visits what is right.
func (c *checker) walk(n *contract.Field, path string, v cue.Value, vis visitor) {
	shown := fields.Join(vis.prefix, path)
	if c.isUnusable(v, shown) {
		return
	}
	if v.IncompleteKind() != cue.StructKind {
		c.Fail(c.valuePos(v), shown, "%s is not a group of fields%s", mistake.Show(v), n.List())
		return
	}
	if vis.group != nil && path != "" {
		vis.group(path, v)
	}
	it, err := v.Fields()
	if err != nil {
		c.Fail(c.valuePos(v), shown, "%s", err)
		return
	}
	c.marked(n, shown, v)
	for it.Next() && !c.Said(shown) {
		name, w := it.Selector().Unquoted(), it.Value()
		if old, at := c.FormerField(n, fields.Join(path, name)); old != nil {
			if !c.former {
				c.AddOld(c.fieldPos(w), fields.Join(shown, name), "called %s since %s", at, v1.Now)
			}
			c.visit(old, at, w, vis)
			continue
		}
		if child := c.childAt(n, name, path, shown, w, vis); child != nil {
			c.visit(child, fields.Join(path, name), w, vis)
			continue
		}
		if near := n.Meant(name); near != "" && !v.LookupPath(cue.MakePath(cue.Str(near))).Exists() {
			c.Silence(fields.Join(shown, near)) // the field that was meant is not missing too
		}
	}
}

// marked warns of hidden fields, definitions and optional fields that are called as fields of the
// group: CUE takes them, and they set nothing. Those that some expression names are helpers.
func (c *checker) marked(n *contract.Field, shown string, v cue.Value) {
	it, err := v.Fields(cue.Hidden(true), cue.Definitions(true), cue.Optional(true))
	for err == nil && it.Next() {
		sel := it.Selector()
		mark := marks[sel.LabelType()]
		if sel.ConstraintType() == cue.OptionalConstraint {
			mark = "an optional field"
		}
		name := strings.Trim(sel.String(), `_#?"`)
		isField := n.Elem != nil && contract.IsName(name) || n.Elem == nil && n.Child(name) != nil
		if mark == "" || !isField || c.former || c.src.Uses(sel.String()) {
			continue
		}
		c.expect(c.fieldPos(it.Value()), fields.Join(shown, sel.String()),
			func(*met) bool { return false }, "%s sets nothing (did you mean %s?)", mark, name)
	}
}

// marks are the sorts of labels that are no fields of a configuration.
var marks = map[cue.SelectorType]string{cue.HiddenLabel: "a hidden field",
	cue.DefinitionLabel: "a definition", cue.HiddenDefinitionLabel: "a hidden definition"}

func (c *checker) visit(n *contract.Field, path string, v cue.Value, vis visitor) {
	shown := fields.Join(vis.prefix, path)
	if !n.IsLeaf() {
		c.walk(n, path, v, vis)
		return
	}
	if c.isUnusable(v, shown) {
		return
	}
	vis.leaf(n, path, shown, v)
}

// isUnusable reports whether a value is an error. Such a value was reported when the file was
// evaluated, or is incomplete.
func (c *checker) isUnusable(v cue.Value, shown string) bool {
	if shown != "" && c.IsBad(shown) && v.IncompleteKind() != cue.StructKind {
		return true
	}
	if v.IncompleteKind() == cue.TopKind && c.isHole(shown) {
		c.Silence(shown)
		return true
	}
	if err := v.Err(); err != nil && v.IncompleteKind() == cue.BottomKind {
		if !c.IsBad(shown) && !c.isHole(shown) {
			text := mistake.FirstMessage(err)
			if loop, ok := c.loop(v); ok {
				text = mistake.Loop(loop)
			}
			c.Fail(c.valuePos(v), shown, "%s", text)
		}
		c.Silence(shown)
		return true
	}
	return false
}

// childAt is the schema of a field, or nil where there is no such field, which it reports.
func (c *checker) childAt(n *contract.Field, name, path, shown string, v cue.Value, vis visitor) *contract.Field {
	if n.Elem != nil {
		return c.namedChild(n, name, path, shown, v, vis)
	}
	child := n.Child(name)
	if child == nil && strings.ContainsAny(name, "./") {
		c.Fail(c.fieldPos(v), fields.Join(shown, strconv.Quote(name)), "a path is no field's name (%s:)",
			strings.NewReplacer(".", ": ", "/", ": ").Replace(name))
	} else if child == nil {
		c.Fail(c.fieldPos(v), fields.Join(shown, name), "unknown field%s", c.Hint(n, name))
	}
	return child
}

func (c *checker) namedChild(n *contract.Field, name, path, shown string, v cue.Value, vis visitor) *contract.Field {
	if vis.names != nil {
		if known := vis.names(path); !slices.Contains(known, name) {
			c.Fail(c.fieldPos(v), fields.Join(shown, name), "no %s of this name%s", singular(path), mistake.DidYouMean(name, known, "there is"))
			return nil
		}
		return n.Elem
	}
	if f := n.Elem.Child(name); f != nil && v.IncompleteKind() != cue.StructKind {
		c.Fail(c.fieldPos(v), shown, "%s stands outside of %s (%s: NAME: {%s: ..., ...})",
			name, article(singular(path)), shown, name)
		return nil
	}
	if !contract.IsName(name) {
		c.Fail(c.fieldPos(v), fields.Join(shown, name), "%q is not a name (letters, digits, - and _, a letter first)", name)
		return nil
	}
	return n.Elem
}

// article puts a or an before a noun.
func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}

func singular(section string) string {
	switch section {
	case "evaluate":
		return "evaluation"
	case "tables":
		return "table"
	}
	return section
}

// value checks one value against a constraint and returns it as JSON, or false after reporting what
// is wrong.
func (c *checker) value(f contract.Form, shown string, v cue.Value) (json.RawMessage, bool) {
	if c.IsBad(shown) || c.isUnusable(v, shown) {
		return nil, false
	}
	if v.IncompleteKind() == cue.StructKind && c.isHole(shown) {
		c.Silence(shown) // pool:world/task without quotes is a group
		return nil, false
	}
	if d, ok := v.Default(); ok {
		v = d
	}
	if v.IncompleteKind() == cue.ListKind && f.List != nil {
		return c.list(f, shown, v)
	}
	if v.IncompleteKind() == cue.ListKind && c.canVary(shown) && v.Validate(cue.Concrete(true)) == nil {
		c.Fail(c.valuePos(v), shown,
			"%s is a list where one value stands (%s; to sweep it, put it under sweep.grid)", mistake.Show(v), f)
		return nil, false
	}
	if now := f.Today(v); now != "" && f.Accepts {
		if !c.former {
			c.AddOld(c.valuePos(v), shown, "%s is called %q since %s", mistake.Show(v), now, v1.Now)
		}
		raw, err := json.Marshal(now)
		return raw, err == nil
	}
	if err := v.Validate(cue.Concrete(true)); err != nil {
		c.Fail(c.valuePos(v), shown, "%s", c.incomplete(f, v, err))
		return nil, false
	}
	if err := f.Value.Unify(v).Validate(cue.Concrete(true)); err != nil {
		c.Fail(c.valuePos(v), shown, "%s", f.Wrong(v))
		return nil, false
	}
	raw, err := v.MarshalJSON()
	if err != nil {
		c.Fail(c.valuePos(v), shown, "%s", err)
		return nil, false
	}
	if !json.Valid(raw) { // a number that overflowed
		c.Fail(c.valuePos(v), shown, "%s is not a number (%s)", raw, f)
		return nil, false
	}
	if !f.Holds(raw) {
		c.Fail(c.valuePos(v), shown, "%s is too large (%s)", mistake.Show(v), f)
		return nil, false
	}
	return raw, true
}

// list checks the elements of a list one by one, so that each is reported at its own place.
func (c *checker) list(f contract.Form, shown string, v cue.Value) (json.RawMessage, bool) {
	it, err := v.List()
	if err != nil {
		c.Fail(c.valuePos(v), shown, "%s", mistake.FirstMessage(err))
		return nil, false
	}
	raws, good := []json.RawMessage{}, true
	for i := 0; it.Next(); i++ {
		raw, ok := c.value(*f.List, fmt.Sprintf("%s[%d]", shown, i), it.Value())
		raws, good = append(raws, raw), good && ok
	}
	if good && !f.HasLength(len(raws)) {
		c.Fail(c.valuePos(v), shown, "a list of %d does not fit (%s)", len(raws), f)
		good = false
	}
	if !good {
		c.Silence(shown)
		return nil, false
	}
	raw, err := json.Marshal(raws)
	return raw, err == nil
}

// incomplete says that a value is a constraint, or refers to something that is not there.
func (c *checker) incomplete(f contract.Form, v cue.Value, err error) string {
	if loop, ok := c.loop(v); ok {
		return mistake.Loop(loop)
	}
	if v.Err() != nil {
		return mistake.FirstMessage(v.Err())
	}
	if v.IncompleteKind() == cue.StructKind {
		return f.Wrong(v)
	}
	what := mistake.Show(v)
	switch {
	case what == "_":
		return fmt.Sprintf("has no value (%s)", f)
	case mistake.IsKind(what):
		return fmt.Sprintf("%s is a type, not a value (%s)", what, f)
	}
	return fmt.Sprintf("%s is not one value (%s)", what, f)
}

// canVary reports whether a path is one that a grid could have.
func (c *checker) canVary(shown string) bool {
	return !strings.HasSuffix(shown, "]") &&
		(c.Find(shown) != nil || strings.HasPrefix(shown, "sweep.cases["))
}

// loop are the fields through which a value is computed from itself. Nothing more is said of them.
func (c *checker) loop(v cue.Value) (through []string, ok bool) {
	through, ok = loopBack(v, v.Path().String(), map[string]bool{})
	for _, other := range through {
		c.Silence(other)
	}
	return through, ok
}

// loopBack looks for a way from a value over the fields that it names to the field at start.
func loopBack(v cue.Value, start string, seen map[string]bool) (through []string, ok bool) {
	if root, p := v.ReferencePath(); len(p.Selectors()) > 0 {
		at := p.String()
		if at == start || seen[at] {
			return nil, at == start
		}
		seen[at] = true
		through, ok = loopBack(root.LookupPath(p), start, seen)
		return append([]string{at}, through...), ok
	}
	if op, parts := v.Expr(); op != cue.NoOp && op != cue.SelectorOp {
		for _, part := range parts {
			if through, ok = loopBack(part, start, seen); ok {
				return through, true
			}
		}
	}
	return nil, false
}
