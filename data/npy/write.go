package npy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/x448/float16"
)

// maxPiece is the number of values converted at once: 64 KiB of <f4.
const maxPiece = 1 << 14

// Writer appends rows to a file and fixes up the header on Close. Until then
// the header says zero rows, which Open refuses: a half-written file is never
// taken for a short one. Not for concurrent use. It does not sync.
type Writer struct {
	path   string
	f      *os.File
	w      *bufio.Writer
	h      header
	rowLen int
	buf    []byte
	err    error
}

// Create starts a file of dtype "<f2" or "<f4"; rowShape is the shape below the
// first axis, empty for a 1-D array.
func Create(path, dtype string, rowShape ...int) (*Writer, error) {
	if dtype != "<f2" && dtype != "<f4" {
		return nil, fmt.Errorf("file %s: dtype %q is not written (want <f2 or <f4)", path, dtype)
	}
	h := header{dtype: dtype, shape: append([]int{0}, rowShape...)}
	if slices.Min(h.shape) < 0 {
		return nil, fmt.Errorf("file %s: shape %v is negative", path, rowShape)
	}
	head, err := h.encode()
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, f: f, w: bufio.NewWriterSize(f, 1<<18), h: h, rowLen: h.rowLen()}
	_, w.err = w.w.Write(head)
	return w, nil
}

// Append writes whole rows. A finite value that becomes infinite as a half is
// an error, not a silent Inf; NaN and Inf are written as they are.
func (w *Writer) Append(rows []float32) error {
	if w.err != nil {
		return w.err
	}
	if w.rowLen == 0 || len(rows)%w.rowLen != 0 {
		return fmt.Errorf("file %s: %d values are not whole rows of %d", w.path, len(rows), w.rowLen)
	}
	start := w.h.shape[0]
	w.h.shape[0] += len(rows) / w.rowLen
	for at := 0; at < len(rows) && w.err == nil; at += maxPiece {
		piece := rows[at:min(at+maxPiece, len(rows))]
		if i, err := w.put(piece); err != nil {
			w.err = fmt.Errorf("file %s: row %d: %w", w.path, start+(at+i)/w.rowLen, err)
		}
	}
	return w.err
}

// put encodes values; after an error i is the value it is about.
func (w *Writer) put(values []float32) (i int, err error) {
	w.buf = w.buf[:0]
	for i, v := range values {
		if w.h.dtype == "<f4" {
			w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(v))
			continue
		}
		half := float16.Fromfloat32(v).Bits() // to the nearest, ties to even
		if half&0x7fff == 0x7c00 && !math.IsInf(float64(v), 0) {
			return i, fmt.Errorf("%v does not fit <f2", v)
		}
		w.buf = binary.LittleEndian.AppendUint16(w.buf, half)
	}
	_, err = w.w.Write(w.buf)
	return 0, err
}

// Close writes the header and closes the file. After an error the file keeps
// the header of zero rows.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if w.err == nil {
		w.err = w.fixHeader()
	}
	err := errors.Join(w.err, w.f.Close())
	w.err = errors.New("npy: writer is closed")
	return err
}

func (w *Writer) fixHeader() error {
	head, err := w.h.encode()
	if err != nil {
		return fmt.Errorf("file %s: %w", w.path, err)
	}
	_, err = w.f.WriteAt(head, 0)
	return err
}

// Write writes a whole array; data has the product of shape values.
func Write(path string, shape []int, data []float32, dtype string) error {
	if len(shape) == 0 {
		return fmt.Errorf("file %s: an array without axes is not written", path)
	}
	w, err := Create(path, dtype, shape[1:]...)
	if err != nil {
		return err
	}
	if want := shape[0] * w.rowLen; len(data) != want {
		w.err = fmt.Errorf("file %s: %d values for shape %v", path, len(data), shape)
	}
	if len(data) > 0 {
		w.err = w.Append(data)
	}
	w.h.shape[0] = shape[0] // rows of no values have not been counted
	return w.Close()
}
