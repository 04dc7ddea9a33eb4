// Package matfile reads MATLAB 5 files as far as the label files of benchmarks need: numeric and
// character arrays, cells and structs, zlib compressed or not. ImageNet's devkit, Oxford Flowers
// and Stanford Cars keep their labels in such files.
//
// Not read: sparse arrays, objects, function handles, complex parts, big-endian files and version
// 7.3, which is HDF5; each is an error.
package matfile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Array is a value of a file. Elements are in MATLAB's order, columns first.
type Array struct {
	Dims    []int
	Numbers []float64          // of a numeric or logical array
	Text    string             // of a character array
	Cells   []Array            // of a cell array
	Fields  map[string][]Array // of a struct array: for each field a value of each element
}

// Read returns the variables of a file by name.
func Read(path string) (map[string]Array, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	vars, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return vars, nil
}

// Types of data elements (MAT-File Format, table 1-1).
const (
	miInt8       = 1
	miUint8      = 2
	miInt16      = 3
	miUint16     = 4
	miInt32      = 5
	miUint32     = 6
	miSingle     = 7
	miDouble     = 9
	miInt64      = 12
	miUint64     = 13
	miMatrix     = 14
	miCompressed = 15
	miUTF8       = 16
	miUTF16      = 17
)

// Array classes (table 1-3).
const (
	mxCell   = 1
	mxStruct = 2
	mxChar   = 4
	mxDouble = 6
	mxUint64 = 15
)

// maxPlain bounds what a compressed variable may grow to, and maxDepth nesting.
// maxMemory bounds what a file's variables take: numbers widen eightfold, an empty
// cell of 8 bytes becomes an Array, and a few kilobytes may unpack to gigabytes.
const (
	maxPlain   = 1 << 28
	maxDepth   = 32
	maxMemory  = 1 << 29
	arrayBytes = 128
	maxDims    = 64
)

// budget is the memory that is left for a file's variables, in bytes.
type budget int

func (b *budget) take(n int) error {
	if *b -= budget(n); *b < 0 {
		return fmt.Errorf("its variables take over %d MiB", maxMemory>>20)
	}
	return nil
}

// parse reads the bytes of a file.
func parse(raw []byte) (map[string]Array, error) {
	if len(raw) < 128 || !bytes.Equal(raw[126:128], []byte("IM")) {
		return nil, errors.New("not a little-endian MATLAB 5 file")
	}
	if raw[125] != 1 {
		return nil, fmt.Errorf("MATLAB file of version %d.%d, want 1.0 (5 to 7.2; 7.3 is HDF5)", raw[125], raw[124])
	}
	vars := map[string]Array{}
	left := budget(maxMemory)
	for rest := raw[128:]; len(rest) > 0; {
		var e element
		var err error
		if e, rest, err = next(rest); err != nil {
			return nil, err
		}
		if e.kind == miCompressed {
			plain, err := left.inflate(e.data)
			if err != nil {
				return nil, err
			}
			if e, _, err = next(plain); err != nil {
				return nil, err
			}
		}
		if e.kind != miMatrix {
			return nil, fmt.Errorf("a variable is of type %d, want a matrix", e.kind)
		}
		name, a, err := left.matrix(e.data, 0)
		if err != nil {
			return nil, fmt.Errorf("variable %q: %w", name, err)
		}
		vars[name] = a
	}
	return vars, nil
}

func (b *budget) inflate(data []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(z, maxPlain+1))
	if err == nil && len(plain) > maxPlain {
		err = fmt.Errorf("a variable is over %d bytes", maxPlain)
	}
	if err == nil {
		err = b.take(len(plain))
	}
	return plain, err
}

// element is one tagged piece of data.
type element struct {
	kind int
	data []byte
}

var errShort = errors.New("ends early")

// next takes an element off the front; what follows begins at a multiple of 8 bytes, but for
// compressed ones.
func next(raw []byte) (element, []byte, error) {
	if len(raw) < 8 {
		return element{}, nil, errShort
	}
	tag := binary.LittleEndian.Uint32(raw)
	if small := tag >> 16; small != 0 { // four bytes or fewer, in the tag itself
		if small > 4 {
			return element{}, nil, fmt.Errorf("small element of %d bytes", small)
		}
		return element{int(tag & 0xffff), raw[4 : 4+small]}, raw[8:], nil
	}
	size := int(binary.LittleEndian.Uint32(raw[4:]))
	if size > len(raw)-8 {
		return element{}, nil, errShort
	}
	end := 8 + size
	if tag != miCompressed {
		end = min((end+7)&^7, len(raw))
	}
	return element{int(tag), raw[8 : 8+size]}, raw[end:], nil
}

