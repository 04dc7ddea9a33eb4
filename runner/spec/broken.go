package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"react/runner/spec/fields"
	"react/runner/spec/mistake"
)

// firstBuild evaluates the file. What does not parse ends the pass; references that lead nowhere
// and values that contradict each other are reported and taken out, so that the rest can still be
// checked.
func (c *checker) firstBuild() (cue.Value, bool) {
	if !c.checkNumbers() || !c.checkShape() || !c.checkPackages() {
		return cue.Value{}, false
	}
	for range 8 { // each round takes out at least one broken value; more are left for the next pass
		v, err := c.src.Build()
		if err != nil {
			c.noSyntax()
			return v, false
		}
		if v.Err() == nil && v.Validate(cue.All()) == nil {
			return v, true
		}
		progress, fatal := c.takeOut(v)
		if fatal {
			return v, false
		}
		if !progress {
			return v, v.Err() == nil
		}
	}
	return cue.Value{}, false
}

// noSyntax says of each file why it does not parse.
func (c *checker) noSyntax() {
	for _, f := range c.src.Files() {
		if _, err := parser.ParseFile(f.Name, f.Text); err != nil {
			c.Errs = append(c.Errs, mistake.SyntaxErrors(f.Name, f.Text, err)...)
		}
	}
}

// checkPackages holds what a folder shares to the package of the experiment, as CUE does.
func (c *checker) checkPackages() bool {
	var first *ast.File
	for _, n := range c.src.Trees() {
		f, ok := n.(*ast.File)
		if !ok || f.PackageName() == "" {
			continue
		}
		if first != nil && first.PackageName() != f.PackageName() {
			c.Add(mistake.Pos{File: f.Filename, Line: 1, Col: 1}, "", "package %s here, and package %s in %s (the same in both)",
				f.PackageName(), first.PackageName(), first.Filename)
			return false
		}
		first = f
	}
	return true
}

// maxExponent is beyond float64's. CUE takes a literal whose exponent passes 100,000 for one
// without.
const maxExponent = 400

// checkNumbers reports the numbers of the file and of the overrides that CUE would misread.
func (c *checker) checkNumbers() bool {
	before := len(c.Errs)
	for _, n := range c.src.Trees() {
		ast.Walk(n, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.FLOAT && lit.Kind != token.INT || strings.HasPrefix(lit.Value, "0x") || strings.HasPrefix(lit.Value, "0X") {
				return true
			}
			_, exponent, has := strings.Cut(strings.ToLower(lit.Value), "e")
			if e, err := strconv.Atoi(exponent); has && (err != nil || max(e, -e) > maxExponent) {
				c.Add(c.at(lit.Pos()), "", "%s is not a number to compute with (its exponent passes %d)", mistake.Cut(lit.Value, 60), maxExponent)
			}
			return true
		}, nil)
	}
	return len(c.Errs) == before
}

// takeOut reports the errors of evaluating the file and marks their fields. It reports whether
// another build can find more, and whether none can.
func (c *checker) takeOut(v cue.Value) (progress, fatal bool) {
	all := append(errors.Errors(v.Err()), errors.Errors(v.Validate(cue.All()))...)
	for _, e := range all {
		text := mistake.Message(e)
		switch {
		// by what was taken out
		case strings.HasPrefix(text, "the import ") && (c.src.Lacks() || fatal):
		case strings.HasPrefix(text, "package \"") || strings.HasPrefix(text, "import "):
			c.badImport(e)
			fatal = true
		case strings.HasPrefix(text, "reference "):
			progress = c.badReference(e) || progress
		default:
			progress = c.badValue(v, e, text) || progress
		}
	}
	return progress, fatal
}

func (c *checker) badImport(e errors.Error) {
	if text := mistake.Message(e); strings.HasPrefix(text, "package ") {
		c.Add(c.at(e.Position()), "", "%s cannot be imported (an experiment has only CUE's own packages, such as \"math\")",
			strings.Join(strings.Fields(text)[:2], " "))
	}
}

