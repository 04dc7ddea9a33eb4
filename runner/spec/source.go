package spec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/ast/astutil"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"react/runner/spec/v1"
)

// source is an experiment file and what is done to its syntax tree before it is evaluated.
type source struct {
	ctx      *cue.Context
	name     string
	text     []byte
	settings []setting           // --set, in order
	idents   map[string]bool     // positions of references that lead nowhere, taken out so that the rest can be checked
	cuts     map[string]struct{} // paths whose values do not evaluate, taken out likewise

	references [][]string // what the file's expressions name, once found
}

// setting is one override: the field at path gets the value, wherever the file gives another.
type setting struct {
	path []string
	text string   // an expression, parsed anew for each build
	from string   // the file name of its positions
	expr ast.Expr // where there is no text: a literal
	drop []string // alternatives whose place the field takes
}

func newSource(ctx *cue.Context, name string, text []byte) *source {
	return &source{ctx: ctx, name: name, text: text, idents: map[string]bool{}, cuts: map[string]struct{}{}}
}

// build parses the file, applies the settings, takes out what is known to be broken and evaluates the rest. An error is a syntax error.
func (s *source) build(more ...setting) (cue.Value, error) {
	f, err := parser.ParseFile(s.name, s.text)
	if err != nil {
		return cue.Value{}, err
	}
	for _, set := range append(s.settings[:len(s.settings):len(s.settings)], more...) {
		if err := set.apply(f); err != nil {
			return cue.Value{}, err
		}
	}
	for p := range s.cuts {
		replace(f.Decls, strings.Split(p, "."), top)
	}
	s.removeIdents(f)
	resolve(f)
	return s.ctx.BuildFile(f), nil
}

func top() ast.Expr { return ast.NewIdent("_") }

// removeIdents puts _ in the place of the references that lead nowhere, with the computation they are part of: locked-text is a difference.
func (s *source) removeIdents(f *ast.File) {
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
func (s *source) isBroken(x ast.Expr) bool {
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

// isLabel reports whether the node at the cursor names a field; an added field has the position of its value.
func isLabel(c astutil.Cursor) bool {
	if c.Parent() == nil {
		return false
	}
	f, ok := c.Parent().Node().(*ast.Field)
	return ok && ast.Node(f.Label) == c.Node()
}

// resolve binds references again after an edit: a tree that was edited keeps pointing at the replaced nodes.
func resolve(f *ast.File) {
	ast.Walk(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			id.Node, id.Scope = nil, nil
		}
		return true
	}, nil)
	f.Unresolved = nil
	astutil.Resolve(f, func(token.Pos, string, ...any) {}) // what it cannot bind, evaluation reports
}

// apply replaces the value in the tree, or adds the field.
func (set setting) apply(f *ast.File) error {
	value := func() ast.Expr { return set.expr }
	if set.expr == nil {
		x, err := parser.ParseExpr(set.from, set.text)
		if err != nil {
			return err
		}
		value = func() ast.Expr { return x }
	}
	for _, p := range set.drop {
		f.Decls = remove(f.Decls, strings.Split(p, "."))
	}
	if replace(f.Decls, set.path, value) {
		return nil
	}
	f.Decls = insert(f.Decls, set.path, value())
	return nil
}

