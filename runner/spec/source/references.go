package source

import (
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
)

// RefersTo reports whether some expression of the files, as they stand with the overrides, may read
// the field at a path. It errs on the side of yes: a file with aliases may read anything.
func (s *Source) RefersTo(path []string) bool {
	return slices.ContainsFunc(s.names(), func(ref []string) bool { return touches(ref, path) })
}

// Uses reports whether some expression of the files may name a field of this name, whichever it is.
func (s *Source) Uses(name string) bool {
	return slices.ContainsFunc(s.names(), func(ref []string) bool {
		return len(ref) == 0 || slices.Contains(ref, name)
	})
}

// names are what the files' expressions name, found once.
func (s *Source) names() [][]string {
	if s.references == nil {
		s.references = References(s.Trees()...)
	}
	return s.references
}

// Presets are the stretches of the files that define values to be used elsewhere: hidden fields,
// definitions, and what let names.
func (s *Source) Presets() (out []ast.Node) {
	for _, tree := range s.Trees() {
		ast.Walk(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.LetClause:
				out = append(out, n)
			case *ast.Field:
				if label, ok := n.Label.(*ast.Ident); ok && strings.ContainsAny(label.Name[:1], "_#") {
					out = append(out, n)
				}
			}
			return true
		}, nil)
	}
	return out
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

// Trees are the files and the overrides as they were written; what does not parse is not among
// them.
func (s *Source) Trees() []ast.Node {
	var nodes []ast.Node
	for _, file := range s.Files() {
		if f, err := parser.ParseFile(file.Name, file.Text); err == nil {
			nodes = append(nodes, f)
		}
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

// Marked are the names of the files' definitions and hidden fields.
func (s *Source) Marked() (names []string) {
	for _, f := range s.Files() {
		for _, m := range markedName.FindAllStringSubmatch(f.Text, -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// Matches reports whether one of the files has a match of a pattern.
func (s *Source) Matches(pattern string) bool {
	re := regexp.MustCompile(pattern)
	return slices.ContainsFunc(s.Files(), func(f File) bool { return re.MatchString(f.Text) })
}

// Beside is the file, other than that of a name, which has a field that is called so; "" where
// none has.
func (s *Source) Beside(file, field string) string {
	for _, n := range s.Trees() {
		f, ok := n.(*ast.File)
		if !ok || f.Filename == file {
			continue
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.Field); ok {
				if name, isName := d.Label.(*ast.Ident); isName && name.Name == field {
					return f.Filename
				}
			}
		}
	}
	return ""
}

var markedName = regexp.MustCompile(`(?m)(?:^|[\s{,])([#_]\w+)\s*:`)
