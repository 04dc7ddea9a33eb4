package ftfy

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// runeSet is a set of characters as sorted ranges.
type runeSet [][2]rune

func newRuneSet(pairs string) (s runeSet) {
	all := []rune(pairs)
	for i := 0; i < len(all); i += 2 {
		s = append(s, [2]rune{all[i], all[i+1]})
	}
	return s
}

func (s runeSet) has(c rune) bool {
	_, ok := slices.BinarySearchFunc(s, c, func(r [2]rune, c rune) int {
		switch {
		case r[1] < c:
			return -1
		case r[0] > c:
			return 1
		}
		return 0
	})
	return ok
}

// class is the set for the inside of a pattern's brackets.
func (s runeSet) class() string {
	var b strings.Builder
	for _, r := range s {
		fmt.Fprintf(&b, `\x{%x}-\x{%x}`, r[0], r[1])
	}
	return b.String()
}

// Python's \s and \w, which know more than ASCII.
const (
	pythonSpace = `[\x09-\x0d\x1c-\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]`
	pythonWord  = `[\p{L}\p{N}_]`
)

// badRules are the neighbours that speak of mojibake, a rule a line: a name in
// braces stands for a category of characters.
var badRules = []string{
	`[{c1}]`,
	`[{bad}{lower_accented}{upper_accented}{box}{start_punctuation}{end_punctuation}{currency}{numeric}{law}][{bad}]`,
	`[a-zA-Z][{lower_common}{upper_common}][{bad}]`,
	`[{bad}][{lower_accented}{upper_accented}{box}{start_punctuation}{end_punctuation}{currency}{numeric}{law}]`,
	`[{lower_accented}{lower_common}{box}{end_punctuation}{currency}{numeric}][{upper_accented}]`,
	`[{box}{end_punctuation}{currency}{numeric}][{lower_accented}]`,
	`[{lower_accented}{box}{end_punctuation}][{currency}]`,
	pythonSpace + `[{upper_accented}][{currency}]`,
	`[{upper_accented}{box}][{numeric}{law}]`,
	`[{lower_accented}{upper_accented}{box}{currency}{end_punctuation}][{start_punctuation}][{numeric}]`,
	`[{lower_accented}{upper_accented}{currency}{numeric}{box}{law}][{end_punctuation}][{start_punctuation}]`,
	`[{currency}{numeric}{box}][{start_punctuation}]`,
	`[a-z][{upper_accented}][{start_punctuation}{currency}]`,
	`[{box}][{kaomoji}]`,
	`[{lower_accented}{upper_accented}{currency}{numeric}{start_punctuation}{end_punctuation}{law}][{box}]`,
	`[{box}][{end_punctuation}]`,
	`[{lower_accented}{upper_accented}][{start_punctuation}{end_punctuation}]` + pythonWord,
	`[Œœ][^A-Za-z]`,       // the ligature, not before a plain letter
	`[{upper_accented}]°`, // degrees after a capital
	// Windows-1252.
	`[ÂÃÎÐ][€œŠš¢£Ÿž\x{a0}\x{ad}®©°·»{start_punctuation}{end_punctuation}–—´]`,
	`×[²³]`,
	// Arabic in Windows-1252: four characters.
	`[ØÙ][{common}{currency}{bad}{numeric}{start_punctuation}ŸŠ®°µ»][ØÙ][{common}{currency}{bad}{numeric}{start_punctuation}ŸŠ®°µ»]`,
	`à[²µ¹¼½¾]`, // alphabets of South Asia
	// MacRoman.
	`√[±∂†≠®™´≤≥¥µø]`, `≈[°¢]`, `‚Ä[ìîïòôúùû†°¢π]`, `‚[âó][àä°ê]`,
	// Windows-1251.
	`вЂ`, `[ВГРС][{c1}{bad}{start_punctuation}{end_punctuation}{currency}°µ][ВГРС]`, `ГўВЂВ.[A-Za-z ]`,
	// à, á and the hard space in Windows-1252.
	`Ã[\x{a0}¡]`, `[a-z]` + pythonSpace + `?[ÃÂ][ ]`, `^[ÃÂ][ ]`,
	// Â before a character that it is a part of.
	`[a-z.,?!{end_punctuation}]Â[ {start_punctuation}{end_punctuation}]`,
	// Windows-1253 and 1257.
	`β€[™\x{a0}Ά\x{ad}®°]`, `[ΒΓΞΟ][{c1}{bad}{start_punctuation}{end_punctuation}{currency}°][ΒΓΞΟ]`, `ā€`,
}

// pattern is all rules as one: what rules is built from and tested against.
func pattern(rule string) string {
	var names []string
	for name, pairs := range categories {
		names = append(names, "{"+name+"}", newRuneSet(pairs).class())
	}
	return strings.NewReplacer(names...).Replace(rule)
}

// rules are badRules for matching without a regular expression, which takes 100
// microseconds for a caption: each distinct place of a rule is a bit, and a rule
// the bits that characters in a row must have.
type rules struct {
	bits    [0x10000]mask // of a character
	beyond  mask          // of a letter or a digit that is not in the table
	word    mask          // what other characters there lack of that
	all     []rule
	suspect [0x10000]bool // some rule needs a character like it; no plain letter is
}

type rule struct {
	places  []mask // a bit each
	atStart bool
}

// mask is a bit for each place; there are 71.
type mask [2]uint64

func bit(n int) (m mask) {
	m[n/64] = 1 << (n % 64) // over 127 this panics, in the first test
	return m
}

