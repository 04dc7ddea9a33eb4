package spec

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"react/runner/spec/v1"
)

// checker holds one pass over one file: what was found wrong so far, and where.
type checker struct {
	*contract
	src   *source
	errs  Errors
	bad   map[string]bool // paths already reported; nothing more is said about them
	holes map[string]bool // paths at which a reference was reported and taken out: what is open there is silent, what is not is checked
	words []span          // those references in the source

	former   bool // see Options
	v1       *Pos // of the apiVersion of a file of runner/v1; nil in others
	met      *met
	expected []expectation
}

// span is a stretch of a file or an override, in bytes.
type span struct {
	file     string
	from, to int
}

// at is a position, or the file where CUE knows none.
func (c *checker) at(p token.Pos) Pos {
	if q := at(p); q.File != "" {
		return q
	}
	return Pos{File: c.src.name}
}

// start is where something is missed that no section holds.
func (c *checker) start() Pos { return Pos{File: c.src.name, Line: 1, Col: 1} }

// fieldPos is where the field of a value begins; valuePos where its value does.
func (c *checker) fieldPos(v cue.Value) Pos {
	if f, ok := v.Source().(*ast.Field); ok && f.Label.Pos().IsValid() {
		return c.at(f.Label.Pos())
	}
	return c.at(v.Pos())
}

func (c *checker) valuePos(v cue.Value) Pos {
	if f, ok := v.Source().(*ast.Field); ok && f.Value.Pos().IsValid() {
		return c.at(f.Value.Pos())
	}
	return c.at(v.Pos())
}

// isBad reports whether a mistake was already reported at, above or below a path.
func (c *checker) isBad(path string) bool {
	for p := range c.bad {
		if p == "" || p == path || below(p, path) || below(path, p) {
			return true
		}
	}
	return false
}

// isHole reports whether a reference was taken out at, above or below a path.
func (c *checker) isHole(path string) bool {
	for p := range c.holes {
		if p == path || below(p, path) || below(path, p) {
			return true
		}
	}
	return false
}

// below reports whether path lies under dir.
func below(path, dir string) bool {
	return len(path) > len(dir) && strings.HasPrefix(path, dir) && (path[len(dir)] == '.' || path[len(dir)] == '[')
}

// fail reports a mistake at a path and silences later ones there.
func (c *checker) fail(pos Pos, path, format string, args ...any) {
	c.bad[path] = true
	c.errs.add(pos, path, format, args...)
}

// visitor is what a walk over sections does with what it meets.
type visitor struct {
	prefix string                                         // of the shown path: "sweep.grid", "sweep.cases[1]"
	names  func(section string) []string                  // names that exist in a map; nil where the walk defines them
	group  func(path string, v cue.Value)                 // a section or group is present
	leaf   func(n *node, path, shown string, v cue.Value) // a field is present
}

// walk checks the fields of a group and visits what is right.
func (c *checker) walk(n *node, path string, v cue.Value, vis visitor) {
	shown := join(vis.prefix, path)
	if c.isUnusable(v, shown) {
		return
	}
	if v.IncompleteKind() != cue.StructKind {
		c.fail(c.valuePos(v), shown, "%s is not a group of fields%s", show(v), fieldList(n))
		return
	}
	if vis.group != nil && path != "" {
		vis.group(path, v)
	}
	it, err := v.Fields()
	if err != nil {
		c.fail(c.valuePos(v), shown, "%s", err)
		return
	}
	for it.Next() {
		name, w := it.Selector().Unquoted(), it.Value()
		if old, at := c.formerField(n, join(path, name)); old != nil {
			if !c.former {
				c.old(c.fieldPos(w), join(shown, name), "called %s since %s", at, v1.Now)
			}
			c.visit(old, at, w, vis)
			continue
		}
		if child := c.childAt(n, name, path, shown, w, vis); child != nil {
			c.visit(child, join(path, name), w, vis)
			continue
		}
		if near := nearest(name, n.names()); near != "" && !v.LookupPath(cue.MakePath(cue.Str(near))).Exists() {
			c.bad[join(shown, near)] = true // the field that was meant is not missing too
		}
	}
}

func (c *checker) visit(n *node, path string, v cue.Value, vis visitor) {
	shown := join(vis.prefix, path)
	if !n.isLeaf() {
		c.walk(n, path, v, vis)
		return
	}
	if c.isUnusable(v, shown) {
		return
	}
	vis.leaf(n, path, shown, v)
}

// isUnusable reports whether a value is an error. Such a value was reported when the file was evaluated, or is incomplete.
func (c *checker) isUnusable(v cue.Value, shown string) bool {
	if shown != "" && c.isBad(shown) && v.IncompleteKind() != cue.StructKind {
		return true
	}
	if v.IncompleteKind() == cue.TopKind && c.isHole(shown) {
		c.bad[shown] = true
		return true
	}
	if err := v.Err(); err != nil && v.IncompleteKind() == cue.BottomKind {
		if !c.isBad(shown) && !c.isHole(shown) {
			c.fail(c.valuePos(v), shown, "%s", evalMessage(err))
		}
		c.bad[shown] = true
		return true
	}
	return false
}

func fieldList(n *node) string {
	if n.elem != nil {
		return " (names, each with its fields)"
	}
	names := n.names()
	if len(names) > 16 {
		names = append(names[:12:12], "and others: runner explain "+n.name)
	}
	return fmt.Sprintf(" (fields: %s)", strings.Join(names, ", "))
}

