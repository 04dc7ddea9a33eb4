package columns

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// chunk reads one column of one row group.
type chunk interface {
	// read returns the next n values; fewer is an error.
	read(n int) (*Vector, error)
	close()
}

// chunk opens column i of those asked for in the open row group.
func (f *File) chunk(col file.ColumnChunkReader, i int) (chunk, error) {
	kind := f.cols[i].Kind
	unsigned := isUnsigned(col.Descriptor())
	if f.nulls[i] {
		return &nullChunk{kind, col}, nil
	}
	if kind == String && col.Type() != parquet.Types.ByteArray {
		numbers, err := numberChunkOf(col, Int, unsigned)
		return &textChunk{numbers, unsigned}, err
	}
	if c, ok := col.(*file.ByteArrayColumnChunkReader); ok {
		nullable := c.Descriptor().MaxDefinitionLevel() > 0
		return &stringChunk{c: c, nullable: nullable, reuse: f.Reuse, scratch: &f.scratch[i]}, nil
	}
	return numberChunkOf(col, kind, unsigned)
}

func numberChunkOf(col file.ColumnChunkReader, kind Kind, unsigned bool) (chunk, error) {
	switch c := col.(type) {
	case *file.BooleanColumnChunkReader:
		return numbers(c, kind, boolToInt), nil
	case *file.Int32ColumnChunkReader:
		if unsigned {
			return numbers(c, kind, func(v int32) (int64, float64) {
				return int64(uint32(v)), float64(uint32(v))
			}), nil
		}
		return numbers(c, kind, func(v int32) (int64, float64) { return int64(v), float64(v) }), nil
	case *file.Int64ColumnChunkReader:
		if unsigned && kind == Float { // as an Int the 64 bits stay: hashes
			return numbers(c, kind, func(v int64) (int64, float64) { return v, float64(uint64(v)) }), nil
		}
		return numbers(c, kind, func(v int64) (int64, float64) { return v, float64(v) }), nil
	case *file.FixedLenByteArrayColumnChunkReader:
		return numbers(c, kind, func(v parquet.FixedLenByteArray) (int64, float64) {
			f := float64(float16.FromLEBytes(v).Float32())
			return int64(f), f
		}), nil
	case *file.Float32ColumnChunkReader:
		return numbers(c, kind, func(v float32) (int64, float64) { return int64(v), float64(v) }), nil
	case *file.Float64ColumnChunkReader:
		return numbers(c, kind, func(v float64) (int64, float64) { return int64(v), v }), nil
	}
	return nil, fmt.Errorf("type %v is not read", col.Type())
}

// nullChunk stands for a column without a value, of whatever type.
type nullChunk struct {
	kind Kind
	c    file.ColumnChunkReader
}

func (s *nullChunk) close() { s.c.Close() }

func (s *nullChunk) read(n int) (*Vector, error) {
	v := newVector(s.kind, n)
	for i := range n {
		v.setNull(i, n)
		if v.Floats != nil {
			v.Floats[i] = math.NaN()
		}
	}
	return v, nil
}

func newVector(kind Kind, n int) *Vector {
	switch kind {
	case Int:
		return &Vector{Ints: make([]int64, n)}
	case Float:
		return &Vector{Floats: make([]float64, n)}
	}
	return &Vector{Strings: make([]string, n)}
}

// textChunk writes whole numbers as text.
type textChunk struct {
	chunk
	unsigned bool
}

func (s *textChunk) read(n int) (*Vector, error) {
	numbers, err := s.chunk.read(n)
	if err != nil {
		return nil, err
	}
	v := &Vector{Strings: make([]string, n), Null: numbers.Null}
	for i, number := range numbers.Ints {
		switch {
		case numbers.IsNull(i):
		case s.unsigned:
			v.Strings[i] = strconv.FormatUint(uint64(number), 10)
		default:
			v.Strings[i] = strconv.FormatInt(number, 10)
		}
	}
	return v, nil
}

func boolToInt(v bool) (int64, float64) {
	if v {
		return 1, 1
	}
	return 0, 0
}

// stringChunk reads BYTE_ARRAY values. The library's slices point into a page
// that is overwritten by the next, so each run of values is copied, as a whole,
// into one string that the values then share; with reuse only runs that a page
// ends are.
type stringChunk struct {
	c        *file.ByteArrayColumnChunkReader
	nullable bool
	reuse    bool
	*scratch
}

// scratch is what the chunks of a string column use one after the other.
type scratch struct {
	vals  []parquet.ByteArray
	defs  []int16
	out   []string // for reuse only
	arena []byte   // for reuse only
	claim claim    // of the batch that was read last
}

func (s *stringChunk) close() {
	s.claim.free()
	s.c.Close()
}

