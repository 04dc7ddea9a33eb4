package mistake

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// Show is a value as people read it, cut to a length that leaves room for the rest of the line.
func Show(v cue.Value) string {
	if v.IncompleteKind() == cue.StructKind {
		return "a group of fields"
	}
	s := ""
	if text, err := v.Bytes(); err == nil && v.IncompleteKind() == cue.BytesKind {
		s = "'" + string(text) + "'"
	} else if lit, ok := literal(v); ok {
		s = lit
	} else if raw, err := v.MarshalJSON(); err == nil && v.IncompleteKind() != cue.ListKind {
		// a list may hold bytes, which JSON would write as base64
		s = string(raw)
	} else {
		s = strings.Join(strings.Fields(fmt.Sprint(v)), " ")
	}
	return Cut(s, 60)
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

// Cut is a text of at most n letters.
func Cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// BytesForText is about text in single quotes, as other languages have it.
func BytesForText(v cue.Value) string {
	text, _ := v.Bytes()
	return fmt.Sprintf("%s is bytes to CUE (text stands in double quotes: %q)", Show(v), Cut(string(text), 60))
}

// Listed joins words as a sentence does: "a, b or c".
func Listed(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}
