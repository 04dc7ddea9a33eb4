package contract

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// spelling is what a message wants of a constraint. Reading them takes a third of reading the
// schema, and most files have no mistake.
type spelling struct {
	literals []string // texts that are allowed, unquoted
	text     bool     // other texts are allowed too
	wide     bool     // whole numbers up to uint64's end
	lo, hi   *bound
}

// bound is one end of a range.
type bound struct {
	value float64
	text  string
	open  bool // the end itself is out
}

// spelling reads the constraint's expression; a list's are in says, or on its elements.
func (f *Form) spelling() *spelling {
	if f.spelled != nil {
		return f.spelled
	}
	w := &spelling{}
	f.spelled = w
	if f.List != nil || !f.Value.Exists() {
		return w
	}
	src, err := format.Node(f.Value.Syntax())
	if err != nil {
		return w
	}
	if x, err := parser.ParseExpr("", src); err == nil {
		w.readExpr(x)
	}
	w.text = w.text || f.Value.IncompleteKind()&cue.StringKind != 0 && len(w.literals) == 0
	return w
}

func (w *spelling) readExpr(x ast.Expr) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		w.readExpr(x.X)
	case *ast.BinaryExpr:
		w.readExpr(x.X)
		w.readExpr(x.Y)
	case *ast.BasicLit:
		if s, err := strconv.Unquote(x.Value); err == nil {
			w.literals = append(w.literals, s)
		}
	case *ast.UnaryExpr:
		w.readBound(x)
	case *ast.Ident:
		if strings.HasPrefix(x.Name, "uint") && w.lo == nil { // how CUE prints int & >=0
			w.lo = &bound{text: "0"}
		}
		w.wide = w.wide || x.Name == "uint64"
	}
}

func (w *spelling) readBound(x *ast.UnaryExpr) {
	src, err := format.Node(x.X)
	if err != nil {
		return
	}
	v, err := strconv.ParseFloat(string(src), 64)
	if err != nil {
		return // !="" and =~"...": says or "text"
	}
	b := &bound{value: v, text: string(src), open: x.Op == token.GTR || x.Op == token.LSS}
	if x.Op == token.GTR || x.Op == token.GEQ {
		w.lo = b
		return
	}
	w.hi = b
}