// badReference reports a name that no field has. Mostly it is text whose quotes were forgotten.
func (c *checker) badReference(e errors.Error) bool {
	pos := e.Position()
	if !c.src.TakeOut(pos) {
		return false
	}
	for _, w := range c.words {
		if w.file == pos.Filename() && w.from <= pos.Offset() && pos.Offset() < w.to {
			return true // another part of the same word: locked-text is two references
		}
	}
	word, p := c.wordAt(pos), dotted(e.Path())
	at := c.at(pos)
	if prefix := c.prefixAt(pos); prefix != "" { // pool:world/task is a field and a quotient
		word, p, at.Col = prefix+word, fields.Parent(p), at.Col-len(prefix)
	}
	c.words = append(c.words, span{pos.Filename(), pos.Offset(), pos.Offset() + len(word)})
	c.holes[p] = true
	right := c.meant(word, p, pos)
	if text, ok := c.src.TextOf(pos.Filename()); ok && mistake.AfterDash(text, pos.Offset()) {
		right = fmt.Sprintf("a list is written [%q, ...]", word)
	}
	c.Add(at, p, "%s is not a name in this file (%s)", word, right)
	if n := c.Find(p); p != "" && n != nil && !n.IsLeaf() {
		c.Silence(p) // what it lacks may be in what is not there
	}
	return true
}

// prefixAt is the word with its colon that a place of the file follows without a space.
func (c *checker) prefixAt(pos token.Pos) string {
	text, ok := c.src.TextOf(pos.Filename())
	if !ok {
		return ""
	}
	return prefixPattern.FindString(text[:pos.Offset()])
}

var prefixPattern = regexp.MustCompile(`\b[a-z]+:$`)

// meant is what a word without quotes, at a position, would be in the field at a path.
func (c *checker) meant(word, p string, pos token.Pos) string {
	first, _, dot := strings.Cut(word, ".")
	if dot && slices.Contains(packages, first) {
		return fmt.Sprintf("import %q comes first in the file", first)
	}
	if other := c.src.Beside(pos.Filename(), first); other != "" {
		return fmt.Sprintf("%s has it, and shares it once it begins with a package clause: package study", other)
	}
	if right, ok := foreignWords[word]; ok {
		return right
	}
	f := c.FormAt(p)
	switch {
	case strings.HasPrefix(word, "#"), strings.HasPrefix(word, "_"):
		return cmp.Or(strings.Trim(mistake.DidYouMean(word, c.src.Marked(), "there is"), " ()"), word+": ... defines it")
	case c.src.Matches(regexp.QuoteMeta(word) + `\(`):
		return "a function has its package before it, as in math.Pow; a list is written [..., ...]"
	case f == nil || f.TakesText():
		return fmt.Sprintf("text is quoted: %q", word)
	case f.Boolean && slices.Contains([]string{"yes", "on", "On", "Yes", "YES", "ON"}, word):
		return "true"
	case f.Boolean && slices.Contains([]string{"no", "off", "Off", "No", "NO", "OFF"}, word):
		return "false"
	}
	if f.List != nil && f.List.TakesText() {
		return fmt.Sprintf("a list: [%q]", word)
	}
	return f.String()
}

// foreignWords are what other languages call what CUE calls otherwise.
var foreignWords = map[string]string{"True": "true", "TRUE": "true", "False": "false", "FALSE": "false", "None": "leave the field out",
	"nil": "leave the field out", "NULL": "leave the field out", "range": "list.Range(1, 5, 1), after import \"list\", or [1, 2, 3, 4]"}

// packages are those of CUE's own that an experiment may well use.
var packages = []string{"list", "math", "regexp", "strconv", "strings", "struct"}

// wordAt is the source text at a position, as far as it could be one unquoted word.
func (c *checker) wordAt(pos token.Pos) string {
	text, ok := c.src.TextOf(pos.Filename())
	if !ok {
		_, text, _ = strings.Cut(pos.Filename(), "=") // an override
	}
	if pos.Offset() >= len(text) {
		return "it"
	}
	return wordPattern.FindString(text[pos.Offset():])
}

