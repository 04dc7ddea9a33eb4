package npy

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"slices"
	"sync"
	"unsafe"
)

// File is an open array that is read by rows. Its methods may be called
// concurrently; nothing is kept in memory but the header.
type File struct {
	path string
	f    *os.File
	h    header
	bufs sync.Pool // *[]byte
}

// Open reads the header of the file and checks it against the file's length,
// so that a truncated file is found before the first row is used.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(f)
	if err == nil {
		err = checkLength(f, h)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return &File{path: path, f: f, h: h}, nil
}

func checkLength(f *os.File, h header) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return h.checkSize(info.Size())
}

// Shape is the lengths of the axes; the caller owns the slice.
func (f *File) Shape() []int { return slices.Clone(f.h.shape) }

// DType is the element type as NumPy spells it: "<f2", "<f4", ...
func (f *File) DType() string { return f.h.dtype }

// Row reads row i into dst, whose length is the row's.
func (f *File) Row(i int, dst []float32) error { return f.ReadRows(i, 1, dst) }

// ReadRows reads rows start to start+n as float32 into dst [n, row length].
// Other types are converted; <f8 and integers over 2^24 lose precision.
func (f *File) ReadRows(start, n int, dst []float32) error {
	rowLen := f.h.rowLen()
	if start < 0 || n < 0 || start > f.h.numRows()-n {
		return fmt.Errorf("file %s: rows %d to %d are outside 0 to %d", f.path, start, start+n, f.h.numRows())
	}
	if len(dst) != n*rowLen {
		return fmt.Errorf("file %s: room for %d values, want %d rows of %d", f.path, len(dst), n, rowLen)
	}
	size := f.h.itemSize()
	buf := f.buffer(len(dst) * size)
	defer f.bufs.Put(buf)
	if _, err := f.f.ReadAt(*buf, f.h.size+int64(start)*int64(rowLen*size)); err != nil {
		return fmt.Errorf("file %s: row %d: %w", f.path, start, err)
	}
	types[f.h.dtype].Decode(dst, *buf)
	return nil
}

// ReadHalves reads rows start to start+n of an array of <f2 into dst [n, row
// length] as they are.
func (f *File) ReadHalves(start, n int, dst []uint16) error {
	rowLen := f.h.rowLen()
	if f.h.dtype != "<f2" || start < 0 || n < 0 || start > f.h.numRows()-n || len(dst) != n*rowLen {
		return fmt.Errorf("file %s: %d halves of rows %d to %d, where it has %v of %s", f.path, len(dst), start, start+n, f.h.shape, f.h.dtype)
	}
	if len(dst) == 0 {
		return nil
	}
	raw := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 2*len(dst))
	if _, err := f.f.ReadAt(raw, f.h.size+int64(start)*int64(rowLen*2)); err != nil {
		return fmt.Errorf("file %s: row %d: %w", f.path, start, err)
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		for i, v := range dst {
			dst[i] = bits.ReverseBytes16(v)
		}
	}
	return nil
}

// buffer takes a buffer of n bytes from the pool.
func (f *File) buffer(n int) *[]byte {
	buf, _ := f.bufs.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	*buf = slices.Grow((*buf)[:0], n)[:n]
	return buf
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// Read reads a whole array of any type we know as float32.
func Read(path string) (shape []int, data []float32, err error) {
	h, raw, err := readAll(path)
	if err != nil {
		return nil, nil, err
	}
	data = make([]float32, len(raw)/h.itemSize())
	types[h.dtype].Decode(data, raw)
	return h.shape, data, nil
}

// ReadInts reads a whole array of <i4, <i8, |u1 or |b1.
func ReadInts(path string) (shape []int, data []int, err error) {
	h, raw, err := readAll(path)
	if err != nil {
		return nil, nil, err
	}
	if h.dtype[1] == 'f' {
		return nil, nil, fmt.Errorf("file %s: dtype %s is not an integer type", path, h.dtype)
	}
	data = make([]int, len(raw)/h.itemSize())
	for i := range data {
		switch h.dtype {
		case "<i4":
			data[i] = int(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		case "<i8":
			data[i] = int(binary.LittleEndian.Uint64(raw[8*i:]))
		default:
			data[i] = int(raw[i])
		}
	}
	return h.shape, data, nil
}

func readAll(path string) (header, []byte, error) {
	f, err := Open(path)
	if err != nil {
		return header{}, nil, err
	}
	defer f.Close()
	raw := make([]byte, f.h.numRows()*f.h.rowLen()*f.h.itemSize())
	if _, err := f.f.ReadAt(raw, f.h.size); err != nil {
		return header{}, nil, fmt.Errorf("file %s: %w", path, err)
	}
	return f.h, raw, nil
}
