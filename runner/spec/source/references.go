package source

import (
	"regexp"
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

// RefersTo reports whether some expression of the file, as it stands with the overrides, may read
// the field at a path. It errs on the side of yes: a file with aliases may read anything.
func (s *Source) RefersTo(path []string) bool {
	if s.references == nil {
		s.references = References(s.Trees()...)
	}
	return slices.ContainsFunc(s.references, func(ref []string) bool { return touches(ref, path) })
}

// anything is a reference that may read every field.
var anything = []string{}

// touches reports whether a reference such as tune.steps, read anywhere in the file, can mean the
// path or a part of it. The first name may be any step of the path, as steps is inside tune.
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

// References lists what expressions name.
func References(in ...ast.Node) [][]string {
	refs := [][]string{}
	for _, n := range in {
		collect(n, &refs)
	}
	return refs
}

// Trees are the file and the overrides as they were written; what does not parse is not among them.
func (s *Source) Trees() []ast.Node {
	var nodes []ast.Node
	if f, err := parser.ParseFile(s.Name, s.Text); err == nil {
		nodes = append(nodes, f)
	}
	for _, set := range s.Settings {
		if x, err := parser.ParseExpr(set.From, set.Text); err == nil {
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
			if _, isName := n.Label.(*ast.Ident); isName { // the name of a field is no reference
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

// Marked are the names of the file's definitions and hidden fields.
func (s *Source) Marked() (names []string) {
	for _, m := range markedName.FindAllStringSubmatch(s.Text, -1) {
		names = append(names, m[1])
	}
	return names
}

var markedName = regexp.MustCompile(`(?m)(?:^|[\s{,])([#_]\w+)\s*:`)
