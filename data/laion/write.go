package laion

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"react/data/columns"
)

// Writer writes one file of LAION-400M's columns and types. Of ours it writes
// those that some row of the first Write has. Deterministic byte for byte.
type Writer struct {
	path string
	w    *columns.Writer
	cols []int
	rows int64
}

// Create prepares a file; it appears with the first Write or on Close.
func Create(path string) (*Writer, error) {
	w := &Writer{path: path, cols: []int{colSampleID, colURL, colText, colHeight, colWidth, colLicense, colNSFW, colSimilarity}}
	return w, nil
}

// start creates the file, with those of our columns that the rows have.
func (w *Writer) start(rows []Row) (err error) {
	for _, c := range []int{colKey, colLabel, colTruth} {
		if slices.ContainsFunc(rows, func(row Row) bool { return ours(row, c) != "" }) {
			w.cols = append(w.cols, c)
		}
	}
	cols := make([]columns.Column, len(w.cols))
	for i, c := range w.cols {
		cols[i] = all[c]
	}
	w.w, err = columns.Create(w.path, cols)
	return err
}

func ours(row Row, c int) string {
	switch c {
	case colKey:
		return row.Key
	case colLabel:
		return row.Label
	}
	return row.Truth
}

// Write appends rows. Strings must be UTF-8. An empty URL or TEXT is written as
// such, other empty strings and a NaN similarity as null.
func (w *Writer) Write(rows []Row) error {
	if w.w == nil {
		if err := w.start(rows); err != nil {
			return err
		}
	}
	vectors := make([]*columns.Vector, len(w.cols))
	for i, c := range w.cols {
		vectors[i] = vector(c, len(rows))
	}
	for i, row := range rows {
		if err := w.check(row); err != nil {
			return fmt.Errorf("file %s: row %d: %w", w.path, w.rows+int64(i), err)
		}
		for j, c := range w.cols {
			set(vectors[j], c, i, row)
		}
	}
	w.rows += int64(len(rows))
	return w.w.Append(len(rows), vectors)
}

// check refuses what a reader could not read back.
func (w *Writer) check(row Row) error {
	for _, s := range []string{row.URL, row.Text, row.Key, row.Label, row.Truth, row.License, row.NSFW} {
		if !utf8.ValidString(s) {
			return fmt.Errorf("%q is not UTF-8", s)
		}
	}
	for _, c := range []int{colKey, colLabel, colTruth} {
		if ours(row, c) != "" && !slices.Contains(w.cols, c) {
			return fmt.Errorf("has a %s, and the first rows written had none", all[c].Name)
		}
	}
	return nil
}

func vector(c, n int) *columns.Vector {
	v := &columns.Vector{Null: make([]bool, n)}
	switch all[c].Kind {
	case columns.String:
		v.Strings = make([]string, n)
	case columns.Int:
		v.Ints = make([]int64, n)
	case columns.Float:
		v.Floats = make([]float64, n)
	}
	return v
}

// set stores the value of a row for column c.
func set(v *columns.Vector, c, i int, row Row) {
	switch c {
	case colSampleID:
		v.Ints[i] = row.Index
	case colURL:
		v.Strings[i] = row.URL
	case colText:
		v.Strings[i] = row.Text
	case colHeight:
		v.Ints[i] = int64(row.Height)
	case colWidth:
		v.Ints[i] = int64(row.Width)
	case colLicense:
		v.Strings[i], v.Null[i] = row.License, row.License == ""
	case colNSFW:
		v.Strings[i], v.Null[i] = row.NSFW, row.NSFW == ""
	case colSimilarity:
		v.Floats[i], v.Null[i] = row.Similarity, math.IsNaN(row.Similarity)
	default:
		s := ours(row, c)
		v.Strings[i], v.Null[i] = s, s == ""
	}
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
