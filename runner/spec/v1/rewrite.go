package v1

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// Options say what the table of names does not.
type Options struct {
	// Takes reports whether a field of today takes a value.
	Takes func(path, value string) bool
}

// Problem is a place that cannot be rewritten without knowing what it computes.
type Problem struct {
	Pos token.Pos
	Msg string
}

// Edit replaces the bytes from From up to To.
type Edit struct {
	From, To int
	Text     string
}

// Rewrite lists the edits that give a file of v1 today's names, in order and apart from each other.
// The tree is as the parser gives it, references resolved. The edits are of no use where there are
// problems.
func Rewrite(f *ast.File, o Options) ([]Edit, []Problem) {
	w := &rewriter{Options: o, edits: map[int]Edit{}, seen: map[visit]bool{}, path: map[ast.Node]string{},
		renamed: map[ast.Node]string{}, followed: map[*ast.Ident]bool{}, valued: map[ast.Node]bool{}, labels: map[string]bool{}}
	file := &ast.StructLit{Elts: f.Decls}
	w.findLabels(file)
	w.fields(file, "", w.section)
	w.references(f)
	edits := make([]Edit, 0, len(w.edits))
	for _, e := range w.edits {
		edits = append(edits, e)
	}
	slices.SortFunc(edits, func(a, b Edit) int { return cmp.Compare(a.From, b.From) })
	return edits, w.problems
}

// rewriter walks the values of a file by the paths that they have in an experiment, through
// references.
type rewriter struct {
	Options
	edits    map[int]Edit // by where they begin
	problems []Problem
	labels   map[string]bool     // of cases
	seen     map[visit]bool      // so that a reference to itself ends
	path     map[ast.Node]string // of a value, by its old name: what references to it mean
	renamed  map[ast.Node]string // a value whose field has another name → the steps of that
	followed map[*ast.Ident]bool // references through which values were changed
	valued   map[ast.Node]bool   // what those refer to
}

type visit struct {
	node ast.Node
	path string
}

func (w *rewriter) problem(n ast.Node, msg string) {
	w.problems = append(w.problems, Problem{n.Pos(), msg})
}

func (w *rewriter) replace(from, to token.Pos, text string) {
	w.edits[from.Offset()] = Edit{from.Offset(), to.Offset(), text}
}

// field visits a field of a group: its path without a prefix such as sweep.grid.
type field func(path string, f *ast.Field)

// fields visits the fields of an expression that is a group at a path, also of those that it
// embeds, unifies with or refers to.
func (w *rewriter) fields(x ast.Node, path string, visitField field) {
	if x == nil || w.seen[visit{x, path}] {
		return
	}
	w.seen[visit{x, path}] = true
	w.path[x] = path
	switch x := x.(type) {
	case *ast.StructLit:
		for i, d := range x.Elts {
			w.decl(x.Elts, i, d, path, visitField)
		}
	case *ast.ParenExpr:
		w.fields(x.X, path, visitField)
	case *ast.UnaryExpr:
		w.fields(x.X, path, visitField)
	case *ast.BinaryExpr:
		w.fields(x.X, path, visitField)
		w.fields(x.Y, path, visitField)
	case *ast.ListLit: // of alternatives, [if C {A}, B][0]
		for _, e := range x.Elts {
			w.fields(e, path, visitField)
		}
	case *ast.IndexExpr:
		if _, ok := x.X.(*ast.ListLit); ok {
			w.fields(x.X, path, visitField)
		}
	case *ast.Comprehension:
		w.fields(x.Value, path, visitField)
	case *ast.Alias:
		w.fields(x.Expr, path, visitField)
	case *ast.LetClause:
		w.fields(x.Expr, path, visitField)
	case *ast.Ident:
		w.fields(x.Node, path, visitField)
	case *ast.SelectorExpr:
		for _, target := range selected(x) {
			w.fields(target, path, visitField)
		}
	}
}

