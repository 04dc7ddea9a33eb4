package columns

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// groupRows is the number of rows in a row group that we write.
const groupRows = 100_000

// blockRows is the number of rows given to the library at once. It ends pages
// at calls, so that calls of one size make the bytes a function of the values.
const blockRows = 4096

// Writer writes a parquet file of nullable columns, snappy, with row groups of
// GroupRows. The same columns and values in the same order give the same bytes,
// however they are divided into Append calls. It does not sync.
type Writer struct {
	path  string
	f     *os.File
	w     *file.Writer
	cols  []Column
	group file.BufferedRowGroupWriter
	rows  int // in the open group, without the block
	block []Vector
	// pending is the number of rows in the block.
	pending int
	err     error
}

// Create starts a file with these columns.
func Create(path string, cols []Column) (*Writer, error) {
	root, err := newSchema(cols)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, f: f, cols: cols, block: make([]Vector, len(cols))}
	// The library closes what it writes to; our Close reports that error.
	w.w, err = file.NewParquetWriterWithError(noClose{f}, root, file.WithWriterProps(properties(cols)))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return w, nil
}

type noClose struct{ f *os.File }

func (n noClose) Write(p []byte) (int, error) { return n.f.Write(p) }

func newSchema(cols []Column) (*schema.GroupNode, error) {
	fields := make(schema.FieldList, len(cols))
	for i, col := range cols {
		physical, logical := parquet.Types.Int64, schema.LogicalType(schema.NoLogicalType{})
		switch {
		case col.Kind == String:
			physical, logical = parquet.Types.ByteArray, schema.StringLogicalType{}
		case col.Kind == Float:
			physical = parquet.Types.Double
		case col.Narrow:
			physical = parquet.Types.Int32
		}
		node, err := schema.NewPrimitiveNodeLogical(col.Name, parquet.Repetitions.Optional, logical, physical, -1, -1)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", col.Name, err)
		}
		fields[i] = node
	}
	return schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
}

func properties(cols []Column) *parquet.WriterProperties {
	opts := []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDictionaryDefault(false),
		parquet.WithMaxRowGroupLength(groupRows)}
	for _, col := range cols {
		opts = append(opts, parquet.WithDictionaryFor(col.Name, col.Dict))
	}
	return parquet.NewWriterProperties(opts...)
}

// Append writes n rows, one Vector a column, in the order of Create. A nil
// Vector is n nulls. The slices may be reused after it returns.
func (w *Writer) Append(n int, cols []*Vector) error {
	for at := 0; at < n && w.err == nil; {
		to := min(n, at+blockRows-w.pending, at+groupRows-w.rows-w.pending)
		for i := range w.cols {
			if err := w.hold(i, cols[i], at, to); err != nil {
				return err
			}
		}
		w.pending += to - at
		at = to
		if w.pending == blockRows || w.rows+w.pending == groupRows {
			w.err = w.flush()
		}
	}
	return w.err
}

// hold copies values from to to of v to the block of column i.
func (w *Writer) hold(i int, v *Vector, from, to int) error {
	block, col := &w.block[i], w.cols[i]
	for r := from; r < to; r++ {
		null := v.IsNull(r)
		block.Null = append(block.Null, null)
		switch {
		case col.Kind == String:
			block.Strings = append(block.Strings, v.String(r))
		case col.Kind == Float && null:
			block.Floats = append(block.Floats, 0)
		case col.Kind == Float:
			block.Floats = append(block.Floats, v.Floats[r])
		default:
			n := v.Int(r)
			if col.Narrow && n != int64(int32(n)) {
				w.err = fmt.Errorf("file %s: column %s: %d does not fit 32 bits", w.path, col.Name, n)
				return w.err
			}
			block.Ints = append(block.Ints, n)
		}
	}
	return nil
}

// flush writes the block into the open row group.
func (w *Writer) flush() (err error) {
	defer w.failed(&err)
	if w.pending == 0 {
		return nil
	}
	if w.group == nil {
		if w.group, err = w.w.AppendBufferedRowGroupChecked(); err != nil {
			return err
		}
	}
	for i := range w.cols {
		col, err := w.group.Column(i)
		if err == nil {
			err = put(col, &w.block[i], w.pending)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", w.cols[i].Name, err)
		}
		v := &w.block[i]
		clear(v.Strings)
		v.Strings, v.Ints, v.Floats, v.Null = v.Strings[:0], v.Ints[:0], v.Floats[:0], v.Null[:0]
	}
	w.rows, w.pending = w.rows+w.pending, 0
	if w.rows < groupRows {
		return nil
	}
	return w.closeGroup()
}

func (w *Writer) closeGroup() error {
	group := w.group
	w.group, w.rows = nil, 0
	if group == nil {
		return nil
	}
	return group.Close()
}

// failed names the file in an error, and catches the library's panics, with
// which some of its writers report a failed write.
func (w *Writer) failed(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
		if cause, ok := p.(error); ok {
			*err = cause
		}
	}
	if *err != nil && !strings.HasPrefix((*err).Error(), "file ") {
		*err = fmt.Errorf("file %s: %w", w.path, *err)
	}
}

// Close writes the footer. After an error the file has none, so that no reader
// takes it for a whole one.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.finish()
	}
	err := errors.Join(w.err, w.f.Close())
	w.err = fmt.Errorf("file %s: writer is closed", w.path)
	return err
}

func (w *Writer) finish() (err error) {
	defer w.failed(&err)
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.closeGroup(); err != nil {
		return err
	}
	return w.w.Close()
}

// put writes n values of v to a column.
func put(col file.ColumnChunkWriter, v *Vector, n int) (err error) {
	defs := make([]int16, n)
	for i := range defs {
		if !v.Null[i] {
			defs[i] = 1
		}
	}
	switch c := col.(type) {
	case *file.ByteArrayColumnChunkWriter:
		_, err = c.WriteBatch(present(v.Strings, v.Null, func(s string) parquet.ByteArray { return parquet.ByteArray(s) }), defs, nil)
	case *file.Int64ColumnChunkWriter:
		_, err = c.WriteBatch(present(v.Ints, v.Null, func(n int64) int64 { return n }), defs, nil)
	case *file.Int32ColumnChunkWriter:
		_, err = c.WriteBatch(present(v.Ints, v.Null, func(n int64) int32 { return int32(n) }), defs, nil)
	case *file.Float64ColumnChunkWriter:
		_, err = c.WriteBatch(present(v.Floats, v.Null, func(f float64) float64 { return f }), defs, nil)
	}
	return err
}

// present collects the values that are not null.
func present[T, U any](values []T, null []bool, conv func(T) U) []U {
	out := make([]U, 0, len(values))
	for i, v := range values {
		if !null[i] {
			out = append(out, conv(v))
		}
	}
	return out
}