// insert adds a field inside the innermost group that the file has for it, since a group that embeds a definition takes no field from outside.
func insert(decls []ast.Decl, path []string, x ast.Expr) []ast.Decl {
	for _, d := range decls {
		f, ok := d.(*ast.Field)
		if !ok || len(path) == 1 {
			continue
		}
		name, _, err := ast.LabelName(f.Label)
		if group := groupIn(f.Value); err == nil && name == path[0] && group != nil {
			group.Elts = insert(group.Elts, path[1:], x)
			return decls
		}
	}
	return append(decls, newField(path, x))
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

// replace gives the field at path a new value in every place that declares it, and reports whether one does.
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

// plainText is an unquoted word, as people write after --set.
var plainText = regexp.MustCompile(`^[^\s"'{}\[\](),]+$`)

// parseSetting reads PATH=VALUE. Where the schema wants text, VALUE may leave its quotes out: tune.mode=full, backbone.weights=a/b.
func (c *checker) parseSetting(arg string) (setting, error) {
	p, value, ok := strings.Cut(arg, "=")
	p, value = strings.TrimSpace(p), strings.TrimSpace(value)
	if !ok || p == "" || value == "" {
		return setting{}, fmt.Errorf("not PATH=VALUE, such as tune.gamma=0.8")
	}
	sels := cue.ParsePath(p)
	if sels.Err() != nil {
		return setting{}, fmt.Errorf("%q is not a dotted path, such as tune.gamma", p)
	}
	set := setting{text: value, from: setPrefix + arg}
	for _, sel := range sels.Selectors() {
		if sel.Type() != cue.StringLabel {
			return setting{}, fmt.Errorf("[%s] is a part of a list; set the whole list, such as sweep.seeds=[0, 1]", sel)
		}
		set.path = append(set.path, sel.Unquoted())
	}
	now, old := v1.Path(strings.Join(set.path, "."))
	if old && !c.former {
		return setting{}, fmt.Errorf("%s: called %s since %s", strings.Join(set.path, "."), now, v1.Now)
	}
	set.drop = c.alternatives(now)
	x, err := parser.ParseExpr(set.from, set.text)
	switch {
	case c.wantsText(strings.Split(now, ".")) && (isBareText(value) || !isMarked(value) && (err != nil || c.namesNothing(x))):
		set.text = strconv.Quote(value)
	case err != nil:
		return setting{}, errors.New(c.notCUE(set))
	}
	return set, nil
}

// notCUE says what is wrong with a value that does not parse, and what the field takes.
func (c *checker) notCUE(set setting) string {
	f := c.formAt(strings.Join(set.path, "."))
	if f != nil && f.list != nil && f.list.value.IncompleteKind()&cue.StringKind != 0 && !isMarked(set.text) {
		return fmt.Sprintf("not a list of text ([%q])", set.text)
	}
	text := "value: " + set.text // hints look for a field
	_, err := parser.ParseFile(set.from, text)
	if err == nil { // "a: 1" is a field's value, and no expression
		return "syntax: not a value"
	}
	said := syntaxErrors(set.from, text, err)[0].Msg
	if f != nil && !strings.HasSuffix(said, ")") {
		said += fmt.Sprintf(" (%s)", f)
	}
	return said
}

// namesNothing reports whether an expression is of names alone, of which none is in the file: words.
func (c *checker) namesNothing(x ast.Expr) bool {
	var refs [][]string
	literal := false
	collect(x, &refs)
	ast.Walk(x, func(n ast.Node) bool {
		_, is := n.(*ast.BasicLit)
		literal = literal || is
		return true
	}, nil)
	for _, ref := range refs {
		if len(ref) == 0 || regexp.MustCompile(`\b`+regexp.QuoteMeta(ref[0])+`"?\s*[:=]`).Match(c.src.text) {
			return false
		}
	}
	return !literal && len(refs) > 0
}

// isMarked reports whether a value begins as text in quotes or a list does: then it was meant as CUE.
func isMarked(value string) bool { return strings.ContainsAny(value[:1], "\"'[{") }

// wantsText reports whether the schema takes text at a path of the file.
func (c *contract) wantsText(path []string) bool {
	if n := c.root.child(path[0]); n != nil {
		return true
	}
	if path[0] == "tables" && len(path) > 2 {
		n := c.table.child(path[2])
		return n != nil && n.isLeaf() && n.form.value.IncompleteKind()&cue.StringKind != 0
	}
	n, _ := c.find(strings.Join(path, "."))
	return n != nil && n.isLeaf() && n.form.value.IncompleteKind()&cue.StringKind != 0
}

// isBareText reports whether a value is text without quotes and not a number, a list or a computation of other sorts.
func isBareText(value string) bool {
	if !plainText.MatchString(value) {
		return false
	}
	_, err := strconv.ParseFloat(value, 64)
	return err != nil
}

// fieldPath is the path of the field that an error lies in: up to the first list.
func fieldPath(steps []string) string {
	for i, s := range steps {
		if _, err := strconv.Atoi(s); err == nil {
			return strings.Join(steps[:i], ".")
		}
	}
	return strings.Join(steps, ".")
}

// dotted is a path of CUE's in our spelling: list positions in brackets.
func dotted(steps []string) string {
	out := ""
	for _, s := range steps {
		if _, err := strconv.Atoi(s); err == nil {
			out += "[" + s + "]"
			continue
		}
		out = join(out, s)
	}
	return out
}
