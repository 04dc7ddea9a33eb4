package v1

import (
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// references gives the expressions that refer to renamed fields the new names, and what is compared
// with their values. It comes last: it needs to know which values are which fields'.
func (w *rewriter) references(f *ast.File) {
	ast.Walk(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field: // its name is no reference
			w.referencesIn(n.Value)
			if _, static := labelOf(n); !static {
				w.referencesIn(n.Label)
			}
			return false
		case ast.Expr:
			w.reference(n)
		}
		return true
	}, nil)
}

func (w *rewriter) referencesIn(n ast.Node) {
	if n == nil {
		return
	}
	w.references(&ast.File{Decls: []ast.Decl{&ast.EmbedDecl{Expr: asExpr(n)}}})
}

func asExpr(n ast.Node) ast.Expr {
	x, _ := n.(ast.Expr)
	return x
}

func (w *rewriter) reference(x ast.Expr) {
	switch x := x.(type) {
	case *ast.Ident:
		if name := w.renamed[x.Node]; x.Node != nil && name != "" {
			w.replace(x.Pos(), x.End(), name)
		}
		if x.Node != nil && w.valued[x.Node] && !w.followed[x] && w.renamed[x.Node] == "" {
			w.problem(x, "what it stands for is a value with a new name there, and perhaps none here")
		}
	case *ast.SelectorExpr:
		if now, old := w.target(x); old {
			w.replace(x.Sel.Pos(), x.Sel.End(), now)
		}
	case *ast.BinaryExpr:
		if x.Op == token.EQL || x.Op == token.NEQ {
			w.compared(x.X, x.Y)
			w.compared(x.Y, x.X)
		}
	}
}

// target is the new name of the field that a.b refers to, in the group that it was in.
func (w *rewriter) target(x *ast.SelectorExpr) (now string, renamed bool) {
	for _, v := range selected(x) {
		if name := w.renamed[v]; name != "" {
			return name, true
		}
	}
	path := w.pathOf(x)
	if path == "" {
		return "", false
	}
	to, renamed := Path(path)
	return to[len(parent(path)):], renamed
}

func parent(path string) string { return path[:len(path)-len(lastStep(path))] }

// pathOf is the old path of what an expression refers to; "" where it is none of the file's
// sections.
func (w *rewriter) pathOf(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return w.pathOf(x.X)
	case *ast.Ident:
		return w.path[x.Node]
	case *ast.SelectorExpr:
		base := w.pathOf(x.X)
		name, _, err := ast.LabelName(x.Sel)
		if base == "" || err != nil {
			return ""
		}
		return base + "." + name
	}
	return ""
}

// compared gives a text that a field is compared with its new name.
func (w *rewriter) compared(field, with ast.Expr) {
	path := w.pathOf(field)
	if path == "" || Values(path) == nil {
		return
	}
	lit, ok := with.(*ast.BasicLit)
	if !ok {
		w.problem(with, computed)
		return
	}
	if s, err := strconv.Unquote(lit.Value); err == nil {
		w.literal(lit, func(string) string { now, _ := value(path, s).(string); return now })
	}
}
