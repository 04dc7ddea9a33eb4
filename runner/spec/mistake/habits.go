package mistake

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// foreign is a spelling of another language that is known by what CUE's parser says of it, by its
// line, or by both.
type foreign struct {
	said string // how the parser's message begins; "" is any message
	line string // a pattern of the line; its first group is what is wrong. "": the message's place
	why  string // $1: the group, $digits: its digits, $name: without signs, $path: colons for dots
}

// foreigns are looked through in order; the first that fits is said.
var foreigns = []foreign{
	{"", `(?:^\s*|["}\])\w,]\s+)(#)(?:\s.*|[^":=&{]*)$`, `# begins no comment (// does)`},
	{"", `^(\s*(?:--|<!--))\s.*$`, `$name begins no comment (// does)`},
	{"", `(\$\{[\w.]+)\}`, `$1} is no reference (its name alone: $name)`},
	{"", `:\s*(~)\s*(?:[,}\]].*)?$`, `~ is no value (leave the field out)`},
	{"", `(?:[\d"\])]|true|false)\s+(and)\s`, `and is no operator (& joins values, && conditions)`},
	{"", `(?:[\d"\])]|true|false)\s+(or)\s`, `or is no operator (| parts choices, || conditions)`},
	{"", `\b(not)\s+(?:true|false)\b`, `not is no operator (! before a condition)`},
	{"expected operand, found '='", `(\w+)\s*:=`, `a field is written with a colon ($1: ...)`},
	{"missing ',' in argument list", `\b(dict)\(.*=`,
		`dict() makes no group of fields ({NAME: VALUE, ...} is one)`},
	{"missing ',' in argument list", `(\w+)\s*=`,
		`the values of a function have no names (the value without $1=)`},
	{"expected operand, found '|'", `:\s*(\|)\s*$`,
		`| begins no text of several lines (""" does, alone at the end of a line)`},
	{"expected operand, found '&'", `(&\w+)`,
		`$1 is no anchor (let $name = {...}, then $name & {...})`},
	{"expected operand, found ':'", `(<<)\s*:`, `<< merges nothing (NAME & {...} does)`},
	{"expected operand, found ','", "", `a value is missing before this comma`},
	{"expected operand, found '}'", "", `a value is missing before this }`},
	{"expected operand, found ']'", "", `a value is missing before this ]`},
	{"expected 'STRING', found", `^import\s+(\w+).*`, `a package is named in quotes (import "$1")`},
	{"expected label or ':'", `^(import)\s.*`,
		`an import stands below a field (imports come first in the file)`},
	{"expected label or ':'", `^\s*(def|class|from|function|var|const)\s`,
		`$1 is of another language (a field is written NAME: VALUE)`},
	{"expected label or ':'", `(?:^\s*|[{,]\s*)([A-Za-z_]\w*)\s+["\w{\[]`,
		`a colon is missing after $1 ($1: ...)`},
	{"expected '{', found ':'", `\b(?:if|for)\b[^{:]*(:)`,
		`no colon follows if or for (if CONDITION {...}, for X in LIST {...})`},
	{"else requires", "", `there is no else (a second if, with the opposite condition)`},
	{"expected ']', found 'for'", "", `for stands before what it makes ([for X in LIST {...}])`},
	{"expected ']', found", `(\.\.\.).*`,
		`... stands for no values (all are written, or list.Range(FROM, END, STEP) after import "list")`},
	{"invalid attribute", `([\w/-]+@[\w-]*).{0,3}`, `text stands in double quotes ("$1")`},
	{"illegal integer", `\b(\d{1,3}(?:,\d{3})+)\b`,
		`$1 is several values (a number has no commas: $digits)`},
	{"string literal not terminated", `\b(\d{1,3}(?:'\d{3})+)\b`, `$1 is no number ($digits)`},
	{"string literal not terminated", `"[^"“”]*([“”])`,
		`$1 closes no text (straight quotes do: "...")`},
	{"missing ',' in list literal", `[\[,]\s*([A-Za-z][\w'-]*(?:\s+[^\s",\]]+)+)`,
		`text stands in double quotes ("$1")`},
	{"missing ',' in", `^(?:[^"]*"[^"]*")*?[^"]*"[^"]*"([^\s",:}\]]+)"`,
		`a quote inside text is written \" ("... \"$1\" ...")`},
	{"missing ',' in", `(?:[{,:]\s*)([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)\s*:`,
		`$1 is no field's name ($path:)`},
}

var foreignLines = sync.OnceValue(func() []*regexp.Regexp {
	lines := make([]*regexp.Regexp, len(foreigns))
	for i, f := range foreigns {
		lines[i] = regexp.MustCompile(f.line)
	}
	return lines
})

// foreignIn is the spelling of another language around an offset, and where it stands.
func foreignIn(text string, offset int, said string) (at int, why string) {
	line, start := lineAt(text, offset)
	for i, f := range foreigns {
		if !strings.HasPrefix(said, f.said) {
			continue
		}
		if f.line == "" {
			return offset, f.why
		}
		for _, m := range foreignLines()[i].FindAllStringSubmatchIndex(line, -1) {
			if in := offset - start; m[0] <= in && in <= m[1] {
				return start + m[2], f.say(line[m[2]:m[3]])
			}
		}
	}
	// dashes are a minus before the next line
	if start > 0 && strings.HasPrefix(said, "missing ','") {
		before, from := lineAt(text, start-1)
		if m := strings.TrimSpace(dashes.FindString(before)); m != "" {
			return from, fmt.Sprintf("%s begins neither a comment nor a document (// begins a comment)", m)
		}
	}
	return 0, ""
}

var dashes = regexp.MustCompile(`^(?:---?|<!--)(?:\s|$)`)

var (
	noDigits = regexp.MustCompile(`\D`)
	signs    = "${}& \t"
)

func (f foreign) say(found string) string {
	return strings.NewReplacer("$1", found, "$digits", noDigits.ReplaceAllString(found, ""),
		"$name", strings.Trim(found, signs),
		"$path", strings.ReplaceAll(found, ".", ": ")).Replace(f.why)
}

// strange are characters that look like one of CUE's.
var strange = map[rune]string{
	'`': "` is no quote (text stands in double quotes: \"...\")",
	'–': "– is no minus (-)",
	'—': "— is no minus (-)",
	'−': "− is no minus (-)",
	'：': "： is no colon (:)",
	'，': "， is no comma (,)",
	'…': "… stands for no values (all are written, or list.Range(FROM, END, STEP) " +
		"after import \"list\")",
}
