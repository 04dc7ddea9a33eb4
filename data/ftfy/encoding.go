package ftfy

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// encoding is a way in which bytes may have been read wrongly. Of the sloppy ones,
// bytes without a character are those of Latin-1, and byte 0x1a is U+FFFD.
type encoding struct {
	name  string
	upper []rune // of bytes 0x80 to 0xff
	bytes map[rune]byte
}

var encodings = sync.OnceValue(func() []encoding {
	var all []encoding
	for _, m := range charmaps {
		e := encoding{m.name, []rune(m.upper), map[rune]byte{}}
		for i, c := range e.upper {
			e.bytes[c] = byte(0x80 + i)
		}
		if e.sloppy() {
			e.bytes[utf8.RuneError] = substitute
		} else {
			e.bytes[substitute] = substitute
		}
		all = append(all, e)
	}
	return all
})

// substitute is the byte for a character that was lost.
const substitute = 0x1a

func charmap(name string) encoding {
	for _, e := range encodings() {
		if e.name == name {
			return e
		}
	}
	panic("no encoding " + name)
}

func (e encoding) sloppy() bool { return strings.HasPrefix(e.name, "sloppy") }

// encode gives the bytes as characters U+0000 to U+00FF, so that patterns can be
// written for them; ok is false where the text has no such encoding.
func (e encoding) encode(text string) (encoded string, ok bool) {
	out := make([]rune, 0, len(text))
	for _, c := range text {
		if c < 0x80 && c != substitute {
			out = append(out, c)
			continue
		}
		b, known := e.bytes[c]
		if !known {
			return "", false
		}
		out = append(out, rune(b))
	}
	return string(out), true
}

// fixEncoding undoes wrong decoding, one layer after another.
func fixEncoding(text string) string {
	for {
		before := text
		if text = fixLayer(text); text == before {
			return text
		}
	}
}

// fixLayer is _fix_encoding_one_step_and_explain.
func fixLayer(text string) string {
	if isASCII(text) || !isBad(text) {
		return text
	}
	isLatin1 := false
	for _, e := range encodings() {
		encoded, ok := e.encode(text)
		if !ok {
			continue
		}
		isLatin1 = isLatin1 || e.name == "latin-1"
		if e.name != "macroman" {
			encoded = restoreA0(encoded)
		}
		if e.sloppy() {
			encoded = lossy().ReplaceAllString(encoded, "\u00ef\u00bf\u00bd") // U+FFFD in UTF-8
		}
		if fixed, ok := decode(encoded); ok {
			return fixed
		}
	}
	if fixed := fixInconsistent(text); fixed != text {
		return fixed
	}
	if isLatin1 {
		if fixed, ok := strict1252(text); ok && fixed != text {
			return fixed
		}
	}
	return fixC1(text)
}

// restoreA0 puts back bytes 0xa0 that were taken for spaces, where UTF-8 needs them.
func restoreA0(encoded string) string {
	if !altered().MatchString(encoded) {
		return encoded
	}
	return altered().ReplaceAllStringFunc(restoreGrave(encoded), func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") })
}

// restoreGrave is for words that are "à", whose space behind is one more.
func restoreGrave(encoded string) string {
	const mark = "Ã "
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(encoded, mark)
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		encoded = after
		isWord := true
		for _, rest := range []string{" ", "quele", "quela", "quilo", "s "} {
			isWord = isWord && !strings.HasPrefix(after, rest)
		}
		out.WriteString("Ã")
		if isWord {
			out.WriteString("\u00a0")
		}
		out.WriteString(" ")
	}
}