// matrix reads flags, dimensions, name and contents.
func (b *budget) matrix(data []byte, depth int) (name string, a Array, err error) {
	if err := b.take(arrayBytes); err != nil {
		return "", a, err
	}
	if len(data) == 0 { // an empty cell
		return "", Array{Dims: []int{0, 0}}, nil
	}
	if depth > maxDepth {
		return "", a, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	var parts [3]element
	for i := range parts {
		if parts[i], data, err = next(data); err != nil {
			return "", a, err
		}
	}
	name = string(parts[2].data)
	if len(parts[0].data) < 4 {
		return name, a, errShort
	}
	flags := binary.LittleEndian.Uint32(parts[0].data)
	if len(parts[1].data) > 8*maxDims {
		return name, a, fmt.Errorf("%d bytes of dimensions", len(parts[1].data))
	}
	dims, err := parts[1].numbers()
	if err != nil {
		return name, a, err
	}
	count := 1
	for _, d := range dims {
		if d < 0 || d > maxPlain || float64(count)*d > maxPlain {
			return name, a, fmt.Errorf("dimensions %v", dims)
		}
		a.Dims = append(a.Dims, int(d))
		count *= int(d)
	}
	switch class := int(flags & 0xff); {
	case flags&0x0800 != 0:
		return name, a, errors.New("a complex array, which is not read")
	case class == mxCell:
		a.Cells, _, err = b.matrices(data, count, depth)
	case class == mxStruct:
		a.Fields, err = b.fields(data, count, depth)
	case class == mxChar:
		a.Text, err = b.text(data)
	case class >= mxDouble && class <= mxUint64:
		a.Numbers, err = b.numbers(data, count)
	default:
		err = fmt.Errorf("an array of class %d, which is not read", class)
	}
	return name, a, err
}

func (b *budget) matrices(data []byte, count, depth int) ([]Array, []byte, error) {
	var out []Array
	for range count {
		var e element
		var err error
		if e, data, err = next(data); err != nil {
			return nil, nil, err
		}
		if e.kind != miMatrix {
			return nil, nil, fmt.Errorf("a cell is of type %d, want a matrix", e.kind)
		}
		_, a, err := b.matrix(e.data, depth+1)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, a)
	}
	return out, data, nil
}

// fields reads a struct array: the length of names, the names, then all fields of the first
// element, of the second, ...
func (b *budget) fields(data []byte, count, depth int) (map[string][]Array, error) {
	length, data, err := next(data)
	if err != nil {
		return nil, err
	}
	if len(length.data) > 8 {
		return nil, fmt.Errorf("the length of field names takes %d bytes", len(length.data))
	}
	sizes, err := length.numbers()
	if err != nil || len(sizes) != 1 || sizes[0] < 1 || sizes[0] > 1024 {
		return nil, fmt.Errorf("field names of length %v", sizes)
	}
	list, data, err := next(data)
	if err == nil {
		err = b.take(len(list.data) / int(sizes[0]) * arrayBytes)
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for size := int(sizes[0]); len(list.data) >= size; list.data = list.data[size:] {
		name, _, _ := bytes.Cut(list.data[:size], []byte{0})
		names = append(names, string(name))
	}
	out := map[string][]Array{}
	for range count {
		for _, name := range names {
			var one []Array
			if one, data, err = b.matrices(data, 1, depth); err != nil {
				return nil, fmt.Errorf("field %s: %w", name, err)
			}
			out[name] = append(out[name], one[0])
		}
	}
	return out, nil
}

func (b *budget) text(data []byte) (string, error) {
	e, _, err := next(data)
	if err != nil {
		return "", err
	}
	if e.kind == miUTF8 || e.kind == miUint8 || e.kind == miInt8 {
		return string(e.data), nil
	}
	codes, err := b.widen(e)
	if err != nil {
		return "", err
	}
	runes := make([]rune, len(codes))
	for i, c := range codes {
		runes[i] = rune(c)
	}
	return string(runes), nil
}

func (b *budget) numbers(data []byte, count int) ([]float64, error) {
	e, _, err := next(data)
	if err != nil {
		return nil, err
	}
	out, err := b.widen(e)
	if err == nil && len(out) != count {
		err = fmt.Errorf("%d values for %d places", len(out), count)
	}
	return out, err
}

// widen takes the memory for an element's values and gives them.
func (b *budget) widen(e element) ([]float64, error) {
	const value = 8
	if err := b.take(value * len(e.data)); err != nil {
		return nil, err
	}
	return e.numbers()
}

// widened are the types of numbers; MATLAB stores whole doubles in the smallest that holds them.
var widened = map[int]func(data []byte) ([]float64, error){
	miInt8: widenAll[int8], miUint8: widenAll[uint8], miInt16: widenAll[int16],
	miUint16: widenAll[uint16], miUTF16: widenAll[uint16], miInt32: widenAll[int32],
	miUint32: widenAll[uint32], miSingle: widenAll[float32], miDouble: widenAll[float64],
	miInt64: widenAll[int64], miUint64: widenAll[uint64],
}

// numbers widens the values of an element.
func (e element) numbers() ([]float64, error) {
	if widen, ok := widened[e.kind]; ok {
		return widen(e.data)
	}
	return nil, fmt.Errorf("%d bytes of type %d are no numbers", len(e.data), e.kind)
}

type number interface {
	int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64 | float32 | float64
}

func widenAll[T number](data []byte) ([]float64, error) {
	size := binary.Size(T(0))
	values := make([]T, len(data)/size)
	if n, err := binary.Decode(data, binary.LittleEndian, values); err != nil || n != len(data) {
		return nil, fmt.Errorf("%d bytes are no numbers of %d", len(data), size)
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out, nil
}
