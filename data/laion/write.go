package laion

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"react/data/columns"
)

// Writer writes one file of LAION-400M's columns and types. Of ours it writes
// those that some row of the first Write has. Deterministic byte for byte.
type Writer struct {
	path   string
	w      *columns.Writer
	fields []columns.Field[Row]
	rows   int64
}

// Create prepares a file; it appears with the first Write or on Close.
func Create(path string) (*Writer, error) {
	return &Writer{path: path, fields: slices.Clone(fields[:colKey])}, nil
}

// start creates the file, with those of our columns that the rows have.
func (w *Writer) start(rows []Row) (err error) {
	for _, f := range fields[colKey : colTruth+1] {
		if slices.ContainsFunc(rows, func(row Row) bool { return *f.At(&row).(*string) != "" }) {
			w.fields = append(w.fields, f)
		}
	}
	w.w, err = columns.Create(w.path, columns.Of(w.fields))
	return err
}

// Write appends rows. Strings must be UTF-8. An empty URL or TEXT is written as
// such, other empty strings and a NaN similarity as null.
func (w *Writer) Write(rows []Row) error {
	if w.w == nil {
		if err := w.start(rows); err != nil {
			return err
		}
	}
	for i, row := range rows {
		if err := w.check(row); err != nil {
			return fmt.Errorf("file %s: row %d: %w", w.path, w.rows+int64(i), err)
		}
	}
	w.rows += int64(len(rows))
	return w.w.Append(len(rows), columns.Vectors(w.fields, rows))
}

// check refuses what a reader could not read back.
func (w *Writer) check(row Row) error {
	for i, f := range fields[:colTruth+1] {
		s, isText := f.At(&row).(*string)
		if !isText {
			continue
		}
		if !utf8.ValidString(*s) {
			return fmt.Errorf("%q is not UTF-8", *s)
		}
		written := func(o columns.Field[Row]) bool { return o.Name == f.Name }
		if i >= colKey && *s != "" && !slices.ContainsFunc(w.fields, written) {
			return fmt.Errorf("has a %s, and the first rows written had none", f.Name)
		}
	}
	return nil
}

// Close writes the footer. It does not sync.
func (w *Writer) Close() error {
	if w.w == nil {
		if err := w.start(nil); err != nil {
			return err
		}
	}
	return w.w.Close()
}
