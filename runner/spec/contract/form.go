package contract

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/mistake"
	"react/runner/spec/v1"
)

// Form is a constraint of the schema in a shape that can be said in English: some literals, a range
// of numbers, text, a list.
type Form struct {
	Value    cue.Value
	Says     string // the schema's own words, from @says
	number   bool
	whole    bool // of numbers only whole ones
	Boolean  bool
	List     *Form // element of a list
	fixed    int   // length of the list where it is fixed
	nonEmpty bool

	former  map[string]string // texts of runner/v1 → what they are called now
	Accepts bool              // that they are read, in a field that is found by the name of then

	spelled *spelling // once they were asked for
}

func newForm(v cue.Value) Form {
	var f Form
	f.read(v)
	return f
}

// read fills the form in from a constraint of the schema; it keeps says.
func (f *Form) read(v cue.Value) {
	f.Value = v
	if v.IncompleteKind()&cue.ListKind != 0 {
		f.readList(v)
		if v.IncompleteKind() == cue.ListKind {
			f.List.Says, f.Says = f.Says, "" // of a list, the words are about its elements
		}
	}
	f.number = v.IncompleteKind()&cue.NumberKind != 0
	f.whole = f.number && v.IncompleteKind()&cue.NumberKind == cue.IntKind
	f.Boolean = v.IncompleteKind()&cue.BoolKind != 0
	f.spelled = nil
}

func (f *Form) readList(v cue.Value) {
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
	f.List = &e
	if n, err := v.Len().Int64(); err == nil {
		f.fixed = int(n)
	}
	f.nonEmpty = v.LookupPath(cue.MakePath(cue.Index(0))).Exists()
}

// String says what would be right.
func (f Form) String() string {
	w := f.spelling()
	if f.Says != "" {
		return f.Says
	}
	var parts []string
	if len(w.literals) > 2 {
		parts = append(parts, "one of "+quoteAll(w.literals, ", "))
	}
	if n := len(w.literals); n == 1 || n == 2 {
		parts = append(parts, quoteAll(w.literals, " or "))
	}
	if f.Boolean {
		parts = append(parts, "true or false")
	}
	if f.number {
		parts = append(parts, f.numberString())
	}
	if w.text {
		parts = append(parts, "text")
	}
	if f.List != nil {
		parts = append(parts, f.listString())
	}
	return strings.Join(parts, " or ")
}

func (f Form) numberString() string {
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

func (f Form) listString() string {
	if f.fixed > 0 {
		return fmt.Sprintf("a list of %d, each %s", f.fixed, f.List)
	}
	return fmt.Sprintf("a list, each %s", f.List)
}

// Wrong says why a concrete value does not fit, and what would. The value is not a list of which an
// element is at fault.
func (f Form) Wrong(v cue.Value) string {
	w := f.spelling()
	shown := mistake.Show(v)
	if v.IncompleteKind() == cue.BytesKind {
		if w.text || len(w.literals) > 0 || f.List != nil && f.List.Value.IncompleteKind() == cue.StringKind {
			return mistake.BytesForText(v)
		}
		return fmt.Sprintf("%s is bytes to CUE (%s)", shown, f)
	}
	if s, err := v.String(); err == nil && f.number && !f.fits(s) {
		if number := mistake.NumberIn(s); number != "" {
			return fmt.Sprintf("%s is text (a number has no quotes: %s)", shown, number)
		}
	}
	if now := f.Today(v); now != "" {
		return fmt.Sprintf("%s is not a choice (called %q since %s)", shown, now, v1.Now)
	}
	if s, err := v.String(); err == nil && len(w.literals) > 0 {
		if near := mistake.Nearest(s, w.literals); near != "" && f.String() != strconv.Quote(near) {
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
	if s, err := v.String(); err == nil && f.List != nil && f.List.TakesText() &&
		f.List.Value.Unify(v).Err() == nil {
		return fmt.Sprintf("%s is not a list ([%q])", shown, s)
	}
	if v.IncompleteKind() == cue.ListKind && f.List != nil {
		n, _ := v.Len().Int64()
		return fmt.Sprintf("a list of %d does not fit (%s)", n, f)
	}
	return fmt.Sprintf("%s does not fit (%s)", shown, f)
}

// TakesText reports whether some text may be the value.
func (f Form) TakesText() bool { return f.Value.IncompleteKind()&cue.StringKind != 0 }

// TakesAnyText reports whether the value, or what it lists, may be text that is not one of a few
// choices.
func (f Form) TakesAnyText() bool {
	if f.List != nil {
		return f.List.TakesAnyText()
	}
	return f.TakesText() && len(f.spelling().literals) == 0
}

// OneOrMore is the constraint of a list of such values, of one at least.
func (f Form) OneOrMore() Form { return Form{List: &f, nonEmpty: true} }

// HasLength reports whether a list of that many may be.
func (f Form) HasLength(n int) bool {
	return (f.fixed == 0 || n == f.fixed) && (n > 0 || !f.nonEmpty)
}

// Today is what the text of runner/v1 that a value has is called now, or "".
func (f Form) Today(v cue.Value) string {
	s, _ := v.String()
	return f.former[s]
}

// Holds reports whether a number is one that the program computes with.
func (f Form) Holds(raw json.RawMessage) bool {
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

func (f Form) outside(x float64) string {
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

// fits reports whether a text is one that the constraint takes.
func (f Form) fits(s string) bool { return slices.Contains(f.spelling().literals, s) }

func quoteAll(words []string, sep string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return strings.Join(out, sep)
}
