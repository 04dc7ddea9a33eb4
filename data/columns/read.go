package columns

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// readBuffer is the number of bytes of a column that are read at once: with
// streams of this size memory is a few pages a column, whatever the row group.
const readBuffer = 1 << 18

// File reads some columns of a parquet file from start to end. Not for
// concurrent use; open the file again instead.
type File struct {
	// Reuse makes the strings of a batch valid only until the next call of
	// Next, which saves copying them: a third of the time of a scan.
	Reuse bool

	path    string
	r       *file.Reader
	cols    []Column
	leaves  []int  // per column: its index in the file, -1 when absent
	nulls   []bool // per column: it has no value
	passed  []string
	group   int   // next row group to open
	left    int64 // rows left in the open group
	row     int64 // next row in the file
	readers []chunk
	scratch []scratch // a column
}

// Open reads the footer and looks the columns up by name, case included. The
// error for a missing column lists what the file has.
func Open(path string, cols []Column) (*File, error) {
	f := &File{path: path, cols: cols, scratch: make([]scratch, len(cols))}
	if err := f.open(); err != nil {
		if f.r != nil {
			f.r.Close()
		}
		return nil, f.errorf("%w", err)
	}
	return f, nil
}

func (f *File) open() (err error) {
	defer caught(&err)
	src, err := os.Open(f.path)
	if err != nil {
		return err
	}
	props := parquet.NewReaderProperties(&recycler{})
	props.BufferedStreamEnabled = true
	props.BufferSize = readBuffer
	f.r, err = file.NewParquetReader(src, file.WithReadProps(props))
	if err != nil {
		src.Close()
		return err
	}
	if err := f.checkGroups(); err != nil {
		return err
	}
	for _, col := range f.cols {
		leaf, nulls, err := f.find(col)
		if err != nil {
			return err
		}
		f.leaves, f.nulls = append(f.leaves, leaf), append(f.nulls, nulls)
	}
	return nil
}

// checkGroups compares the row groups' counts with the file's.
func (f *File) checkGroups() error {
	var rows int64
	meta := f.r.MetaData()
	for i := range f.r.NumRowGroups() {
		n := meta.RowGroup(i).NumRows()
		if n < 0 || n > maxRows { // a sum of more could overflow
			return fmt.Errorf("row group %d has %d rows", i, n)
		}
		rows += n
	}
	if rows > maxRows {
		return fmt.Errorf("footer says %d rows, over %d", rows, int64(maxRows))
	}
	if rows != f.r.NumRows() {
		return fmt.Errorf("footer says %d rows, its row groups %d", f.r.NumRows(), rows)
	}
	return nil
}

// Names lists the leaf columns of the file, with dots in nested ones.
func (f *File) Names() []string {
	schema := f.r.MetaData().Schema
	names := make([]string, schema.NumColumns())
	for i := range names {
		names[i] = schema.Column(i).Path()
	}
	return names
}

// Source is the file's name for column i of those asked for, "" when absent.
func (f *File) Source(i int) string {
	if f.leaves[i] < 0 {
		return ""
	}
	return f.r.MetaData().Schema.Column(f.leaves[i]).Path()
}

// Passed collects the Common columns of another type, so that each is told once for all
// files that have it.
type Passed map[string][]string // what is passed over → files

// Add notes what is passed over in a file.
func (p Passed) Add(f *File) {
	for _, what := range f.passed {
		p[what] = append(p[what], f.path)
	}
}

// Notes says it, a line each.
func (p Passed) Notes() []string {
	var out []string
	for _, what := range slices.Sorted(maps.Keys(p)) {
		in := "file " + p[what][0]
		if more := len(p[what]) - 1; more > 0 {
			in += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, in+": "+what+": it is passed over")
	}
	return out
}

// NumRows is the number of rows by the footer.
func (f *File) NumRows() int64 { return f.r.NumRows() }

// Close closes the file.
func (f *File) Close() error {
	f.closeGroup()
	return f.r.Close()
}

// Next returns up to n rows, io.EOF after the last. A batch never spans row
// groups, so it may be shorter than n before the end.
func (f *File) Next(n int) (*Batch, error) {
	b, err := f.next(n)
	if err != nil && err != io.EOF {
		return nil, f.errorf("row %d: %w", f.row, err)
	}
	return b, err
}

func (f *File) next(n int) (b *Batch, err error) {
	defer caught(&err)
	if n <= 0 {
		return nil, fmt.Errorf("batch of %d rows", n)
	}
	for f.left == 0 {
		if f.group == f.r.NumRowGroups() {
			return nil, io.EOF
		}
		if err := f.openGroup(); err != nil {
			return nil, err
		}
	}
	b = &Batch{Row: f.row, Len: int(min(int64(n), f.left)), Cols: make([]*Vector, len(f.cols))}
	for i, r := range f.readers {
		if r == nil {
			continue
		}
		if b.Cols[i], err = readColumn(r, b.Len); err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Source(i), err)
		}
	}
	f.row += int64(b.Len)
	f.left -= int64(b.Len)
	return b, nil
}

// readColumn is read; a panic of the library is of this column.
func readColumn(r chunk, n int) (v *Vector, err error) {
	defer caught(&err)
	return r.read(n)
}

// SkipTo passes over row groups that end before row, unread; the next batch may
// still begin before it. It goes forward only.
func (f *File) SkipTo(row int64) {
	if row < f.row+f.left {
		return
	}
	f.closeGroup()
	f.row, f.left = f.row+f.left, 0
	for meta := f.r.MetaData(); f.group < f.r.NumRowGroups(); f.group++ {
		n := meta.RowGroup(f.group).NumRows()
		if row < f.row+n {
			return
		}
		f.row += n
	}
}

func (f *File) openGroup() error {
	f.closeGroup()
	group := f.r.RowGroup(f.group)
	f.readers = make([]chunk, len(f.cols))
	for i, leaf := range f.leaves {
		if leaf < 0 {
			continue
		}
		col, err := group.Column(leaf)
		if err != nil {
			return fmt.Errorf("column %s: %w", f.cols[i].Name, err)
		}
		if f.readers[i], err = f.chunk(col, i); err != nil {
			return fmt.Errorf("column %s: %w", f.cols[i].Name, err)
		}
	}
	f.left = group.NumRows()
	f.group++
	return nil
}

func (f *File) closeGroup() {
	for _, r := range f.readers {
		if r != nil {
			r.close()
		}
	}
	f.readers = nil
}

func (f *File) errorf(format string, args ...any) error {
	err := fmt.Errorf("file %s: "+format, append([]any{f.path}, args...)...)
	var path *os.PathError
	if errors.As(err, &path) && path.Path == f.path { // says the name itself
		return path
	}
	return err
}
