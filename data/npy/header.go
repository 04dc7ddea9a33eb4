// Package npy reads and writes NumPy's .npy files: little-endian, C-order arrays.
//
// It is for embeddings and small golden arrays: matrices of <f2 and <f4 are
// written and read row by row, other numeric types are only read. It is not an
// array library, knows nothing of .npz, and refuses Fortran order, big-endian
// data and files with bytes after the array (half-written or joined files).
//
// Words: a row is everything below the first axis; its length is the product
// of the other axes. A 1-D array has rows of one value.
package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"react/data/dtype"
)

const (
	magic = "\x93NUMPY"
	// maxHeader bounds what a reader will allocate for a header; NumPy's own
	// are 118 bytes, or 54 in files of old versions.
	maxHeader = 1 << 16
	// headerSize is what we write, whatever the shape: one size, so that a
	// streaming writer can fill in the number of rows at the end. It is
	// NumPy's size too, and below the 300 bytes that embedding-reader looks at.
	headerSize = 128
)

// header is the decoded dictionary of a file.
type header struct {
	dtype string // as in the file: "<f2"
	shape []int
	size  int64 // bytes before the data
}

// types are the element types that are read.
var types = map[string]dtype.Type{"<f2": dtype.F16, "<f4": dtype.F32, "<f8": dtype.F64, "<i4": dtype.I32, "<i8": dtype.I64,
	"|u1": dtype.U8, "|b1": dtype.Bool}

func (h header) itemSize() int { return int(types[h.dtype].Size()) }

// rowLen is the number of values in a row.
func (h header) rowLen() int {
	n := 1
	for _, d := range h.shape[min(1, len(h.shape)):] {
		n *= d
	}
	return n
}

// numRows is the length of the first axis; a 0-D array has one row.
func (h header) numRows() int {
	if len(h.shape) == 0 {
		return 1
	}
	return h.shape[0]
}

// readHeader decodes the header at the start of r. It returns errors without a
// file name; the caller adds it.
func readHeader(r io.Reader) (header, error) {
	var pre [10]byte
	if _, err := io.ReadFull(r, pre[:]); err != nil {
		return header{}, shortHeader(err)
	}
	if string(pre[:6]) != magic {
		return header{}, fmt.Errorf("not an npy file (starts with %q)", pre[:6])
	}
	n, used := int(binary.LittleEndian.Uint16(pre[8:])), 10
	switch pre[6] {
	case 1:
	case 2, 3:
		var more [2]byte
		if _, err := io.ReadFull(r, more[:]); err != nil {
			return header{}, shortHeader(err)
		}
		n, used = int(binary.LittleEndian.Uint32([]byte{pre[8], pre[9], more[0], more[1]})), 12
	default:
		return header{}, fmt.Errorf("npy version %d.%d is not known", pre[6], pre[7])
	}
	if n > maxHeader {
		return header{}, fmt.Errorf("header of %d bytes is over %d", n, maxHeader)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return header{}, shortHeader(err)
	}
	h, err := parseDict(string(text))
	h.size = int64(used + n)
	return h, err
}

func shortHeader(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("ends inside the npy header")
	}
	return err
}

// parseDict reads the Python dictionary of a header:
// {'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }
func parseDict(text string) (header, error) {
	text = strings.TrimSpace(text)
	body, ok := strings.CutPrefix(text, "{")
	if body, ok = cutSuffix(body, "}", ok); !ok {
		return header{}, fmt.Errorf("header %.60q is not a dictionary", text)
	}
	var h header
	seen := map[string]bool{}
	for body = strings.TrimSpace(body); body != ""; {
		key, value, rest, err := nextItem(body)
		if err != nil {
			return header{}, err
		}
		if seen[key] {
			return header{}, fmt.Errorf("header has %q twice", key)
		}
		seen[key] = true
		if err := h.set(key, value); err != nil {
			return header{}, err
		}
		body = strings.TrimSpace(rest)
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return header{}, fmt.Errorf("header has no %q", key)
		}
	}
	return h, h.check()
}

func cutSuffix(s, suffix string, ok bool) (string, bool) {
	s, found := strings.CutSuffix(s, suffix)
	return s, ok && found
}