func (w *rewriter) decl(decls []ast.Decl, i int, d ast.Decl, path string, visitField field) {
	switch d := d.(type) {
	case *ast.EmbedDecl:
		w.fields(d.Expr, path, visitField)
	case *ast.Comprehension:
		w.fields(d.Value, path, visitField)
	case *ast.Field:
		name, ok := labelOf(d)
		if !ok {
			name = "*" // a pattern, or a name that is computed
		}
		at := join(path, name)
		w.path[d.Value] = at
		if now, old := Path(at); old {
			w.rename(decls, i, at, now)
		} else if !ok && below(path) && !below(at) {
			w.problem(d.Label, "the name of this field is computed")
		}
		visitField(at, d)
	}
}

// labelOf is the name of a field, where it is written out.
func labelOf(f *ast.Field) (string, bool) {
	label := f.Label
	if a, ok := label.(*ast.Alias); ok {
		if inner, ok := a.Expr.(ast.Label); ok {
			label = inner
		}
	}
	name, _, err := ast.LabelName(label)
	return name, err == nil
}

// rename gives a field its new name. One that is now in a group takes the group's name with it;
// fields of one group that stand together share it.
func (w *rewriter) rename(decls []ast.Decl, i int, old, now string) {
	f := decls[i].(*ast.Field)
	label := f.Label
	if a, ok := label.(*ast.Alias); ok {
		label, _ = a.Expr.(ast.Label)
	}
	name := strings.TrimPrefix(now, old[:strings.LastIndexByte(old, '.')+1])
	w.renamed[f.Value] = name
	if a, ok := f.Value.(*ast.Alias); ok {
		w.renamed[a.Expr] = name
	}
	group, last, nested := strings.Cut(name, ".")
	if !nested {
		w.replace(label.Pos(), label.End(), name)
		return
	}
	before, after := w.inGroup(decls, i-1, old, group), w.inGroup(decls, i+1, old, group)
	text := group + ": " + last
	switch {
	case before:
		text = last
	case after:
		text = group + ": {" + last
	}
	w.replace(label.Pos(), label.End(), text)
	if before && !after {
		w.edits[f.End().Offset()] = Edit{f.End().Offset(), f.End().Offset(), "}"}
	}
}

// inGroup reports whether the declaration beside is of a field that goes into the same group.
func (w *rewriter) inGroup(decls []ast.Decl, i int, old, group string) bool {
	if i < 0 || i >= len(decls) {
		return false
	}
	f, ok := decls[i].(*ast.Field)
	if !ok {
		return false
	}
	name, ok := labelOf(f)
	parent := old[:strings.LastIndexByte(old, '.')+1]
	now, renamed := Path(parent + name)
	return ok && renamed && strings.HasPrefix(now, parent+group+".")
}

// section visits a field of a section, of the sweep or of the file.
func (w *rewriter) section(path string, f *ast.Field) {
	switch {
	case path == "apiVersion":
		w.version(f.Value)
	case path == "sweep":
		w.fields(f.Value, path, w.sweep)
	case path == "tables":
		w.fields(f.Value, path, w.table)
	case Values(path) != nil:
		w.values(f.Value, path)
	case below(path):
		w.fields(f.Value, path, w.section)
	}
}

func (w *rewriter) version(x ast.Expr) {
	lit, ok := x.(*ast.BasicLit)
	if !ok {
		w.problem(x, "the version is computed")
		return
	}
	w.replace(lit.Pos(), lit.End(), strconv.Quote(Now))
}

// sweep visits grid, cases, exclude and seeds. What they hold are sections.
func (w *rewriter) sweep(path string, f *ast.Field) {
	switch path {
	case "sweep.grid":
		w.fields(f.Value, "", w.section)
	case "sweep.cases", "sweep.exclude":
		w.elements(f.Value, func(x ast.Expr) { w.fields(x, "", w.section) })
	}
}

// elements visits what a list holds, as far as that is written out.
func (w *rewriter) elements(x ast.Node, visitElement func(x ast.Expr)) {
	if x == nil || w.seen[visit{x, "[]"}] {
		return
	}
	w.seen[visit{x, "[]"}] = true
	switch x := x.(type) {
	case *ast.ListLit:
		for _, e := range x.Elts {
			if c, ok := e.(*ast.Comprehension); ok {
				e = c.Value
			}
			visitElement(e)
		}
	case *ast.ParenExpr:
		w.elements(x.X, visitElement)
	case *ast.BinaryExpr:
		w.elements(x.X, visitElement)
		w.elements(x.Y, visitElement)
	case *ast.CallExpr: // list.Concat([a, b]) and its like
		for _, arg := range x.Args {
			w.elements(arg, func(e ast.Expr) { w.elements(e, visitElement) })
		}
	case *ast.LetClause:
		w.elements(x.Expr, visitElement)
	case *ast.Ident:
		w.elements(x.Node, visitElement)
	case *ast.SelectorExpr:
		for _, target := range selected(x) {
			w.elements(target, visitElement)
		}
	}
}

