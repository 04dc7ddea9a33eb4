// Package source is the text of an experiment file as CUE's syntax tree, and what is done to that
// before it is evaluated: overrides and axes take the place of values, what is broken is taken out
// so that the rest can be checked. What the file's folder shares is a second file, of the same
// package, which is unified with it. Package source knows fields by path and not what they mean.
package source

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// File is a file by the name that positions call it.
type File struct{ Name, Text string }

// Source is an experiment file and what is done to its syntax tree before it is evaluated.
type Source struct {
	File
	Common   *File // what its folder shares; nil where that is nothing
	ctx      *cue.Context
	Settings []Setting // --set, in order
	// positions of references that lead nowhere, taken out so that the rest can be checked
	idents map[string]bool
	cuts   map[string]bool // paths whose values do not evaluate, taken out likewise

	references [][]string // what the file's expressions name, once found
}

// New is the source of a text; name is what its positions call it.
func New(ctx *cue.Context, name, text string) *Source {
	return &Source{ctx: ctx, File: File{name, text}, idents: map[string]bool{}, cuts: map[string]bool{}}
}

// Files are all that is read, the experiment last.
func (s *Source) Files() []File {
	if s.Common == nil {
		return []File{s.File}
	}
	return []File{*s.Common, s.File}
}

// TextOf is the text of one of the files, and whether there is one of this name.
func (s *Source) TextOf(name string) (text string, ok bool) {
	for _, f := range s.Files() {
		if f.Name == name {
			return f.Text, true
		}
	}
	return "", false
}

// Build parses the files, applies the settings, takes out what is known to be broken and evaluates
// the rest. An error is a syntax error.
func (s *Source) Build(more ...Setting) (cue.Value, error) {
	var files []*ast.File
	for _, file := range s.Files() {
		f, err := parser.ParseFile(file.Name, file.Text)
		if err != nil {
			return cue.Value{}, err
		}
		files = append(files, f)
	}
	for _, set := range append(s.Settings[:len(s.Settings):len(s.Settings)], more...) {
		if err := set.apply(files); err != nil {
			return cue.Value{}, err
		}
	}
	inst := build.NewContext().NewInstance("", nil)
	for _, f := range files {
		for p := range s.cuts {
			replace(f.Decls, strings.Split(p, "."), top)
		}
		s.removeIdents(f)
		resolve(f)
		_ = inst.AddSyntax(f) // which keeps its error for BuildInstance
	}
	return s.ctx.BuildInstance(inst), nil
}

// TakeOut takes out the reference at a position, and reports whether it was there yet.
func (s *Source) TakeOut(pos token.Pos) bool {
	was := s.idents[pos.String()]
	s.idents[pos.String()] = true
	return !was
}

// Cut takes out the value at a path, and reports whether it was there yet.
func (s *Source) Cut(path string) bool {
	was := s.cuts[path]
	s.cuts[path] = true
	return !was
}

// Lacks reports whether something was taken out.
func (s *Source) Lacks() bool { return len(s.cuts)+len(s.idents) > 0 }

func top() ast.Expr { return ast.NewIdent("_") }

// removeIdents puts _ in the place of the references that lead nowhere, with the computation they
// are part of: locked-text is a difference.
func (s *Source) removeIdents(f *ast.File) {
	if len(s.idents) == 0 {
		return
	}
	astutil.Apply(f, func(c astutil.Cursor) bool {
		if x, ok := c.Node().(ast.Expr); ok && !isLabel(c) && s.isBroken(x) {
			c.Replace(top())
			return false
		}
		return true
	}, nil)
}

// isBroken reports whether an expression is a broken reference, or computes with one.
func (s *Source) isBroken(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return s.idents[x.Pos().String()]
	case *ast.ParenExpr:
		return s.isBroken(x.X)
	case *ast.UnaryExpr:
		return s.isBroken(x.X)
	case *ast.SelectorExpr:
		return s.isBroken(x.X)
	case *ast.CallExpr:
		return s.isBroken(x.Fun) || slices.ContainsFunc(x.Args, s.isBroken)
	case *ast.BinaryExpr:
		return x.Op != token.AND && x.Op != token.OR && (s.isBroken(x.X) || s.isBroken(x.Y))
	}
	return false
}

// isLabel reports whether the node at the cursor names a field; an added field has the position of
// its value.
func isLabel(c astutil.Cursor) bool {
	if c.Parent() == nil {
		return false
	}
	f, ok := c.Parent().Node().(*ast.Field)
	return ok && ast.Node(f.Label) == c.Node()
}

// resolve binds references again after an edit: a tree that was edited keeps pointing at the
// replaced nodes.
func resolve(f *ast.File) {
	ast.Walk(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			id.Node, id.Scope = nil, nil
		}
		return true
	}, nil)
	f.Unresolved = nil
	// what it cannot bind, evaluation reports
	astutil.Resolve(f, func(token.Pos, string, ...any) {})
}
