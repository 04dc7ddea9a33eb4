package spec

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"

	"react/runner/spec/v1"
)

// follower returns a function that gives the file's values under an assignment. Where no field is computed from a swept one they are the values
// of the file as it stands. Where one is (warmup: div(steps, 10)), the file is evaluated anew for each choice of the axes that are referred to,
// with these set as --set would.
func (c *checker) follower(base *assignment, swept map[string]bool) func(assignment) values {
	var followed []string
	for path := range swept {
		if base.set.has(path) && c.src.refersTo(c.written(path)) {
			followed = append(followed, path)
		}
	}
	if len(c.errs) > 0 || len(followed) == 0 {
		return func(assignment) values { return base.set }
	}
	slices.Sort(followed)
	done := map[string]values{}
	return func(a assignment) values {
		key := ""
		for _, p := range followed {
			key += string(a.set[p]) + "\x00"
		}
		if _, ok := done[key]; !ok {
			done[key] = c.valuesWith(base, a, followed)
		}
		return done[key]
	}
}

// written is a path as the file has it.
func (c *checker) written(path string) []string {
	if c.former {
		path = v1.Former(path)
	}
	return strings.Split(path, ".")
}

// valuesWith evaluates the file with some axes set.
func (c *checker) valuesWith(base *assignment, a assignment, axes []string) values {
	var more []setting
	for _, p := range axes {
		if v, ok := a.vals[p]; ok {
			more = append(more, setting{path: c.written(p), expr: literalAt(v)})
		}
	}
	v, err := c.src.build(more...)
	if err != nil {
		return base.set
	}
	derived := newAssignment()
	c.readSections(v, &derived)
	out := derived.set
	for _, p := range axes { // an axis stays what it is: a case may leave it alone
		if raw, ok := base.set[p]; ok && !out.has(p) {
			out = maps.Clone(out)
			out[p] = raw
		}
	}
	return out
}

// refersTo reports whether some expression of the file, as it stands with the overrides, may read the field at a path. It errs on the side of
// yes: a file with aliases may read anything.
func (s *source) refersTo(path []string) bool {
	if s.references == nil {
		s.references = s.findReferences()
	}
	return slices.ContainsFunc(s.references, func(ref []string) bool { return touches(ref, path) })
}

// anything is a reference that may read every field.
var anything = []string{}

// touches reports whether a reference such as tune.steps, read anywhere in the file, can mean the path or a part of it. The first name may be any
// step of the path, as steps is inside tune.
func touches(ref, path []string) bool {
	if len(ref) == 0 {
		return true
	}
	for i := range path {
		n := min(len(ref), len(path)-i)
		if slices.Equal(ref[:n], path[i:i+n]) {
			return true
		}
	}
	return false
}

// findReferences lists what the expressions of the file and of the overrides name.
func (s *source) findReferences() [][]string {
	refs := [][]string{}
	for _, n := range s.trees() {
		collect(n, &refs)
	}
	return refs
}

// trees are the file and the overrides as they were written; what does not parse is not among them.
func (s *source) trees() []ast.Node {
	var nodes []ast.Node
	if f, err := parser.ParseFile(s.name, s.text); err == nil {
		nodes = append(nodes, f)
	}
	for _, set := range s.settings {
		if x, err := parser.ParseExpr(set.from, set.text); err == nil {
			nodes = append(nodes, x)
		}
	}
	return nodes
}

func collect(n ast.Node, refs *[][]string) {
	ast.Walk(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Alias, *ast.PostfixAlias:
			*refs = append(*refs, anything)
		case *ast.Field:
			if _, plain := n.Label.(*ast.Ident); plain { // the name of a field is no reference
				collect(n.Value, refs)
				return false
			}
		case *ast.SelectorExpr, *ast.Ident:
			if chain := chainOf(n); chain != nil {
				*refs = append(*refs, chain)
				return false
			}
		}
		return true
	}, nil)
}

// chainOf is a.b.c as its names, as far as they are names: a of a[i].b.
func chainOf(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.Ident:
		return []string{n.Name}
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(n.Sel)
		before := chainOf(n.X)
		if err != nil || before == nil {
			return nil
		}
		return append(before, name)
	}
	return nil
}

// literalAt is a concrete value as syntax, at the place in the file that it came from.
func literalAt(v cue.Value) ast.Expr {
	x, ok := v.Syntax(cue.Final()).(ast.Expr)
	if !ok {
		return ast.NewIdent("_")
	}
	pos := v.Pos()
	if f, ok := v.Source().(*ast.Field); ok {
		pos = f.Value.Pos()
	}
	ast.SetPos(x, pos)
	return x
}
