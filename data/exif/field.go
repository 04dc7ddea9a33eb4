package exif

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// number is a value of a field: an integer, a fraction, or with real a float.
type number struct {
	num, den int64 // den is 1 for an integer
	real     string
}

func (n number) whole() bool { return n.den == 1 && n.real == "" }

// String is what Python prints: a fraction in lowest terms, a float as the tuple
// that ExifRead makes of it.
func (n number) String() string {
	switch {
	case n.real != "":
		return "(" + n.real + ",)"
	case n.den == 1:
		return strconv.FormatInt(n.num, 10)
	}
	return fmt.Sprintf("%d/%d", n.num, n.den)
}

// fraction is reduced; over 0 it stays as it is.
func fraction(num, den int64) number {
	if den == 0 {
		return number{num: num, den: 0}
	}
	a, b := num, den
	for b != 0 {
		a, b = b, a%b
	}
	if a < 0 {
		a = -a
	}
	if den < 0 {
		a = -a
	}
	return number{num: num / a, den: den / a}
}

// Types of fields, of TIFF 6.0.
const (
	typeASCII    = 2
	typeRatio    = 5
	typeSByte    = 6
	typeSShort   = 8
	typeSLong    = 9
	typeSRatio   = 10
	typeFloat    = 11
	typeDouble   = 12
	typeIFD      = 13
	mostValues   = 1000 // a longer field is printed as an empty one, as ExifRead does
	printsAll    = 50
	printsOfLong = 20
)

var typeSizes = [...]int{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4}

// field is a tag's values: text of type ASCII, else numbers.
type field struct {
	count  int
	ascii  bool
	text   []byte
	values []number
}

// field reads the twelve bytes of a tag; nil for a type that TIFF has not.
func (r *reader) field(at int) *field {
	kind, count := int(r.u16(at+2)), int(r.u32(at+4))
	if kind < 1 || kind > typeIFD {
		return nil
	}
	size := typeSizes[kind]
	from := at + 8
	if count*size > 4 {
		from = int(r.u32(from))
	}
	f := &field{count: count, ascii: kind == typeASCII}
	if f.ascii {
		if from < len(r.body) {
			f.text, _, _ = bytes.Cut(r.body[from:min(from+count, len(r.body))], []byte{0})
		}
		return f
	}
	if count < mostValues {
		for i := range count {
			f.values = append(f.values, r.number(kind, from+i*size))
		}
	}
	return f
}

func (r *reader) number(kind, at int) number {
	switch kind {
	case typeSByte:
		return number{num: int64(int8(r.bytes(at, 1)[0])), den: 1}
	case typeSShort:
		return number{num: int64(int16(r.u16(at))), den: 1}
	case typeSLong:
		return number{num: int64(int32(r.u32(at))), den: 1}
	case typeRatio:
		return fraction(int64(r.u32(at)), int64(r.u32(at+4)))
	case typeSRatio:
		return fraction(int64(int32(r.u32(at))), int64(int32(r.u32(at+4))))
	case typeFloat:
		return number{real: pyFloat(float64(math.Float32frombits(r.u32(at))))}
	case typeDouble:
		return number{real: pyFloat(math.Float64frombits(r.order.Uint64(r.bytes(at, 8))))}
	}
	switch typeSizes[kind] {
	case 1:
		return number{num: int64(r.bytes(at, 1)[0]), den: 1}
	case 2:
		return number{num: int64(r.u16(at)), den: 1}
	}
	return number{num: int64(r.u32(at)), den: 1}
}

// pyFloat is Python's repr.
func pyFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// String is the field as Python prints its values.
func (f *field) String() string {
	if f.ascii {
		if utf8.Valid(f.text) {
			return string(f.text)
		}
		return pyBytes(f.text)
	}
	if f.count == 1 {
		return f.values[0].String()
	}
	n, end := len(f.values), "]"
	if f.count > printsAll && n > printsOfLong {
		n, end = printsOfLong, ", ... ]"
	}
	words := make([]string, n)
	for i := range words {
		words[i] = f.values[i].String()
	}
	return "[" + strings.Join(words, ", ") + end
}

// pyBytes is Python's repr of bytes.
func pyBytes(b []byte) string {
	quote := byte('\'')
	if bytes.IndexByte(b, '\'') >= 0 && bytes.IndexByte(b, '"') < 0 {
		quote = '"'
	}
	out := []byte{'b', quote}
	for _, c := range b {
		switch {
		case c == quote || c == '\\':
			out = append(out, '\\', c)
		case c == '\t':
			out = append(out, `\t`...)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\r':
			out = append(out, `\r`...)
		case c < ' ' || c > '~':
			out = fmt.Appendf(out, `\x%02x`, c)
		default:
			out = append(out, c)
		}
	}
	return string(append(out, quote))
}
