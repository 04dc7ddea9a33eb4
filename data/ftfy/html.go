package ftfy

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// reference is what Python's html.unescape takes for one.
var reference = regexp.MustCompile(`&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)`)

// Unescape is html.unescape of Python. Go's differs in numbers of controls and of
// what is no character, which Python drops.
func Unescape(text string) string {
	if !strings.Contains(text, "&") {
		return text
	}
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		if ref[1] == '#' {
			return numbered(ref)
		}
		return unescapeNamed(ref)
	})
}

// unescapeNamed decodes a reference by name; Go's table lacks two of HTML's.
func unescapeNamed(ref string) string {
	for name, char := range map[string]string{"&nLt;": "\u226a\u20d2", "&nGt;": "\u226b\u20d2"} {
		if rest, ok := strings.CutPrefix(ref, name); ok {
			return char + rest
		}
	}
	return html.UnescapeString(ref)
}

// numbered is the character of a reference by number.
func numbered(ref string) string {
	digits := strings.ToLower(strings.TrimSuffix(ref[2:], ";"))
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	switch c := rune(n); {
	case err != nil || n > unicode.MaxRune || n == 0 || 0xd800 <= n && n <= 0xdfff:
		return "\ufffd"
	case n == '\r':
		return "\r"
	case 0x80 <= n && n <= 0x9f: // taken for Windows-1252, as browsers do
		return string(charmap("sloppy-windows-1252").upper[n-0x80])
	case 1 <= n && n <= 8, 0x0e <= n && n <= 0x1f, n == 0x0b, n == 0x7f, 0xfdd0 <= n && n <= 0xfdef, n&0xfffe == 0xfffe:
		return ""
	default:
		return string(c)
	}
}

// entity is a reference that ftfy decodes: it must end with a semicolon.
var entity = regexp.MustCompile(`&#?[0-9A-Za-z]{1,24};`)

func unescapeEntity(ref string) string {
	if ref[1] == '#' {
		// What html.unescape decodes in part stays.
		if got := Unescape(ref); !strings.Contains(got, ";") {
			return got
		}
		return ref
	}
	if char, ok := named(ref); ok {
		return char
	}
	name := ref[1 : len(ref)-1]
	if lower := strings.ToLower(name); name == strings.ToUpper(name) && Unescape(ref) == ref {
		if char, ok := named("&" + lower + ";"); ok { // &NTILDE; for &ntilde;
			return upper.String(char)
		}
	}
	return ref
}

var upper = cases.Upper(language.Und)

// named is the character of a whole reference by name. A name that only begins
// with a known one is decoded in part, and its semicolon stays.
func named(ref string) (string, bool) {
	got := unescapeNamed(ref)
	return got, got != ref && (!strings.HasSuffix(got, ";") || utf8.RuneCountInString(got) == 1)
}
