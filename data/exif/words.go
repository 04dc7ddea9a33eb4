package exif

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// tagsFile has a line for each tag: IFD, number, name, and how its value is read
// ("text", "ifd NAME", "one of 1=word|2=word"). testdata/tags.py makes it.
//
//go:embed tags.tsv
var tagsFile string

// entry is a tag with how its value is read.
type entry struct {
	name  string
	isTxt bool
	ifd   string           // the value points to this one
	words map[int64]string // of values
}

// tables are the tags by IFD and number.
var tables = readTables(tagsFile)

func readTables(file string) map[string]map[uint16]entry {
	all := map[string]map[uint16]entry{}
	for line := range strings.Lines(file) {
		cols := append(strings.Split(strings.TrimSuffix(line, "\n"), "\t"), "")
		number, err := strconv.ParseUint(cols[1], 16, 16)
		if err != nil {
			panic(fmt.Sprintf("tags.tsv: %q: %v", line, err))
		}
		e := entry{name: cols[2], isTxt: cols[3] == "text"}
		e.ifd, _ = strings.CutPrefix(cols[3], "ifd ")
		if e.ifd == cols[3] {
			e.ifd = ""
		}
		if list, ok := strings.CutPrefix(cols[3], "one of "); ok {
			e.words = map[int64]string{}
			for pair := range strings.SplitSeq(list, "|") {
				value, word, _ := strings.Cut(pair, "=")
				n, err := strconv.ParseInt(value, 10, 64)
				if err != nil {
					panic(fmt.Sprintf("tags.tsv: %q: %v", line, err))
				}
				e.words[n] = word
			}
		}
		if all[cols[0]] == nil {
			all[cols[0]] = map[uint16]entry{}
		}
		all[cols[0]][uint16(number)] = e
	}
	return all
}

// text is a field's value in words.
func (e entry) text(f *field) string {
	switch {
	case e.isTxt:
		return plainText(f)
	case e.words == nil:
		return f.String()
	}
	var b strings.Builder
	for _, c := range string(f.text) {
		fmt.Fprintf(&b, "'%c'", c)
	}
	for _, v := range f.values {
		if word, ok := e.words[v.num]; ok && v.whole() {
			b.WriteString(word)
			continue
		}
		b.WriteString(v.String())
	}
	return b.String()
}

// plainText is a field of characters: those that print.
func plainText(f *field) string {
	if f.ascii {
		return strings.Trim(f.String(), " \x00")
	}
	var chars, digits strings.Builder
	for _, v := range f.values {
		if v.whole() && v.num >= ' ' && v.num < 256 {
			chars.WriteRune(rune(v.num))
		}
		digits.WriteString(v.String())
	}
	if chars.Len() > 0 {
		return strings.Trim(chars.String(), " \x00")
	}
	if strings.Trim(digits.String(), "0") == "" {
		return ""
	}
	return digits.String()
}

func itoa(n int) string      { return strconv.Itoa(n) }
func hex4(tag uint16) string { return fmt.Sprintf("%04X", tag) }

// quote writes a string as Python's json.dumps does, in ASCII.
func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		default:
			if r >= ' ' && r <= '~' {
				b.WriteRune(r)
				continue
			}
			if r > 0xffff {
				r -= 0x10000
				fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
				continue
			}
			fmt.Fprintf(b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
}