func (m *mask) add(o mask)         { m[0], m[1] = m[0]|o[0], m[1]|o[1] }
func (m mask) without(o mask) mask { return mask{m[0] &^ o[0], m[1] &^ o[1]} }
func (m mask) has(o mask) bool     { return m[0]&o[0]|m[1]&o[1] != 0 }

var matcher = sync.OnceValue(func() *rules {
	m := &rules{}
	known := map[string]mask{}
	for _, text := range badRules {
		text, atStart := strings.CutPrefix(pattern(text), "^")
		for _, text := range alternatives(text) {
			r := rule{atStart: atStart}
			for _, class := range places.FindAllString(text, -1) {
				if _, ok := known[class]; !ok {
					known[class] = bit(len(known))
					m.add(class, known[class])
					if class == pythonWord {
						m.word = known[class]
					}
				}
				r.places = append(r.places, known[class])
			}
			m.all = append(m.all, r)
		}
	}
	for name, pairs := range categories {
		if name == "common" || name == "upper_common" || name == "lower_common" || name == "kaomoji" {
			continue
		}
		for _, r := range newRuneSet(pairs) {
			for c := r[0]; c <= r[1]; c++ {
				m.suspect[c] = true
			}
		}
	}
	for _, c := range "Œœ×²³ØÙà√≈‚вГВβā°" {
		m.suspect[c] = true
	}
	return m
})

// alternatives are a rule with and without its optional place.
func alternatives(text string) []string {
	if at := strings.Index(text, "]?"); at >= 0 {
		return []string{text[:at+1] + text[at+2:], text[:strings.LastIndex(text[:at], "[")] + text[at+2:]}
	}
	return []string{text}
}

// places cuts a rule into classes and single characters.
var places = regexp.MustCompile(`\[[^\]]*\]|.`)

// add gives a bit to the characters of a class.
func (m *rules) add(class string, place mask) {
	re, err := syntax.Parse(class, syntax.Perl)
	if err != nil {
		panic(err) // a constant
	}
	ranges := re.Rune
	switch re.Op {
	case syntax.OpLiteral: // also of a class that is a letter in both cases
		ranges = []rune{re.Rune[0], re.Rune[0]}
		for c := unicode.SimpleFold(re.Rune[0]); re.Flags&syntax.FoldCase != 0 && c != re.Rune[0]; c = unicode.SimpleFold(c) {
			ranges = append(ranges, c, c)
		}
	case syntax.OpAnyCharNotNL:
		ranges = []rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune}
	}
	for i := 0; i < len(ranges); i += 2 {
		for c := ranges[i]; c <= min(ranges[i+1], 0xffff); c++ {
			m.bits[c].add(place)
		}
		if ranges[i+1] > 0xffff { // no rule tells those apart, but for letters
			m.beyond.add(place)
		}
	}
}

func (m *rules) of(c rune) mask {
	if c < 0x10000 {
		return m.bits[c]
	}
	if unicode.IsLetter(c) || unicode.IsNumber(c) {
		return m.beyond
	}
	return m.beyond.without(m.word)
}

// isBad says whether a text looks like mojibake.
func isBad(text string) bool {
	m := matcher()
	if !strings.ContainsFunc(text, func(c rune) bool { return c < 0x10000 && m.suspect[c] }) {
		return false
	}
	bits := make([]mask, 0, len(text))
	for _, c := range text {
		bits = append(bits, m.of(c))
	}
	for i := range bits {
		for _, r := range m.all {
			if r.matches(bits[i:], i == 0) {
				return true
			}
		}
	}
	return false
}

func (r rule) matches(bits []mask, isStart bool) bool {
	if len(bits) < len(r.places) || r.atStart && !isStart {
		return false
	}
	for i, place := range r.places {
		if !bits[i].has(place) {
			return false
		}
	}
	return true
}

// detector holds the sets of characters that look like bytes of UTF-8.
var detector = sync.OnceValue(func() (d struct{ first2, first3, first4, next, strict runeSet }) {
	d.first2, d.first3, d.first4 = newRuneSet(clues["utf8_first_of_2"]), newRuneSet(clues["utf8_first_of_3"]), newRuneSet(clues["utf8_first_of_4"])
	d.next, d.strict = newRuneSet(clues["utf8_continuation"]), newRuneSet(clues["utf8_continuation_strict"])
	return d
})

// fixInconsistent fixes parts of a text that look like UTF-8 each by itself.
func fixInconsistent(text string) string {
	all := []rune(text)
	var out strings.Builder
	for i := 0; i < len(all); {
		n := 0
		if i == 0 || !detector().strict.has(all[i-1]) {
			n = utf8Like(all[i:])
		}
		if n == 0 {
			out.WriteRune(all[i])
			i++
			continue
		}
		part := string(all[i : i+n])
		if n < len(all) && isBad(part) { // shorter, so that this ends
			part = fixEncoding(part)
		}
		out.WriteString(part)
		i += n
	}
	return out.String()
}

// utf8Like is the length of the run of characters that look like UTF-8.
func utf8Like(all []rune) (n int) {
	d := detector()
	for {
		rest := all[n:]
		follow := 0
		for follow < 3 && follow+1 < len(rest) && d.next.has(rest[follow+1]) {
			follow++
		}
		switch {
		case len(rest) > 0 && follow >= 1 && d.first2.has(rest[0]):
			n += 2
		case len(rest) > 0 && follow >= 2 && d.first3.has(rest[0]):
			n += 3
		case len(rest) > 0 && follow >= 3 && d.first4.has(rest[0]):
			n += 4
		default:
			return n
		}
	}
}
