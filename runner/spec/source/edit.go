package source

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// Setting is one override: the field at path gets the value, wherever the file gives another.
type Setting struct {
	Path []string
	Text string   // an expression, parsed anew for each build
	From string   // the file name of its positions
	Expr ast.Expr // where there is no text: a literal
	Drop []string // alternatives whose place the field takes
}

// apply replaces the value in the trees, or adds the field: to the last of them, unless another
// has more of the groups around it.
func (set Setting) apply(files []*ast.File) error {
	value := func() ast.Expr { return set.Expr }
	if set.Expr == nil {
		if _, err := parser.ParseExpr(set.From, set.Text); err != nil {
			return err
		}
		value = func() ast.Expr { // anew, since each file binds the names in it by itself
			x, _ := parser.ParseExpr(set.From, set.Text)
			return x
		}
	}
	found, into := false, files[len(files)-1]
	for _, f := range files {
		for _, p := range set.Drop {
			f.Decls = remove(f.Decls, strings.Split(p, "."))
		}
		found = replace(f.Decls, set.Path, value) || found
		if depth(f.Decls, set.Path) > depth(into.Decls, set.Path) {
			into = f
		}
	}
	if !found {
		into.Decls = insert(into.Decls, set.Path, value())
	}
	return nil
}

// depth is how many of the groups on a path a file has.
func depth(decls []ast.Decl, path []string) int {
	for _, d := range decls {
		if group := groupOn(d, path); group != nil {
			return 1 + depth(group.Elts, path[1:])
		}
	}
	return 0
}

// insert adds a field inside the innermost group that the file has for it, since a group that
// embeds a definition takes no field from outside.
func insert(decls []ast.Decl, path []string, x ast.Expr) []ast.Decl {
	for _, d := range decls {
		if group := groupOn(d, path); group != nil {
			group.Elts = insert(group.Elts, path[1:], x)
			return decls
		}
	}
	return append(decls, newField(path, x))
}

// groupOn is the group that a declaration has for the first step of a path, where it is not the
// last.
func groupOn(d ast.Decl, path []string) *ast.StructLit {
	f, ok := d.(*ast.Field)
	if !ok || len(path) == 1 {
		return nil
	}
	if name, _, err := ast.LabelName(f.Label); err != nil || name != path[0] {
		return nil
	}
	return groupIn(f.Value)
}

// groupIn is the struct literal of an expression such as #common & {...}.
func groupIn(x ast.Expr) *ast.StructLit {
	switch x := x.(type) {
	case *ast.StructLit:
		return x
	case *ast.ParenExpr:
		return groupIn(x.X)
	case *ast.BinaryExpr:
		if g := groupIn(x.Y); g != nil {
			return g
		}
		return groupIn(x.X)
	}
	return nil
}

func newField(path []string, x ast.Expr) *ast.Field {
	pos := x.Pos()
	for i := len(path) - 1; ; i-- {
		label := ast.NewStringLabel(path[i])
		ast.SetPos(label, pos)
		field := &ast.Field{Label: label, Value: x}
		if i == 0 {
			return field
		}
		x = &ast.StructLit{Elts: []ast.Decl{field}}
	}
}

// replace gives the field at path a new value in every place that declares it, and reports whether
// one does.
func replace(decls []ast.Decl, path []string, value func() ast.Expr) bool {
	found := false
	for _, d := range decls {
		switch d := d.(type) {
		case *ast.EmbedDecl:
			found = replaceIn(d.Expr, path, value) || found
		case *ast.Field:
			name, _, err := ast.LabelName(d.Label)
			if err != nil || name != path[0] || d.Constraint != token.ILLEGAL {
				continue
			}
			if len(path) > 1 {
				found = replaceIn(d.Value, path[1:], value) || found
				continue
			}
			d.Value, found = value(), true
		}
	}
	return found
}

// remove takes a field out of every place that declares it.
func remove(decls []ast.Decl, path []string) []ast.Decl {
	return slices.DeleteFunc(decls, func(d ast.Decl) bool {
		f, ok := d.(*ast.Field)
		if !ok {
			return false
		}
		name, _, err := ast.LabelName(f.Label)
		if err != nil || name != path[0] {
			return false
		}
		if len(path) == 1 {
			return true
		}
		if group, ok := f.Value.(*ast.StructLit); ok {
			group.Elts = remove(group.Elts, path[1:])
			return len(group.Elts) == 0 // backbone: pretrain: seed: 0 leaves nothing
		}
		return false
	})
}

func replaceIn(x ast.Expr, path []string, value func() ast.Expr) bool {
	switch x := x.(type) {
	case *ast.StructLit:
		return replace(x.Elts, path, value)
	case *ast.ParenExpr:
		return replaceIn(x.X, path, value)
	case *ast.BinaryExpr:
		left := replaceIn(x.X, path, value)
		return replaceIn(x.Y, path, value) || left
	}
	return false
}
