package mistake

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue/errors"
)

// SyntaxErrors are the mistakes of a text that does not parse. Where the first is a habit from
// another language, it is said in those terms and alone: what follows is the parser finding its way
// back.
func SyntaxErrors(name, text string, err error) Errors {
	if why := notText(text); why != "" {
		return Errors{{Pos: Pos{File: name}, Msg: why}}
	}
	var found Errors
	for i, e := range errors.Errors(err) {
		pos, said := e.Position(), Message(e)
		if i > 0 && strings.Contains(said, "'EOF'") {
			break
		}
		if i == 0 && pos.IsValid() {
			if from, why := habit(text, pos.Offset(), said); why != "" {
				return Errors{{Pos: posIn(name, text, from), Msg: "syntax: " + why}}
			}
		}
		where := At(pos)
		if where.File == "" {
			where.File = name
		}
		found.Add(where, "", "syntax: %s", tokenWords(said))
	}
	return found
}

// notText says why a file is no text that CUE reads.
func notText(text string) string {
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return "the file is in UTF-16 (save it as UTF-8)"
	case strings.ContainsRune(text[:min(len(text), 1024)], 0):
		return "the file is not text"
	case !utf8.ValidString(text):
		line := 1 + strings.Count(text[:invalid(text)], "\n")
		return fmt.Sprintf("line %d is not in UTF-8 (save the file as UTF-8)", line)
	}
	return ""
}

func invalid(text string) int {
	for i, r := range text {
		if _, n := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && n < 2 {
			return i
		}
	}
	return 0
}

// posIn is the position of an offset; an override has no lines.
func posIn(name, text string, offset int) Pos {
	if strings.HasPrefix(name, SetPrefix) {
		return Pos{File: name}
	}
	before := text[:min(offset, len(text))]
	return Pos{File: name, Line: 1 + strings.Count(before, "\n"), Col: len(before) - strings.LastIndexByte(before, '\n')}
}

// lineAt is the line around an offset, with where it starts.
func lineAt(text string, offset int) (line string, start int) {
	offset = min(offset, len(text))
	start = strings.LastIndexByte(text[:offset], '\n') + 1
	line, _, _ = strings.Cut(text[start:], "\n")
	return line, start
}

// A habit is looked for in the line of the error, or in the line before, where the parser notices
// one only when the next begins.
var (
	equals      = regexp.MustCompile(`^\s*(?:.*[{,]\s*)?("?[A-Za-z_]\w*"?)\s*=\s*[^=~\s]`)
	dottedName  = regexp.MustCompile(`^\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)\s*:`)
	unitNumber  = regexp.MustCompile(`^([0-9][0-9_]*(?:\.[0-9]+)?)\s*([A-Za-z%]+)$`)
	dateLike    = regexp.MustCompile(`^\d{4}-\d\d?-\d\d?`)
	spanLike    = regexp.MustCompile(`(-?\d+)\s*(?:\.\.\.?|:)\s*(-?\d+)`)
	yamlItem    = regexp.MustCompile(`^\s*-\s`)
	fieldAfter  = regexp.MustCompile(`\s"?[A-Za-z_]\w*"?\s*:`)
	commaNumber = regexp.MustCompile(`:\s*(-?\d+,\d+)\s*[,}]`)
	quotient    = regexp.MustCompile(`(\w+)\s*//\s*(\w+)`)
	webAddress  = regexp.MustCompile(`:\s*([a-z][a-z0-9]*://[^\s,}\]]*)`)
)

// AfterDash reports whether a place of a text follows the dash of an item of YAML.
func AfterDash(text string, offset int) bool {
	line, start := lineAt(text, offset)
	return yamlItem.MatchString(line[:offset-start])
}

// DecimalComma is a field's value in the line of an offset that is a number as half of Europe
// writes it, and its place; "" where there is none.
func DecimalComma(name, text string, offset int) (Pos, string) {
	line, start := lineAt(text, offset)
	m := commaNumber.FindStringSubmatchIndex(line)
	if m == nil {
		return Pos{}, ""
	}
	return posIn(name, text, start+m[2]), line[m[2]:m[3]]
}

// multipliers are what CUE writes after a number, and what others do.
var multipliers = map[string]float64{"k": 1e3, "K": 1e3, "m": 1e6, "M": 1e6, "b": 1e9, "B": 1e9, "g": 1e9, "G": 1e9, "%": 0.01}

// habit says what is wrong with the text around an offset, and where; "" where nothing is known.
func habit(text string, offset int, said string) (at int, why string) {
	if at, why := foreignIn(text, offset, said); why != "" {
		return at, why
	}
	line, start := lineAt(text, offset)
	for _, look := range []func(line string, start, offset int, said string) (int, string){charHabit, lineHabit, valueHabit} {
		if at, why := look(line, start, offset, said); why != "" {
			return at, why
		}
	}
	if start > 0 && strings.HasPrefix(said, "expected label") { // noticed in the line after
		before, from := lineAt(text, start-1)
		if at, why := lineHabit(before, from, offset, said); why != "" {
			return at, why
		}
	}
	if strings.Contains(said, "EOF") || strings.Contains(said, "missing ','") || strings.Contains(said, "expected ')'") {
		return unclosed(text)
	}
	return 0, ""
}