// nextItem splits "'key': value, rest"; a value in parentheses may hold commas.
func nextItem(s string) (key, value, rest string, err error) {
	quote := s[0]
	if quote != '\'' && quote != '"' {
		return "", "", "", fmt.Errorf("header: want a quoted key at %.20q", s)
	}
	end := strings.IndexByte(s[1:], quote)
	if end < 0 {
		return "", "", "", fmt.Errorf("header: key without end at %.20q", s)
	}
	key, s = s[1:1+end], strings.TrimSpace(s[2+end:])
	s, ok := strings.CutPrefix(s, ":")
	if !ok {
		return "", "", "", fmt.Errorf("header: want ':' after %q", key)
	}
	s = strings.TrimSpace(s)
	from := 0
	if strings.HasPrefix(s, "(") {
		if from = strings.IndexByte(s, ')'); from < 0 {
			return "", "", "", fmt.Errorf("header: %q is a tuple without end", key)
		}
	}
	if i := strings.IndexByte(s[from:], ','); i >= 0 {
		return key, strings.TrimSpace(s[:from+i]), s[from+i+1:], nil
	}
	return key, strings.TrimSpace(s), "", nil
}

// set stores one item of the dictionary.
func (h *header) set(key, value string) error {
	switch key {
	case "descr":
		if len(value) < 2 || value[0] != value[len(value)-1] || (value[0] != '\'' && value[0] != '"') {
			return fmt.Errorf("header: dtype %s is not a plain type", value)
		}
		h.dtype = value[1 : len(value)-1]
	case "fortran_order":
		if value == "True" {
			return errors.New("array is in Fortran order; save it with numpy.ascontiguousarray")
		}
		if value != "False" {
			return fmt.Errorf("header: fortran_order %s is neither True nor False", value)
		}
	case "shape":
		shape, err := parseShape(value)
		h.shape = shape
		return err
	default:
		return fmt.Errorf("header: unknown key %q", key)
	}
	return nil
}

// parseShape reads "(3, 4)", "(3,)" or "()"; Python 2 wrote "3L".
func parseShape(value string) ([]int, error) {
	body, ok := strings.CutPrefix(value, "(")
	if body, ok = cutSuffix(body, ")", ok); !ok {
		return nil, fmt.Errorf("header: shape %s is not a tuple", value)
	}
	shape := []int{}
	for part := range strings.SplitSeq(body, ",") {
		part = strings.TrimSuffix(strings.TrimSpace(part), "L")
		if part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("header: shape %s has a bad length %q", value, part)
		}
		shape = append(shape, n)
	}
	return shape, nil
}

// check refuses types we do not read and shapes whose size overflows.
func (h header) check() error {
	if h.itemSize() == 0 {
		return fmt.Errorf("dtype %q is not read (want <f2, <f4, <f8, <i4, <i8 or |u1)", h.dtype)
	}
	// Zero lengths are left out, so that the product of any axes is in range.
	total := int64(h.itemSize())
	for _, d := range h.shape {
		if d > 0 && total > math.MaxInt64/2/int64(d) {
			return fmt.Errorf("shape %v is too large", h.shape)
		}
		total *= int64(max(d, 1))
	}
	return nil
}

// checkSize compares the header with the length of the file.
func (h header) checkSize(size int64) error {
	rowBytes := int64(h.rowLen() * h.itemSize())
	want := h.size + int64(h.numRows())*rowBytes
	if size > want {
		return fmt.Errorf("%d bytes follow the array %v of %s: half written, or several arrays in one file", size-want, h.shape, h.dtype)
	}
	if size < want {
		return fmt.Errorf("ends in row %d of %d (%d bytes of %d)", (size-h.size)/max(rowBytes, 1), h.numRows(), size, want)
	}
	return nil
}

// encode renders the header in exactly headerSize bytes.
func (h header) encode() ([]byte, error) {
	dims := make([]string, len(h.shape))
	for i, d := range h.shape {
		dims[i] = strconv.Itoa(d)
	}
	shape := strings.Join(dims, ", ")
	if len(dims) == 1 {
		shape += ","
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", h.dtype, shape)
	if len(dict)+1 > headerSize-10 {
		return nil, fmt.Errorf("shape %v does not fit the header", h.shape)
	}
	out := make([]byte, 0, headerSize)
	out = append(out, magic...)
	out = append(out, 1, 0, headerSize-10, 0)
	out = append(out, dict...)
	for len(out) < headerSize-1 {
		out = append(out, ' ')
	}
	return append(out, '\n'), nil
}