// computed is said of a value that may be an old one and is not written out.
const computed = "this value is computed, and values have new names too"

// values gives the values of a field, a list of them or a constraint on them their new names.
func (w *rewriter) values(x ast.Node, path string) {
	if x == nil || w.seen[visit{x, path + "="}] {
		return
	}
	w.seen[visit{x, path + "="}] = true
	switch x := x.(type) {
	case *ast.BasicLit:
		w.literal(x, func(s string) string { now, _ := value(path, s).(string); return now })
	case *ast.ListLit:
		for _, e := range x.Elts {
			w.values(e, path)
		}
	case *ast.Ellipsis:
		w.values(x.Type, path)
	case *ast.ParenExpr:
		w.values(x.X, path)
	case *ast.UnaryExpr:
		if x.Op == token.MAT || x.Op == token.NMAT {
			w.problem(x, computed)
			return
		}
		w.values(x.X, path)
	case *ast.BinaryExpr:
		if x.Op != token.AND && x.Op != token.OR {
			w.problem(x, computed)
			return
		}
		w.values(x.X, path)
		w.values(x.Y, path)
	case *ast.IndexExpr: // [if C {"none"}, "random"][0]
		w.values(x.X, path)
	case *ast.Comprehension:
		w.values(x.Value, path)
	case *ast.StructLit:
		for _, d := range x.Elts {
			if e, ok := d.(*ast.EmbedDecl); ok {
				w.values(e.Expr, path)
			}
		}
	case *ast.Alias:
		w.values(x.Expr, path)
	case *ast.LetClause:
		w.values(x.Expr, path)
	case *ast.ForClause:
		w.values(x.Source, path)
	case *ast.Ident:
		w.follow(x, path)
	case *ast.SelectorExpr:
		if w.pathOf(x) != path { // else it is the field itself
			w.problem(x, computed)
		}
	default:
		w.problem(x, computed)
	}
}

// follow changes the values that a name stands for.
func (w *rewriter) follow(x *ast.Ident, path string) {
	if x.Node == nil { // string, _
		return
	}
	w.followed[x], w.valued[x.Node] = true, true
	w.values(x.Node, path)
}

// literal rewrites a text.
func (w *rewriter) literal(x *ast.BasicLit, now func(string) string) {
	s, err := strconv.Unquote(x.Value)
	if x.Kind != token.STRING || err != nil {
		return
	}
	if to := now(s); to != s {
		w.replace(x.Pos(), x.End(), strconv.Quote(to))
	}
}

// selected are the values of a.b.c, where a is a name of the file.
func selected(x *ast.SelectorExpr) []ast.Expr {
	name, _, err := ast.LabelName(x.Sel)
	if err != nil {
		return nil
	}
	var from []ast.Node
	switch base := x.X.(type) {
	case *ast.Ident:
		if base.Node != nil {
			from = append(from, base.Node)
		}
	case *ast.SelectorExpr:
		for _, e := range selected(base) {
			from = append(from, e)
		}
	}
	var out []ast.Expr
	for _, n := range from {
		if let, ok := n.(*ast.LetClause); ok {
			n = let.Expr
		}
		group, ok := n.(*ast.StructLit)
		if !ok {
			continue
		}
		for _, d := range group.Elts {
			if f, ok := d.(*ast.Field); ok {
				if label, ok := labelOf(f); ok && label == name {
					out = append(out, f.Value)
				}
			}
		}
	}
	return out
}

// findLabels notes the labels of cases.
func (w *rewriter) findLabels(file ast.Node) {
	ast.Walk(file, func(n ast.Node) bool {
		f, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		if name, ok := labelOf(f); ok && name == "label" {
			if lit, ok := f.Value.(*ast.BasicLit); ok {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					w.labels[s] = true
				}
			}
		}
		return true
	}, nil)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