// charHabit knows characters that CUE does not.
func charHabit(line string, start, offset int, said string) (int, string) {
	rest := ""
	if i := offset - start; i >= 0 && i < len(line) {
		rest = line[i:]
	}
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case strange[r] != "":
		return offset, strange[r]
	case r == '%' && strings.HasSuffix(line[:offset-start], " "):
		return offset, `% is no operator (a value in text is "\(x)")`
	case strings.ContainsRune("“”„‘’«»", r):
		return offset, fmt.Sprintf("%c is a typographic quote (text stands in straight ones: \"...\")", r)
	case r == '\u00a0' || r == '\u3000' || r == '\u200b' || r == '\u202f':
		return offset, "an invisible character that is no plain space (write a space)"
	case r == ';':
		return offset, "; is no separator (a comma, or a new line)"
	case r == '?':
		return offset, "? is no operator (of two values: [if CONDITION {A}, B][0])"
	case strings.HasPrefix(rest, `"`) && offset > start && said != "" && strings.ContainsAny(line[offset-start-1:offset-start], "fr"):
		return offset - 1, `a letter before a quote (a value in text is "\(x)", text without escapes #"..."#)`
	case strings.HasPrefix(said, "expected ')', found ','"):
		return offset, "( and ) hold no list (a list is written [..., ...])"
	case strings.HasPrefix(said, "unknown escape"), strings.HasPrefix(said, "illegal character U+005C"):
		return offset, `a backslash begins an escape in text ("C:/data", "C:\\data", or #"C:\data"#)`
	case strings.HasPrefix(said, "string literal not terminated"):
		return offset, "text without its closing quote"
	case strings.HasPrefix(said, "expected newline after multiline quote"):
		return offset, `three quotes stand alone at the end of a line (text of one line: "...")`
	}
	return 0, ""
}

// lineHabit knows lines of other languages.
func lineHabit(line string, start, offset int, said string) (int, string) {
	trimmed := strings.TrimLeft(line, " \t")
	indent := start + len(line) - len(trimmed)
	if i := strings.Index(line, "/*"); i >= 0 && start+i <= offset {
		return start + i, "/* begins no comment (// does, to the end of the line)"
	}
	if m := dottedName.FindStringSubmatch(line); m != nil {
		return indent, fmt.Sprintf("%s is no field's name (%s:)", m[1], strings.ReplaceAll(m[1], ".", ": "))
	}
	switch {
	case strings.HasPrefix(trimmed, "# "), strings.HasPrefix(trimmed, "#!"): // in the line before
		return indent, "# begins no comment (// does)"
	case yamlItem.MatchString(line):
		return indent, "- begins no item (a list is written [..., ...])"
	}
	if m := equals.FindStringSubmatchIndex(line); m != nil && start+m[2] <= offset {
		return start + m[2], fmt.Sprintf("a field is written with a colon (%s: ...)", line[m[2]:m[3]])
	}
	return 0, ""
}

// valueHabit knows values that want quotes, or another form.
func valueHabit(line string, start, offset int, said string) (int, string) {
	if m := webAddress.FindStringSubmatchIndex(line); m != nil {
		return start + m[2], fmt.Sprintf("text stands in double quotes (%q)", line[m[2]:m[3]])
	}
	if m := spanLike.FindStringSubmatchIndex(line); m != nil && (strings.Contains(said, "'..'") || strings.Contains(said, "in list literal") || strings.Contains(said, "...")) {
		return start + m[0], fmt.Sprintf("%s is no list of numbers ([%s, ...], or list.Range(%s, END, 1) after import \"list\")", line[m[0]:m[1]], line[m[2]:m[3]], line[m[2]:m[3]])
	}
	from, value := valueAt(line, offset-start)
	switch n := unitNumber.FindStringSubmatch(value); {
	case value == "" || strings.ContainsAny(value[:1], "\"'{[("):
		return 0, ""
	case n != nil:
		return start + from, unitWords(value, n[1], n[2])
	case dateLike.MatchString(value), strings.ContainsAny(value[:1], "/~$."):
		return start + from, fmt.Sprintf("text stands in double quotes (%q)", value)
	case strings.HasPrefix(said, "illegal integer"):
		return start + from, fmt.Sprintf("%s: a number begins with no 0 (%s; text stands in double quotes: %q)",
			value, strings.TrimLeft(value, "0"), value)
	case strings.Contains(value, " if "), strings.Contains(value, " ? "), strings.HasPrefix(value, "lambda "):
		return start + from, fmt.Sprintf("%s is of another language (of two values: [if CONDITION {A}, B][0])", Cut(value, 40))
	case fieldAfter.MatchString(value):
		return start + from, "a comma is missing after this value"
	case isWord(value):
		return start + from, fmt.Sprintf("text stands in double quotes (%q)", value)
	}
	return 0, ""
}

