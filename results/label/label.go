// Package label makes heads: how metrics, the fields of a spec that can be an axis of a table, and
// their values are called where people read them (text, Markdown, HTML, LaTeX, figures).
// Each has a short label, which heads a column, a long one, which explains it beside a figure, and
// a unit. Files for programs keep the names of the spec, and so do the notes of a table, since a
// reader looks for those in the file.
//
// The words of a metric stand where it is declared, in package evaluation; those of the schema's
// fields and values stand here, in fields.go. A table's own labels come first; that is package
// grid's.
package label

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Label is what something is called.
type Label struct {
	Short string // "K"
	Long  string // "pairs for each query (K)"; empty: the short one says it
	Unit  string // "px"; empty: none
}

// Words are the long label, or the short one where that says it.
func (l Label) Words() string {
	if l.Long == "" {
		return l.Short
	}
	return l.Long
}

// after puts what the label is of before it.
func (l Label) after(of string) Label {
	if of == "" {
		return Label{Upper(l.Short), Upper(l.Words()), l.Unit}
	}
	return Label{of + " " + l.Short, of + " " + l.Words(), l.Unit}
}

// Title is a name that a user gave, such as that of an evaluation, with capitals: "zs-task" is
// "Zs-Task". A name with a capital of its own stays as it is.
func Title(name string) string {
	name = strings.ReplaceAll(name, "_", " ")
	if strings.ContainsFunc(name, unicode.IsUpper) {
		return name
	}
	var out strings.Builder
	first := true
	for _, r := range name {
		if first {
			r = unicode.ToUpper(r)
		}
		out.WriteRune(r)
		first = r == ' ' || r == '-' || r == '.'
	}
	return out.String()
}

// Upper is a text with a capital first.
func Upper(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError {
		return text
	}
	return string(unicode.ToUpper(r)) + text[size:]
}
