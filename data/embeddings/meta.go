package embeddings

import (
	"context"
	"fmt"
	"io"
	"sort"
	"unicode/utf8"

	"react/data/columns"
)

// metaBatch is the number of rows read at once.
const metaBatch = 8192

// MetaReader gives the metadata in row order. Not for concurrent use.
type MetaReader struct {
	ctx    context.Context
	folder *Folder
	next   int // part to open
	f      *columns.File
	batch  *columns.Batch
	at     int // next row of the batch
	bad    int
	row    Meta // kept, so that none is made for each
}

// Meta starts reading the metadata; each call reads on its own.
func (f *Folder) Meta(ctx context.Context) (*MetaReader, error) {
	if len(f.meta) == 0 {
		return nil, fmt.Errorf("folder %s: no %s", f.dir, metaSide)
	}
	return &MetaReader{ctx: ctx, folder: f}, nil
}

// Next returns the next row, io.EOF after the last.
func (r *MetaReader) Next() (Meta, error) {
	for r.batch == nil || r.at == r.batch.Len {
		if err := r.fill(); err != nil {
			return Meta{}, err
		}
	}
	part := r.folder.meta[r.next-1]
	i, cols := r.at, r.batch.Cols
	r.at++
	columns.Scan(metaFields, cols[:len(metaFields)], i, &r.row)
	m := r.row
	if cols[colKey] == nil {
		m.Key = cols[colOtherKey].String(i)
	}
	if cols[colRow].IsNull(i) {
		m.Row = part.start + r.batch.Row + int64(i)
	}
	return m, r.check(&m, cols[colCaption], i)
}

// At returns the row of this number in the folder. Rows that are asked for in
// rising order are read in one pass, without the row groups between them.
func (r *MetaReader) At(row int64) (Meta, error) {
	if row < 0 || row >= r.folder.rows {
		return Meta{}, fmt.Errorf("folder %s: row %d is outside 0 to %d", r.folder.dir, row, r.folder.rows)
	}
	k := sort.Search(len(r.folder.meta), func(k int) bool { return r.folder.meta[k].start > row }) - 1
	at := row - r.folder.meta[k].start
	if r.f == nil || r.next != k+1 || r.batch != nil && at < r.batch.Row {
		if err := r.Close(); err != nil {
			return Meta{}, err
		}
		r.next = k
		if err := r.fill(); err != nil { // opens the part
			return Meta{}, err
		}
	}
	for r.batch == nil || at >= r.batch.Row+int64(r.batch.Len) {
		r.f.SkipTo(at)
		if err := r.fill(); err != nil {
			return Meta{}, err
		}
	}
	r.at = int(at - r.batch.Row)
	return r.Next()
}

// check counts a row whose caption cannot be read.
func (r *MetaReader) check(m *Meta, caption *columns.Vector, i int) error {
	why := ""
	if caption != nil && caption.IsNull(i) {
		why = "caption is null"
	}
	for _, s := range []string{m.Caption, m.URL, m.Key, m.Label, m.Truth} {
		if !utf8.ValidString(s) {
			why = fmt.Sprintf("%.40q is not UTF-8", s)
		}
	}
	if why == "" {
		return nil
	}
	m.Caption, m.Bad = "", true
	if r.bad++; r.bad <= r.folder.MaxBad {
		return nil
	}
	return fmt.Errorf("file %s: row %d: %s (bad row %d, and %d are allowed)", r.folder.meta[r.next-1].path, r.batch.Row+int64(i), why, r.bad, r.folder.MaxBad)
}

// Bad counts the bad rows so far.
func (r *MetaReader) Bad() int { return r.bad }

// fill reads the next batch, opening the next part where one ends.
func (r *MetaReader) fill() (err error) {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.f != nil {
		if r.batch, err = r.f.Next(metaBatch); err == nil {
			r.at = 0
			return nil
		}
		if err != io.EOF {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	if r.next == len(r.folder.meta) {
		return io.EOF
	}
	r.f, err = columns.Open(r.folder.meta[r.next].path, readColumns)
	r.next++
	return err
}

// Close closes the open part.
func (r *MetaReader) Close() error {
	r.batch = nil
	if r.f == nil {
		return nil
	}
	f := r.f
	r.f = nil
	return f.Close()
}
