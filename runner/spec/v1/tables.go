package v1

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// table visits a table of the file: its fields name paths, values and lines.
func (w *rewriter) table(path string, f *ast.Field) {
	t := tableRewriter{rewriter: w, rows: Axes{Labels: w.labels, Takes: w.Takes}, columns: Axes{Labels: w.labels, Takes: w.Takes}}
	w.fields(f.Value, path, t.findAxes)
	t.all = Axes{Paths: append(append([]string{}, t.rows.Paths...), t.columns.Paths...), Labels: w.labels, Takes: w.Takes}
	w.seen[visit{f.Value, path}] = false
	w.forget(path)
	w.fields(f.Value, path, t.field)
}

// forget has the fields at a path visited again.
func (w *rewriter) forget(path string) {
	for v := range w.seen {
		if v.path == path {
			delete(w.seen, v)
		}
	}
}

type tableRewriter struct {
	*rewriter
	rows, columns, all Axes
}

// findAxes reads the paths of rows and columns.
func (t *tableRewriter) findAxes(path string, f *ast.Field) {
	switch lastStep(path) {
	case "rows":
		t.texts(f.Value, func(lit *ast.BasicLit, s string) { t.rows.Paths = append(t.rows.Paths, s) }, nil)
	case "columns":
		t.texts(f.Value, func(lit *ast.BasicLit, s string) { t.columns.Paths = append(t.columns.Paths, s) }, nil)
	}
}

func (t *tableRewriter) field(path string, f *ast.Field) {
	toPath := func(lit *ast.BasicLit, _ string) {
		t.literal(lit, func(s string) string { now, _ := Path(s); return now })
	}
	whole := func(x ast.Node) { t.problem(x, "this is computed, and paths have new names") }
	switch lastStep(path) {
	case "rows", "columns", "group", "effect":
		t.texts(f.Value, toPath, whole)
	case "baseline":
		t.texts(f.Value, func(lit *ast.BasicLit, _ string) { t.literal(lit, Assignment) }, whole)
	case "filter":
		t.fields(f.Value, "", t.section)
	case "order":
		t.texts(f.Value, t.entry, t.computedEntry)
	case "labels":
		t.fields(f.Value, path, t.label)
	case "fixed":
		t.lines(f.Value, map[string]Axes{"row": t.rows, "against": t.rows})
	case "published":
		t.lines(f.Value, map[string]Axes{"row": t.rows, "column": t.columns})
	}
}

func (t *tableRewriter) computedEntry(x ast.Node) {
	if t.all.renames() {
		t.problem(x, computed)
	}
}

// entry rewrites an element of order, to two where one of the axes keeps the name.
func (t *tableRewriter) entry(lit *ast.BasicLit, s string) {
	now := t.all.Entry(s)
	if len(now) == 1 && now[0] == s {
		return
	}
	quoted := make([]string, len(now))
	for i, one := range now {
		quoted[i] = strconv.Quote(one)
	}
	t.replace(lit.Pos(), lit.End(), strings.Join(quoted, ", "))
}

// label rewrites what labels gives another text: a path, a value or the label of a case.
func (t *tableRewriter) label(path string, f *ast.Field) {
	name, ok := labelOf(f)
	if !ok {
		t.computedEntry(f.Label)
		return
	}
	now := t.all.Entry(name)
	if p, old := Path(name); old {
		now = []string{p}
	}
	if len(now) == 1 && now[0] == name {
		return
	}
	if len(now) > 1 {
		t.problem(f.Label, "this may be a value of two of the table's axes, of which one has a new name")
		return
	}
	t.replace(f.Label.Pos(), f.Label.End(), quotedLabel(now[0]))
}

// quotedLabel is a field's name; what is no plain word stands in quotes.
func quotedLabel(name string) string {
	if ast.IsValidIdent(name) {
		return name
	}
	return strconv.Quote(name)
}

// lines rewrites the names of lines in a list of groups.
func (t *tableRewriter) lines(x ast.Node, axes map[string]Axes) {
	t.elements(x, func(e ast.Expr) {
		t.fields(e, "{}", func(path string, f *ast.Field) {
			of, ok := axes[lastStep(path)]
			if !ok {
				return
			}
			t.texts(f.Value, func(lit *ast.BasicLit, s string) {
				now, ok := of.Line(s)
				if !ok {
					t.problem(lit, "which of its values has a new name cannot be told")
					return
				}
				t.literal(lit, func(string) string { return now })
			}, t.computedEntry)
		})
	})
}

// texts visits a text, or those of a list; other expressions are told to whole.
func (t *tableRewriter) texts(x ast.Node, visitText func(lit *ast.BasicLit, s string), whole func(x ast.Node)) {
	switch x := x.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(x.Value); err == nil && x.Kind == token.STRING {
			visitText(x, s)
		}
	case *ast.ListLit:
		for _, e := range x.Elts {
			t.texts(e, visitText, whole)
		}
	case *ast.ParenExpr:
		t.texts(x.X, visitText, whole)
	case *ast.LetClause:
		t.texts(x.Expr, visitText, whole)
	case *ast.Ident:
		if x.Node != nil {
			t.texts(x.Node, visitText, whole)
			return
		}
		t.tell(x, whole)
	case *ast.SelectorExpr:
		targets := selected(x)
		for _, target := range targets {
			t.texts(target, visitText, whole)
		}
		if len(targets) == 0 {
			t.tell(x, whole)
		}
	default:
		t.tell(x, whole)
	}
}

func (t *tableRewriter) tell(x ast.Node, whole func(x ast.Node)) {
	if whole != nil {
		whole(x)
	}
}

func lastStep(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }
