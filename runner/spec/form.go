package spec

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"react/runner/spec/v1"
)

// form is a constraint of the schema in a shape that can be said in English: some literals, a range of numbers, text, a list.
type form struct {
	value    cue.Value
	says     string // the schema's own words, from @says
	number   bool
	whole    bool // of numbers only whole ones
	boolean  bool
	list     *form // element of a list
	fixed    int   // length of the list where it is fixed
	nonEmpty bool

	former  map[string]string // texts of runner/v1 → what they are called now
	accepts bool              // that they are read, in a field that is found by the name of then

	spelled *spelling // once they were asked for
}

// spelling is what a message wants of a constraint. Reading them takes a third of reading the schema, and most
// files have no mistake.
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

func newForm(v cue.Value) form {
	var f form
	f.read(v)
	return f
}

// read fills the form in from a constraint of the schema; it keeps says.
func (f *form) read(v cue.Value) {
	f.value = v
	if v.IncompleteKind()&cue.ListKind != 0 {
		f.readList(v)
		if v.IncompleteKind() == cue.ListKind {
			f.list.says, f.says = f.says, "" // of a list, the words are about its elements
		}
	}
	f.number = v.IncompleteKind()&cue.NumberKind != 0
	f.whole = f.number && v.IncompleteKind()&cue.NumberKind == cue.IntKind
	f.boolean = v.IncompleteKind()&cue.BoolKind != 0
	f.spelled = nil
}

// spelling reads the constraint's expression; a list's are in says, or on its elements.
func (f *form) spelling() *spelling {
	if f.spelled != nil {
		return f.spelled
	}
	w := &spelling{}
	f.spelled = w
	if f.list != nil || !f.value.Exists() {
		return w
	}
	src, err := format.Node(f.value.Syntax())
	if err != nil {
		return w
	}
	if x, err := parser.ParseExpr("", src); err == nil {
		w.readExpr(x)
	}
	w.text = w.text || f.value.IncompleteKind()&cue.StringKind != 0 && len(w.literals) == 0
	return w
}

func (f *form) readList(v cue.Value) {
	elem := v.LookupPath(cue.MakePath(cue.AnyIndex))
	if !elem.Exists() {
		elem = v.LookupPath(cue.MakePath(cue.Index(0)))
	}
	if !elem.Exists() { // number | [...]: the list is one of several forms
		_, args := v.Expr()
		for _, a := range args {
			if a.IncompleteKind() == cue.ListKind {
				f.readList(a)
			}
		}
		return
	}
	e := newForm(elem)
	f.list = &e
	if n, err := v.Len().Int64(); err == nil {
		f.fixed = int(n)
	}
	f.nonEmpty = v.LookupPath(cue.MakePath(cue.Index(0))).Exists()
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

// String says what would be right.
func (f form) String() string {
	w := f.spelling()
	if f.says != "" {
		return f.says
	}
	var parts []string
	if len(w.literals) > 2 {
		parts = append(parts, "one of "+quoteAll(w.literals, ", "))
	}
	if n := len(w.literals); n == 1 || n == 2 {
		parts = append(parts, quoteAll(w.literals, " or "))
	}
	if f.boolean {
		parts = append(parts, "true or false")
	}
	if f.number {
		parts = append(parts, f.numberString())
	}
	if w.text {
		parts = append(parts, "text")
	}
	if f.list != nil {
		parts = append(parts, f.listString())
	}
	return strings.Join(parts, " or ")
}

func (f form) numberString() string {
	w := f.spelling()
	what := "a number"
	if f.whole {
		what = "a whole number"
	}
	switch {
	case w.lo != nil && w.hi != nil && w.lo.open:
		return fmt.Sprintf("%s over %s and up to %s", what, w.lo.text, w.hi.text)
	case w.lo != nil && w.hi != nil:
		return fmt.Sprintf("%s from %s to %s", what, w.lo.text, w.hi.text)
	case w.lo != nil && w.lo.open:
		return fmt.Sprintf("%s over %s", what, w.lo.text)
	case w.lo != nil:
		return fmt.Sprintf("%s of at least %s", what, w.lo.text)
	}
	return what
}

func (f form) listString() string {
	if f.fixed > 0 {
		return fmt.Sprintf("a list of %d, each %s", f.fixed, f.list)
	}
	return fmt.Sprintf("a list, each %s", f.list)
}

// wrong says why a concrete value does not fit, and what would. The value is not a list of which an element is at fault.
func (f form) wrong(v cue.Value) string {
	w := f.spelling()
	shown := show(v)
	if v.IncompleteKind() == cue.BytesKind {
		if w.text || len(w.literals) > 0 || f.list != nil && f.list.value.IncompleteKind() == cue.StringKind {
			return bytesForText(v)
		}
		return fmt.Sprintf("%s is bytes to CUE (%s)", shown, f)
	}
	if s, err := v.String(); err == nil && f.number && !f.fits(s) {
		if number := numberIn(s); number != "" {
			return fmt.Sprintf("%s is text (a number has no quotes: %s)", shown, number)
		}
	}
	if now := f.former[textOf(v)]; now != "" {
		return fmt.Sprintf("%s is not a choice (called %q since %s)", shown, now, v1.Now)
	}
	if s, err := v.String(); err == nil && len(w.literals) > 0 {
		if near := nearest(s, w.literals); near != "" && f.String() != strconv.Quote(near) {
			return fmt.Sprintf("%s is not a choice (did you mean %q? %s)", shown, near, f)
		}
		return fmt.Sprintf("%s is not a choice (%s)", shown, f)
	}
	if x, err := v.Float64(); (err == nil || math.IsInf(x, 0)) && f.number {
		if why := f.outside(x); why != "" {
			return fmt.Sprintf("%s %s (%s)", shown, why, f)
		}
		if f.whole && x == math.Trunc(x) && v.IncompleteKind() == cue.FloatKind {
			right := f.String()
			if whole := strconv.FormatFloat(x, 'f', -1, 64); whole != shown {
				right = whole + " is, " + right
			}
			return fmt.Sprintf("%s is not whole to CUE (%s; a/b never is, div(a, b) is)", shown, right)
		}
		if v.IncompleteKind() == cue.FloatKind {
			return fmt.Sprintf("%s is not a whole number (%s)", shown, f)
		}
	}
	if v.IncompleteKind() == cue.ListKind && f.list != nil {
		n, _ := v.Len().Int64()
		return fmt.Sprintf("a list of %d does not fit (%s)", n, f)
	}
	return fmt.Sprintf("%s does not fit (%s)", shown, f)
}

// holds reports whether a number is one that the program computes with.
func (f form) holds(raw json.RawMessage) bool {
	if !f.number || len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return true
	}
	_, signed := strconv.ParseInt(string(raw), 10, 64)
	_, unsigned := strconv.ParseUint(string(raw), 10, 64)
	_, float := strconv.ParseFloat(string(raw), 64)
	if f.whole {
		return signed == nil || unsigned == nil && f.spelling().wide
	}
	return float == nil
}