// childAt is the schema of a field, or nil where there is no such field, which it reports.
func (c *checker) childAt(n *node, name, path, shown string, v cue.Value, vis visitor) *node {
	if n.elem != nil {
		return c.namedChild(n, name, path, shown, v, vis)
	}
	child := n.child(name)
	if child == nil {
		c.fail(c.fieldPos(v), join(shown, name), "unknown field%s", c.fieldHint(n, name))
	}
	return child
}

func (c *checker) namedChild(n *node, name, path, shown string, v cue.Value, vis visitor) *node {
	if vis.names != nil {
		if known := vis.names(path); !contains(known, name) {
			c.fail(c.fieldPos(v), join(shown, name), "no %s of this name%s", singular(path), didYouMean(name, known, "there is"))
			return nil
		}
		return n.elem
	}
	if !namePattern.MatchString(name) {
		c.fail(c.fieldPos(v), join(shown, name), "%q is not a name (letters, digits, - and _, a letter first)", name)
		return nil
	}
	return n.elem
}

// namePattern is #Name, for the one place where a name is a label and not a value; a test holds them equal.
var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)

func singular(section string) string {
	switch section {
	case "evaluate":
		return "evaluation"
	case "tables":
		return "table"
	}
	return section
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// formerField is the field of today that a path of runner/v1 stands for, and its path.
func (c *checker) formerField(n *node, path string) (*node, string) {
	now, old := v1.Path(path)
	if !old || n.elem != nil {
		return nil, ""
	}
	found, _ := c.find(now)
	if found == nil {
		return nil, ""
	}
	field := *found
	field.former, field.form.accepts = path, true
	return &field, now
}

// fieldHint is the nearest field of the group, or the section that does have a field of this name, or all fields.
func (c *checker) fieldHint(n *node, name string) string {
	if near := nearest(name, n.names()); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	if p := c.params.pathOf(name); p != "" {
		return fmt.Sprintf(" (did you mean %s?)", p)
	}
	return didYouMean(name, n.names(), "fields")
}

// pathOf finds the first field with a name, for a hint.
func (n *node) pathOf(name string) string {
	for _, f := range n.fields {
		if f.name == name {
			return name
		}
		if p := f.pathOf(name); p != "" {
			return join(f.name, p)
		}
	}
	if n.elem != nil {
		if p := n.elem.pathOf(name); p != "" {
			return join("NAME", p)
		}
	}
	return ""
}

// value checks one value against a constraint and returns it as JSON, or false after reporting what is wrong.
func (c *checker) value(f form, shown string, v cue.Value) (json.RawMessage, bool) {
	if c.isBad(shown) || c.isUnusable(v, shown) {
		return nil, false
	}
	if d, ok := v.Default(); ok {
		v = d
	}
	if v.IncompleteKind() == cue.ListKind && f.list != nil {
		return c.list(f, shown, v)
	}
	if now := f.former[textOf(v)]; now != "" && f.accepts {
		if !c.former {
			c.old(c.valuePos(v), shown, "%s is called %q since %s", show(v), now, v1.Now)
		}
		raw, err := json.Marshal(now)
		return raw, err == nil
	}
	if err := v.Validate(cue.Concrete(true)); err != nil {
		c.fail(c.valuePos(v), shown, "%s", c.incomplete(f, v, err))
		return nil, false
	}
	if err := f.value.Unify(v).Validate(cue.Concrete(true)); err != nil {
		c.fail(c.valuePos(v), shown, "%s", f.wrong(v))
		return nil, false
	}
	raw, err := v.MarshalJSON()
	if err != nil {
		c.fail(c.valuePos(v), shown, "%s", err)
		return nil, false
	}
	if !json.Valid(raw) { // a number that overflowed
		c.fail(c.valuePos(v), shown, "%s is not a number (%s)", raw, f)
		return nil, false
	}
	if !f.holds(raw) {
		c.fail(c.valuePos(v), shown, "%s is too large (%s)", show(v), f)
		return nil, false
	}
	return raw, true
}

// textOf is a text, or "".
func textOf(v cue.Value) string {
	s, _ := v.String()
	return s
}

// list checks the elements of a list one by one, so that each is reported at its own place.
func (c *checker) list(f form, shown string, v cue.Value) (json.RawMessage, bool) {
	it, err := v.List()
	if err != nil {
		c.fail(c.valuePos(v), shown, "%s", evalMessage(err))
		return nil, false
	}
	raws, good := []json.RawMessage{}, true
	for i := 0; it.Next(); i++ {
		raw, ok := c.value(*f.list, fmt.Sprintf("%s[%d]", shown, i), it.Value())
		raws, good = append(raws, raw), good && ok
	}
	if good && (f.fixed > 0 && len(raws) != f.fixed || f.nonEmpty && len(raws) == 0) {
		c.fail(c.valuePos(v), shown, "a list of %d does not fit (%s)", len(raws), f)
		good = false
	}
	if !good {
		c.bad[shown] = true
		return nil, false
	}
	raw, err := json.Marshal(raws)
	return raw, err == nil
}

// incomplete says that a value is a constraint, or refers to something that is not there.
func (c *checker) incomplete(f form, v cue.Value, err error) string {
	if v.Err() != nil {
		return evalMessage(v.Err())
	}
	if v.IncompleteKind() == cue.StructKind {
		return f.wrong(v)
	}
	what := show(v)
	switch {
	case what == "_":
		return fmt.Sprintf("has no value (%s)", f)
	case kindNames[what] != "":
		return fmt.Sprintf("%s is a type, not a value (%s)", what, f)
	}
	return fmt.Sprintf("%s is not one value (%s)", what, f)
}
