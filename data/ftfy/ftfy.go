// Package ftfy cleans captions as the Python library ftfy does ("fixes text for
// you", version 6.3.1 by Robyn Speer, Apache License 2.0, whose rules and
// character classes these are), which OpenAI's CLIP and open_clip run before they
// tokenize: HTML entities, text that was decoded in the wrong encoding
// (mojibake), C1 controls, ligatures, full-width characters, curled quotes, line
// breaks, terminal escapes, control characters, and Unicode's form NFC.
//
// Fix is fix_text with its defaults; Unescape is html.unescape of Python's
// standard library. Both are held to the originals by tests on many thousands of
// strings.
//
// Words: a clue is a character that a byte of UTF-8 becomes when it is read in
// another encoding; a text is bad when it holds characters that are seldom
// neighbours.
package ftfy

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxSegment is the number of characters that are looked at together.
const maxSegment = 1_000_000

// Fix is ftfy.fix_text. The text must be valid UTF-8.
func Fix(text string) string {
	if IsPlain(text) {
		return text
	}
	var out strings.Builder
	unescape := true
	for len(text) > 0 {
		segment := text[:segmentEnd(text)]
		text = text[len(segment):]
		if strings.Contains(segment, "<") { // real HTML: from here on entities stay
			unescape = false
		}
		out.WriteString(fixSegment(segment, unescape))
	}
	return out.String()
}

// IsPlain says whether Fix leaves a text as it is, for the reason that all of it
// is printable ASCII or white space without an entity.
func IsPlain(text string) bool {
	for i := 0; i < len(text); i++ {
		if !plain[text[i]] {
			return false
		}
	}
	return true
}

var plain = func() (table [256]bool) {
	for c := range 0x7f {
		table[c] = c >= 0x20 && c != '&' || c == '\t' || c == '\n' || c == '\f'
	}
	return table
}()

// segmentEnd is the end of the first line, or of maxSegment characters.
func segmentEnd(text string) int {
	end := strings.IndexByte(text, '\n') + 1
	if end == 0 {
		end = len(text)
	}
	if end <= maxSegment || utf8.RuneCountInString(text[:end]) <= maxSegment {
		return end
	}
	n := 0
	for i := range text {
		if n == maxSegment {
			return i
		}
		n++
	}
	return end
}

// fixSegment applies the steps until they change nothing.
func fixSegment(text string, unescape bool) string {
	for {
		before := text
		if unescape {
			text = entity.ReplaceAllStringFunc(text, unescapeEntity)
		}
		if isASCII(text) {
			text = controls.Replace(fixLines(text))
		} else {
			text = controls.Replace(fixLines(curled.Replace(fixC1(fixEncoding(text)))))
		}
		text = norm.NFC.String(text)
		if text == before {
			return text
		}
	}
}

func isASCII(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fixLines makes every line break a "\n" and takes colours of terminals away.
func fixLines(text string) string {
	text = lineBreaks.Replace(text)
	if strings.Contains(text, "\x1b[") {
		text = terminal.ReplaceAllString(text, "")
	}
	return text
}

var (
	lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n")
	terminal   = regexp.MustCompile(`\x1b\[(?:\p{Nd}|;)*[a-zA-Z]`)
)

// controls takes away what no text is meant to hold.
var controls = func() *strings.Replacer {
	var pairs []string
	for _, r := range [][2]rune{{0, 8}, {0x0b, 0x0b}, {0x0e, 0x1f}, {0x7f, 0x7f}, {0x206a, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffc}} {
		for c := r[0]; c <= r[1]; c++ {
			pairs = append(pairs, string(c), "")
		}
	}
	return strings.NewReplacer(pairs...)
}()

// curled is three steps of which none meets what another makes: ligatures and
// digraphs of Latin letters, half and full width, curled quotes. The apostrophe of
// "ŉ" is the one that would be met: it is uncurled here.
var curled = func() *strings.Replacer {
	pairs := []string{"Ĳ", "IJ", "ĳ", "ij", "ŉ", "'n", "Ǳ", "DZ", "ǲ", "Dz", "ǳ", "dz", "Ǆ", "DŽ", "ǅ", "Dž", "ǆ", "dž", "Ǉ", "LJ", "ǈ", "Lj",
		"ǉ", "lj", "Ǌ", "NJ", "ǋ", "Nj", "ǌ", "nj", "ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "ſt", "ﬆ", "st",
		"\u3000", " ", "ʼ", "'", "‘", "'", "’", "'", "‚", "'", "‛", "'", "“", `"`, "”", `"`, "„", `"`, "‟", `"`}
	for c := rune(0xff01); c < 0xfff0; c++ {
		if wide := norm.NFKC.String(string(c)); wide != string(c) {
			pairs = append(pairs, string(c), wide)
		}
	}
	return strings.NewReplacer(pairs...)
}()