var altered = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[\x{c2}\x{c3}\x{c5}\x{ce}\x{d0}\x{d9}][ ]` +
		`|[\x{e2}\x{e3}][ ][\x{80}-\x{84}\x{86}-\x{9f}\x{a1}-\x{bf}]` +
		`|[\x{e0}-\x{e3}][\x{80}-\x{84}\x{86}-\x{9f}\x{a1}-\x{bf}][ ]` +
		`|[\x{f0}][ ][\x{80}-\x{bf}][\x{80}-\x{bf}]` +
		`|[\x{f0}][\x{80}-\x{bf}][ ][\x{80}-\x{bf}]` +
		`|[\x{f0}][\x{80}-\x{bf}][\x{80}-\x{bf}][ ]`)
})

// lossy is a sequence of UTF-8 of which a byte was lost.
var lossy = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[\x{c2}-\x{df}][\x1a]` +
		`|[\x{c2}-\x{c3}][?]` +
		`|\x{ed}[\x{a0}-\x{af}][\x1a?]\x{ed}[\x{b0}-\x{bf}][\x1a?\x{80}-\x{bf}]` +
		`|\x{ed}[\x{a0}-\x{af}][\x1a?\x{80}-\x{bf}]\x{ed}[\x{b0}-\x{bf}][\x1a?]` +
		`|[\x{e0}-\x{ef}][\x1a?][\x1a\x{80}-\x{bf}]` +
		`|[\x{e0}-\x{ef}][\x1a\x{80}-\x{bf}][\x1a?]` +
		`|[\x{f0}-\x{f4}][\x1a?][\x1a\x{80}-\x{bf}][\x1a\x{80}-\x{bf}]` +
		`|[\x{f0}-\x{f4}][\x1a\x{80}-\x{bf}][\x1a?][\x1a\x{80}-\x{bf}]` +
		`|[\x{f0}-\x{f4}][\x1a\x{80}-\x{bf}][\x1a\x{80}-\x{bf}][\x1a?]` +
		`|\x1a`)
})

// decode reads bytes as UTF-8, with 0xed or 0xc0 in them also as its variants:
// surrogates encoded one by one (CESU-8), and Java's two bytes for U+0000.
func decode(encoded string) (string, bool) {
	raw := make([]byte, 0, len(encoded))
	isVariant := false
	for _, c := range encoded {
		raw = append(raw, byte(c))
		isVariant = isVariant || c == 0xed || c == 0xc0
	}
	if utf8.Valid(raw) {
		return string(raw), true
	}
	if !isVariant {
		return "", false
	}
	var out []byte
	for len(raw) > 0 {
		if r, size := utf8.DecodeRune(raw); r != utf8.RuneError || size > 1 {
			out, raw = append(out, raw[:size]...), raw[size:]
			continue
		}
		c, size := variant(raw)
		if size == 0 {
			return "", false
		}
		out, raw = utf8.AppendRune(out, c), raw[size:]
	}
	return string(out), true
}

// variant is the character that a variant sequence at the start of raw stands for.
func variant(raw []byte) (rune, int) {
	in := func(i int, low, high byte) bool { return i < len(raw) && low <= raw[i] && raw[i] <= high }
	// Python's $ is before a last \n too
	if raw[0] == 0xc0 && (in(1, 0x80, 0x80) || len(raw) == 2 && raw[1] == '\n') {
		return 0, 2
	}
	if raw[0] == 0xed && in(1, 0xa0, 0xaf) && in(2, 0x80, 0xbf) && in(3, 0xed, 0xed) && in(4, 0xb0, 0xbf) && in(5, 0x80, 0xbf) {
		return rune(raw[1]&0x0f)<<16 + rune(raw[2]&0x3f)<<10 + rune(raw[4]&0x0f)<<6 + rune(raw[5]&0x3f) + 0x10000, 6
	}
	return 0, 0
}

// strict1252 reads a text of Latin-1 as Windows-1252, in which five bytes have no
// character.
func strict1252(text string) (string, bool) {
	if strings.ContainsAny(text, "\u0081\u008d\u008f\u0090\u009d") {
		return "", false
	}
	return fixC1(text), true
}

// fixC1 reads C1 controls as Windows-1252, as browsers do.
func fixC1(text string) string {
	if !strings.ContainsFunc(text, isC1) {
		return text
	}
	table := charmap("sloppy-windows-1252").upper
	return strings.Map(func(c rune) rune {
		if isC1(c) {
			return table[c-0x80]
		}
		return c
	}, text)
}

func isC1(c rune) bool { return 0x80 <= c && c <= 0x9f }