// valueAt is the value of the field in which a place of a line lies, without quotes, brackets and
// commas, and where it begins.
func valueAt(line string, at int) (from int, value string) {
	colon := strings.LastIndex(line[:min(max(at, 0), len(line))], ":")
	if colon < 0 {
		return 0, ""
	}
	value = strings.TrimLeft(line[colon+1:], " \t")
	from = len(line) - len(value)
	if end := strings.IndexAny(value, "{}[],"); end >= 0 {
		value = value[:end]
	}
	value, _, _ = strings.Cut(value, " //")
	return from, strings.TrimSpace(value)
}

// isWord reports whether a value begins as a word does, and goes on after a space.
func isWord(value string) bool {
	first, _ := utf8.DecodeRuneInString(value)
	return (first == '_' || first >= 'A' && first <= 'Z' || first >= 'a' && first <= 'z' || first > 127) && strings.ContainsAny(value, " ?!/\\")
}

// unitWords says a number with a unit as CUE has it.
func unitWords(value, number, unit string) string {
	x, err := strconv.ParseFloat(strings.ReplaceAll(number, "_", ""), 64)
	if by, ok := multipliers[unit]; ok && err == nil {
		return fmt.Sprintf("%s is no number (%s)", value, strconv.FormatFloat(x*by, 'f', -1, 64))
	}
	return fmt.Sprintf("%s is no number (%s, without a unit)", value, number)
}

// unclosed finds the bracket that nothing closes, or that another kind does.
func unclosed(text string) (at int, why string) {
	closing := map[byte]byte{'(': ')', '[': ']', '{': '}'}
	var open []int
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '/' && strings.HasPrefix(text[i:], "//"):
			i += strings.IndexByte(text[i:]+"\n", '\n')
		case c == '"' || c == '\'':
			n := quoted(text[i:])
			if n == 0 {
				return i, "text without its closing quote"
			}
			i += n - 1
		case closing[c] != 0:
			open = append(open, i)
		case c == ')' || c == ']' || c == '}':
			if len(open) == 0 {
				return i, fmt.Sprintf("%c closes nothing (take it out)", c)
			}
			last := open[len(open)-1]
			if closing[text[last]] != c {
				if _, other := unclosed(text[:i] + " " + text[i+1:]); other == "" {
					return i, fmt.Sprintf("%c closes nothing (take it out)", c)
				}
				return last, fmt.Sprintf("%c is not closed before the %c of line %d (by %c)",
					text[last], c, 1+strings.Count(text[:i], "\n"), closing[text[last]])
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return 0, ""
	}
	last := open[len(open)-1]
	rest, _, _ := strings.Cut(text[last:], "\n")
	if m := webAddress.FindStringSubmatchIndex(rest); m != nil { // its // begins a comment
		return last + m[2], fmt.Sprintf("text stands in double quotes (%q)", rest[m[2]:m[3]])
	}
	if m := quotient.FindStringSubmatchIndex(rest); m != nil {
		return last + m[2], fmt.Sprintf("// begins a comment (a whole quotient is div(%s, %s))",
			rest[m[2]:m[3]], rest[m[4]:m[5]])
	}
	return last, fmt.Sprintf("%c is not closed (by %c)", text[last], closing[text[last]])
}

// quoted is the length of the text literal that a text begins with; 0 where it has no end.
func quoted(text string) int {
	for _, q := range []string{`"""`, `'''`} {
		if strings.HasPrefix(text, q) {
			if n := strings.Index(text[3:], q); n >= 0 {
				return n + 6
			}
			return 0
		}
	}
	for i := 1; i < len(text) && text[i] != '\n'; i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i + 1
		}
	}
	return 0
}

var tokenName = regexp.MustCompile(`'(IDENT|INT|FLOAT|STRING|EOF|ATTRIBUTE)'( \S+)?`)

// tokenWords is a message of CUE's parser without the names of its tokens.
func tokenWords(said string) string {
	said = tokenName.ReplaceAllStringFunc(said, func(found string) string {
		name, value, _ := strings.Cut(found, " ")
		switch {
		case name == "'EOF'":
			return strings.TrimRight("the end "+value, " ")
		case value != "":
			return value
		}
		return map[string]string{"'IDENT'": "a name", "'INT'": "a number", "'FLOAT'": "a number", "'STRING'": "text", "'ATTRIBUTE'": "an attribute"}[name]
	})
	for from, to := range map[string]string{"expected label or ':'": "expected a field's name or ':'", "expected operand": "expected a value",
		"missing ',' in struct literal": "a comma or a new line is missing before this", "missing ',' in list literal": "a comma is missing in the list"} {
		said = strings.Replace(said, from, to, 1)
	}
	return said
}

// NumberIn is the number that a text was meant as: "2", "20%", "10k"; "" where it is none.
func NumberIn(s string) string {
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
