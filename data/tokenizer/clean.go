package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"react/data/ftfy"
)

// clean appends the cleaned caption to buf. White space is left to next, which
// skips it.
func clean(buf []byte, text string) []byte {
	if !ftfy.IsPlain(text) {
		text = ftfy.Fix(strings.ToValidUTF8(text, "\uFFFD"))
		text = ftfy.Unescape(ftfy.Unescape(text))
	}
	start := len(buf)
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf {
			return lower(buf[:start], text)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return buf
}

// lower appends the text in lower case, as Python's str.lower has it.
func lower(buf []byte, text string) []byte {
	for i, r := range text {
		switch {
		case r == 'İ': // the one letter whose lower case is two characters
			buf = append(buf, "i\u0307"...)
		case r == 'Σ' && isFinalSigma(text[:i], text[i+len("Σ"):]):
			buf = append(buf, "ς"...)
		default:
			buf = utf8.AppendRune(buf, unicode.ToLower(r))
		}
	}
	return buf
}

// isFinalSigma says whether a capital sigma ends a word: after a letter that has
// case and not before one, with what case ignores left out on both sides.
func isFinalSigma(before, after string) bool {
	for len(before) > 0 {
		r, size := utf8.DecodeLastRuneInString(before)
		before = before[:len(before)-size]
		if !isCaseIgnorable(r) {
			if !isCased(r) {
				return false
			}
			for _, r := range after {
				if !isCaseIgnorable(r) {
					return !isCased(r)
				}
			}
			return true
		}
	}
	return false
}

// isCased and isCaseIgnorable are Unicode's derived properties.
func isCased(r rune) bool {
	return unicode.In(r, unicode.Lu, unicode.Ll, unicode.Lt, unicode.Other_Lowercase, unicode.Other_Uppercase)
}

func isCaseIgnorable(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) || strings.ContainsRune("'.:··՟״‘’․‧︓﹒﹕＇．：", r)
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

// iotaBelow is a mark whose case folds to a letter. The pattern's case is ignored,
// so that it is no symbol; nor is it a letter.
const iotaBelow = '\u0345'

func runeClass(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r), r == iotaBelow:
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
	contractions = []string{"'s", "'ſ", // the pattern's case is ignored, and the long s is an s
		"'t", "'re", "'ve", "'m", "'ll", "'d"}
	specials = []string{startOfText, endOfText}
)
