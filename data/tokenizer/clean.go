package tokenizer

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// clean appends the cleaned caption to buf. White space is left to next, which
// skips it.
func clean(buf []byte, text string) []byte {
	plain := true
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf || c == '&' {
			plain = false
			break
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	if plain {
		return buf
	}
	return cleanSlow(buf[:0], text)
}

func cleanSlow(buf []byte, text string) []byte {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = html.UnescapeString(html.UnescapeString(text))
	for _, r := range norm.NFC.String(text) {
		if r == 'İ' { // the one letter whose lower case is two characters
			buf = append(buf, "i\u0307"...)
			continue
		}
		buf = utf8.AppendRune(buf, unicode.ToLower(r))
	}
	return buf
}

// classes of characters in the splitting pattern
type class uint8

const (
	symbol class = iota
	space
	letter
	number
)

var asciiClass = func() (table [utf8.RuneSelf]class) {
	for i := range table {
		table[i] = runeClass(rune(i))
	}
	return table
}()

func runeClass(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return symbol
}

// classAt is the class of the first character of text and its length in bytes.
func classAt(text []byte) (class, int) {
	if text[0] < utf8.RuneSelf {
		return asciiClass[text[0]], 1
	}
	r, size := utf8.DecodeRune(text)
	return runeClass(r), size
}

// next is the first word of a cleaned text and what follows it; a nil word means
// that none is left. It is CLIP's pattern by hand:
//
//	<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
func next(text []byte) (word, rest []byte) {
	for len(text) > 0 {
		kind, size := classAt(text)
		if kind == space {
			text = text[size:]
			continue
		}
		if kind == number {
			return text[:size], text[size:]
		}
		if kind == symbol {
			if n := fixedWord(text); n > 0 {
				return text[:n], text[n:]
			}
		}
		end := size
		for end < len(text) {
			other, n := classAt(text[end:])
			if other != kind {
				break
			}
			end += n
		}
		return text[:end], text[end:]
	}
	return nil, nil
}

// fixedWord is the length of the special token or the contraction that text
// starts with, or 0.
func fixedWord(text []byte) int {
	var fixed []string
	switch text[0] {
	case '\'':
		fixed = contractions
	case '<':
		fixed = specials
	}
	for _, s := range fixed {
		if len(text) >= len(s) && string(text[:len(s)]) == s {
			return len(s)
		}
	}
	return 0
}

var (
	contractions = []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}
	specials     = []string{startOfText, endOfText}
)
