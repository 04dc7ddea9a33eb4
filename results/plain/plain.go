// Package plain makes texts fit for where tables and figures print them: one line, a number of
// terminal columns, a minus sign. What a format escapes beyond that is its writer's.
package plain

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// Minus writes negative numbers with a minus sign, not a hyphen.
func Minus(s string) string { return strings.ReplaceAll(s, "-", "−") }

// NonEmpty are the texts that hold something, in order; it uses the room of those given.
func NonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// Line makes a text printable on one line: line breaks and tabs become spaces,
// other control characters and those that reorder text the replacement mark.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f':
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// Width is the number of terminal columns that s takes.
func Width(s string) int { return uniseg.StringWidth(s) }

// Cut shortens s to width columns, ending in "…" where something is missing.
func Cut(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	out, used := "", 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used+g.Width() > width-1 {
			break
		}
		out, used = out+g.Str(), used+g.Width()
	}
	return out + "…"
}