var wordPattern = regexp.MustCompile(`^[^\s"'{}\[\](),:]+`)

// badValue reports a value that evaluates to an error, such as two values for one field, and takes
// its field out. A field that was reported before is taken out silently: a word without quotes can
// leave half an expression behind.
func (c *checker) badValue(v cue.Value, e errors.Error, text string) bool {
	pos := e.Position()
	if in := e.InputPositions(); !pos.IsValid() && len(in) > 0 {
		pos = in[0]
	}
	p := fieldPath(e.Path())
	if p == "" || strings.HasPrefix(p, "let[") {
		p = ""
		if !c.Said("") {
			c.Fail(c.at(pos), "", "%s", text)
		}
		return false
	}
	if !c.src.Cut(p) {
		return false
	}
	if !c.IsBad(p) && !c.isHole(p) {
		at := c.at(pos)
		if at.Line == 0 && at.File == c.src.Name {
			at = c.fieldPos(v.LookupPath(cue.ParsePath(p)))
		}
		c.Fail(at, p, "%s", text)
	}
	return true
}

// checkShape reports what parses and is not what it looks like: fields that belong to a group by
// their indentation alone, as in YAML, and values that stand where fields do.
func (c *checker) checkShape() bool {
	before := len(c.Errs)
	for _, n := range c.src.Trees() {
		if f, ok := n.(*ast.File); ok {
			c.shapeOf(f.Decls)
		}
	}
	return len(c.Errs) == before
}

func (c *checker) shapeOf(decls []ast.Decl) {
	for i, d := range decls {
		switch d := d.(type) {
		case *ast.EmbedDecl:
			c.noField(d.Expr)
		case *ast.Field:
			c.indented(d, decls[i+1:])
		}
	}
}

// noField reports an expression among fields that cannot be a group of them.
func (c *checker) noField(x ast.Expr) {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		if name, ok := x.X.(*ast.Ident); ok && x.Op == token.EQL {
			c.Add(c.at(x.Pos()), "", "syntax: a field is written with a colon (%s: ...)", name.Name)
		}
	case *ast.ListLit:
		c.Add(c.at(x.Pos()), "", "syntax: a list stands where a field does (NAME: [..., ...])")
	case *ast.BasicLit:
		text, _ := c.src.TextOf(x.Pos().Filename())
		if at, number := mistake.DecimalComma(x.Pos().Filename(), text, x.Pos().Offset()); number != "" {
			c.Add(at, "", "%s is two values (a number has a point: %s)", number,
				strings.Replace(number, ",", ".", 1))
			return
		}
		value := mistake.Cut(x.Value, 40)
		c.Add(c.at(x.Pos()), "", "syntax: %s stands where a field does (NAME: %s)", value, value)
	}
}

// indented follows a field to the end of its line: a field on the next line is its value to CUE,
// and the ones after it are not.
func (c *checker) indented(f *ast.Field, after []ast.Decl) {
	name, _, _ := ast.LabelName(f.Label)
	group, ok := f.Value.(*ast.StructLit)
	if !ok || len(group.Elts) == 0 {
		return
	}
	inner, ok := group.Elts[0].(*ast.Field)
	if !ok || group.Lbrace.IsValid() {
		c.shapeOf(group.Elts)
		return
	}
	outer, below := f.Label.Pos().Position(), inner.Label.Pos().Position()
	next := 0
	if len(after) > 0 {
		next = after[0].Pos().Position().Column
	}
	switch {
	case below.Line == outer.Line:
		c.indented(inner, after)
	case below.Column <= outer.Column:
		c.Add(c.at(f.Label.Pos()), name, "has no value (%s: VALUE)", name)
	case next == below.Column:
		c.Add(c.at(f.Label.Pos()), name,
			"indentation makes no group of the fields below (%s: {...}, with braces around them)", name)
	}
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
		out = fields.Join(out, s)
	}
	return out
}