func (f form) outside(x float64) string {
	w := f.spelling()
	switch {
	case w.hi != nil && (x > w.hi.value || x == w.hi.value && w.hi.open):
		return "is over " + w.hi.text
	case w.lo != nil && x == w.lo.value && w.lo.open:
		return "is not over " + w.lo.text
	case w.lo != nil && x < w.lo.value:
		return "is under " + w.lo.text
	}
	return ""
}

// show is a value as people read it, cut to a length that leaves room for the rest of the line.
func show(v cue.Value) string {
	if v.IncompleteKind() == cue.StructKind {
		return "a group of fields"
	}
	s := ""
	if text, err := v.Bytes(); err == nil && v.IncompleteKind() == cue.BytesKind {
		s = "'" + string(text) + "'"
	} else if lit, ok := literal(v); ok {
		s = lit
	} else if raw, err := v.MarshalJSON(); err == nil {
		s = string(raw)
	} else {
		s = strings.Join(strings.Fields(fmt.Sprint(v)), " ")
	}
	return cut(s, 60)
}

// literal is a number as it is written in the file: 1e-3 stays 1e-3.
func literal(v cue.Value) (string, bool) {
	src := v.Source()
	if f, ok := src.(*ast.Field); ok {
		src = f.Value
	}
	lit, ok := src.(*ast.BasicLit)
	if !ok || lit.Kind != token.INT && lit.Kind != token.FLOAT {
		return "", false
	}
	return lit.Value, true
}

func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// bytesForText is about text in single quotes, as other languages have it.
func bytesForText(v cue.Value) string {
	text, _ := v.Bytes()
	return fmt.Sprintf("%s is bytes to CUE (text stands in double quotes: %q)", show(v), cut(string(text), 60))
}

// fits reports whether a text is one that the constraint takes.
func (f form) fits(s string) bool { return slices.Contains(f.spelling().literals, s) }

// numberIn is the number that a text was meant as: "2", "20%", "10k"; "" where it is none.
func numberIn(s string) string {
	s = strings.TrimSpace(s)
	if _, err := strconv.ParseFloat(s, 64); err == nil && strings.Trim(s, "0123456789.eE+-_") == "" {
		return s
	}
	if m := unitNumber.FindStringSubmatch(s); m != nil && multipliers[m[2]] != 0 {
		x, err := strconv.ParseFloat(m[1], 64)
		if err == nil {
			return strconv.FormatFloat(x*multipliers[m[2]], 'f', -1, 64)
		}
	}
	return ""
}

func quoteAll(words []string, sep string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return strings.Join(out, sep)
}