func (s *stringChunk) read(n int) (*Vector, error) {
	if cap(s.vals) < n {
		s.vals, s.defs = make([]parquet.ByteArray, n), make([]int16, n)
	}
	v := &Vector{Strings: s.strings(n)}
	s.arena = s.arena[:0]
	s.claim.free()
	for at := 0; at < n; {
		rows, read, err := s.c.ReadBatchInPage(int64(n-at), s.vals[:n-at], s.defs[:n-at], nil)
		if err == nil && rows == 0 {
			err = endOf(s.c, at, n)
		}
		if err != nil {
			return nil, err
		}
		vals := s.vals[:read]
		if err := s.claim.add(sizeOf(vals)); err != nil {
			return nil, err
		}
		switch {
		case !s.reuse:
			own(vals, nil)
		case int(rows) < n:
			s.arena = own(vals, s.arena)
		}
		s.fill(v, at, int(rows), vals)
		at += int(rows)
	}
	return v, nil
}

func (s *stringChunk) strings(n int) []string {
	if !s.reuse {
		return make([]string, n)
	}
	s.out = slices.Grow(s.out[:0], n)[:n]
	return s.out
}

// fill stores the values of rows at to at+rows of v.
func (s *stringChunk) fill(v *Vector, at, rows int, vals []parquet.ByteArray) {
	out := v.Strings[at : at+rows]
	if len(vals) == rows {
		for i, val := range vals {
			out[i] = unsafe.String(unsafe.SliceData(val), len(val))
		}
		return
	}
	next := 0
	for i := range out {
		if s.nullable && s.defs[i] == 0 {
			out[i] = ""
			v.setNull(at+i, len(v.Strings))
			continue
		}
		out[i] = unsafe.String(unsafe.SliceData(vals[next]), len(vals[next]))
		next++
	}
}

// sizeOf is the length of all values; one in a dictionary counts each time.
func sizeOf(vals []parquet.ByteArray) (size int64) {
	for _, val := range vals {
		size += int64(len(val))
	}
	return size
}

// own copies the values, one after the other, behind what arena holds, or into
// new memory where they do not fit; it returns the arena.
func own(vals []parquet.ByteArray, arena []byte) []byte {
	size := int(sizeOf(vals))
	if size > cap(arena)-len(arena) {
		arena = make([]byte, 0, max(size, 2*cap(arena)))
	}
	for i, val := range vals {
		at := len(arena)
		arena = append(arena, val...)
		vals[i] = arena[at:len(arena):len(arena)]
	}
	return arena
}

// endOf is the error of a column chunk that is shorter than its row group.
func endOf(c file.ColumnChunkReader, at, n int) error {
	if err := c.Err(); err != nil {
		return err
	}
	return fmt.Errorf("ends %d values before its row group", n-at)
}

// numberChunk reads values of a numeric type T.
type numberChunk[T any] struct {
	c interface {
		file.ColumnChunkReader
		ReadBatch(int64, []T, []int16, []int16) (int64, int, error)
	}
	kind Kind
	conv func(T) (int64, float64)
	vals []T
	defs []int16
}

func numbers[T any, C interface {
	file.ColumnChunkReader
	ReadBatch(int64, []T, []int16, []int16) (int64, int, error)
}](c C, kind Kind, conv func(T) (int64, float64)) chunk {
	return &numberChunk[T]{c: c, kind: kind, conv: conv}
}

func (s *numberChunk[T]) close() { s.c.Close() }

func (s *numberChunk[T]) read(n int) (*Vector, error) {
	if cap(s.vals) < n {
		s.vals, s.defs = make([]T, n), make([]int16, n)
	}
	rows, read, err := s.c.ReadBatch(int64(n), s.vals[:n], s.defs[:n], nil)
	if err == nil && int(rows) < n {
		err = endOf(s.c, int(rows), n)
	}
	if err != nil {
		return nil, err
	}
	if read > n {
		return nil, errors.New("more values than rows")
	}
	v := newVector(s.kind, n)
	next := 0
	for i := range n {
		if read < n && s.defs[i] == 0 {
			v.setNumber(i, n, 0, math.NaN())
			v.setNull(i, n)
			continue
		}
		a, f := s.conv(s.vals[next])
		v.setNumber(i, n, a, f)
		next++
	}
	return v, nil
}

// setNumber stores a value in the form of its kind. A float that is no int64
// (a fraction, NaN, out of range) is null in an Int column.
func (v *Vector) setNumber(i, n int, a int64, f float64) {
	if v.Floats != nil {
		v.Floats[i] = f
		return
	}
	if float64(a) != f {
		v.setNull(i, n)
		return
	}
	v.Ints[i] = a
}
