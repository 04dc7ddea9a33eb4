// Package embeddings reads and writes folders of embeddings in clip-retrieval's
// layout:
//
//	img_emb/img_emb_0.npy, ...           halves [rows, dim], of length 1
//	text_emb/text_emb_0.npy, ...         the same of the captions
//	metadata/metadata_0.parquet, ...     image_path (the key), caption, url, ...
//
// Row r of a part is the same pair in all three. A folder may lack one side,
// and its metadata. Ids in an index follow the files in lexicographic order of
// their names, as every Python tool reads them (0, 1, 10, 2); Open keeps that
// order and says where it is not the numeric one.
//
// It is for rows and vectors: nothing is encoded or searched here.
package embeddings

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"react/data/columns"
	"react/data/npy"
)

// Names of the parts' folders, which are those of their files too.
const (
	imageSide = "img_emb"
	textSide  = "text_emb"
	metaSide  = "metadata"
)

// Meta is what the metadata say of a row.
type Meta struct {
	Key, Caption, URL string
	Label, Truth      string  // columns of ours; "" where unknown
	Similarity        float64 // NaN where unknown
	Row               int64   // of the pool it was made from; else its place in the folder
	Bad               bool    // caption null or not UTF-8, and given as ""; ignored when written
}

type column = columns.Column

// metaFields in the order in which they are written.
var metaFields = []columns.Field[Meta]{
	{At: func(m *Meta) any { return &m.Key },
		Column: column{Name: "image_path", Optional: true, AsText: true}},
	{At: func(m *Meta) any { return &m.Caption }, Column: column{Name: "caption", Optional: true}},
	{At: func(m *Meta) any { return &m.URL }, Column: column{Name: "url", Optional: true}},
	{At: func(m *Meta) any { return &m.Similarity },
		Column: column{Name: "similarity", Optional: true}},
	{At: func(m *Meta) any { return &m.Row },
		Column: column{Name: "row", Optional: true, Common: true}},
	{At: func(m *Meta) any { return &m.Label }, Null: true,
		Column: column{Name: "label", Optional: true, Dict: true, Common: true}},
	{At: func(m *Meta) any { return &m.Truth }, Null: true,
		Column: column{Name: "truth", Optional: true, Common: true}},
}

// readColumns has the column key too, for folders without image_path.
var readColumns = append(columns.Of(metaFields),
	column{Name: "key", Optional: true, Common: true, AsText: true})

// Places in readColumns.
const colKey, colCaption, colRow, colOtherKey = 0, 1, 4, 7

// Folder is an open folder. Its methods may be called concurrently.
type Folder struct {
	// MaxBad is the number of rows whose caption may be unreadable; a reader of
	// the metadata fails on the one after. Set it before Meta.
	MaxBad int

	dir      string
	rows     int64
	dim      int
	sides    map[string]*Matrix // by imageSide, textSide
	meta     []part
	warnings []string
}

// part is one file of a side.
type part struct {
	path   string
	number int   // in its name; -1 when it has none
	start  int64 // of its first row in the folder
	rows   int64
	npy    *npy.File // nil for metadata
}

// Open reads all headers and footers and checks them: the sides have the same
// parts with the same rows, one length of vector, and vectors of length 1 (a
// sample). Vectors that are NaN or infinite are errors when they are read.
func Open(dir string) (*Folder, error) {
	f := &Folder{dir: dir, sides: map[string]*Matrix{}}
	if err := f.open(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *Folder) open() (err error) {
	var all [][]part // of the sides there are
	for _, side := range []string{imageSide, textSide} {
		parts, err := list(f.dir, side, "npy")
		if err != nil {
			return err
		}
		if len(parts) == 0 {
			continue
		}
		m := &Matrix{parts: parts}
		f.sides[side] = m
		if err := m.open(); err != nil {
			return err
		}
		if f.dim == 0 {
			f.dim = m.dim
		}
		if m.dim != f.dim {
			return fmt.Errorf("file %s: vectors of %d, and of %d in %s", parts[0].path, m.dim, f.dim, all[0][0].path)
		}
		all = append(all, parts)
	}
	if len(all) == 0 {
		return fmt.Errorf("folder %s: no embeddings (%s/*.npy or %s/*.npy)", f.dir, imageSide, textSide)
	}
	if f.meta, err = list(f.dir, metaSide, "parquet"); err != nil {
		return err
	}
	if len(f.meta) > 0 {
		if err := f.countRows(); err != nil {
			return err
		}
		all = append(all, f.meta)
	}
	if err := align(all); err != nil {
		return fmt.Errorf("folder %s: %w", f.dir, err)
	}
	f.place(all)
	if f.rows == 0 {
		return fmt.Errorf("folder %s: no rows", f.dir)
	}
	return f.sample()
}

var partNumber = regexp.MustCompile(`_(\d+)\.[a-z]+$`)

// list finds the parts of a side, in lexicographic order.
func list(dir, side, ext string) ([]part, error) {
	entries, err := os.ReadDir(filepath.Join(dir, side))
	if errors.Is(err, fs.ErrNotExist) {
		// A missing folder is an error, a missing side of it is none.
		_, err = os.Stat(dir)
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, e := range entries { // ReadDir sorts by name
		if e.IsDir() || filepath.Ext(e.Name()) != "."+ext {
			continue
		}
		p := part{path: filepath.Join(dir, side, e.Name()), number: -1}
		if m := partNumber.FindStringSubmatch(e.Name()); m != nil {
			p.number, _ = strconv.Atoi(m[1])
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// countRows fills in the rows of metadata files.
func (f *Folder) countRows() error {
	passed := columns.Passed{}
	for i := range f.meta {
		file, err := columns.Open(f.meta[i].path, readColumns)
		if err != nil {
			return err
		}
		f.meta[i].rows = file.NumRows()
		passed.Add(file)
		if err := file.Close(); err != nil {
			return err
		}
	}
	f.warnings = append(f.warnings, passed.Notes()...)
	return nil
}

// align compares the sides part by part.
func align(all [][]part) error {
	err := compare(all)
	if err == nil {
		return nil
	}
	numeric := make([][]part, len(all))
	for i, parts := range all {
		numeric[i] = slices.SortedStableFunc(slices.Values(parts), func(a, b part) int { return cmp.Compare(a.number, b.number) })
	}
	if compare(numeric) == nil {
		return fmt.Errorf("%w; in numeric order they agree: rename the parts with zeros in front (_0002, _0010), so that both orders are one", err)
	}
	return err
}

// compare says where parts in the same place differ in number or rows.
func compare(all [][]part) error {
	for _, other := range all[1:] {
		for i := range max(len(all[0]), len(other)) {
			if i >= len(all[0]) || i >= len(other) {
				return fmt.Errorf("%d parts like %s and %d like %s", len(all[0]), filepath.Base(all[0][0].path), len(other), filepath.Base(other[0].path))
			}
			a, b := all[0][i], other[i]
			if a.rows != b.rows {
				return fmt.Errorf("%s has %d rows and %s %d", filepath.Base(a.path), a.rows, filepath.Base(b.path), b.rows)
			}
			if a.number != b.number && a.number >= 0 && b.number >= 0 {
				return fmt.Errorf("in lexicographic order %s is read with %s", filepath.Base(a.path), filepath.Base(b.path))
			}
		}
	}
	return nil
}

// place gives parts their first rows and notes an order that may surprise.
func (f *Folder) place(all [][]part) {
	for _, parts := range all {
		f.rows = 0
		for i := range parts {
			parts[i].start = f.rows
			f.rows += parts[i].rows
		}
	}
	for _, m := range f.sides {
		m.rows = f.rows
	}
	isNumeric := slices.IsSortedFunc(all[0], func(a, b part) int { return cmp.Compare(a.number, b.number) })
	if !isNumeric {
		var names []string
		for _, p := range all[0][:min(4, len(all[0]))] {
			names = append(names, filepath.Base(p.path))
		}
		f.warnings = append(f.warnings, fmt.Sprintf("folder %s: rows are numbered in the lexicographic order of the files (%s, ...), not the numeric one", f.dir, strings.Join(names, ", ")))
	}
}

// sampleRows is the number of rows of a side whose length Open looks at.
const sampleRows = 64

// sample checks that some vectors, evenly spread, have length 1. Halves of 512
// values are within 0.001 of it.
func (f *Folder) sample() error {
	row := make([]float32, f.dim)
	for _, side := range []string{imageSide, textSide} {
		m := f.sides[side]
		for k := range min(sampleRows, f.rows) {
			if m == nil {
				break
			}
			i := k * f.rows / min(sampleRows, f.rows)
			if err := m.Row(i, row); err != nil {
				return err
			}
			sum := 0.0
			for _, v := range row {
				sum += float64(v) * float64(v)
			}
			if norm := math.Sqrt(sum); math.Abs(norm-1) > 0.01 {
				p, at := m.part(i)
				return fmt.Errorf("file %s: row %d: vector of length %.4g, want 1: the embeddings are not normalized", p.path, at, norm)
			}
		}
	}
	return nil
}

// Rows is the number of pairs.
func (f *Folder) Rows() int64 { return f.rows }

// Dim is the length of the vectors.
func (f *Folder) Dim() int { return f.dim }

// Warnings are for the user to read, once.
func (f *Folder) Warnings() []string { return f.warnings }

// Image gives the images' vectors.
func (f *Folder) Image() (*Matrix, error) { return f.side(imageSide) }

// Text gives the captions' vectors.
func (f *Folder) Text() (*Matrix, error) { return f.side(textSide) }

func (f *Folder) side(name string) (*Matrix, error) {
	if m := f.sides[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("folder %s: no %s", f.dir, name)
}

// Close closes the files.
func (f *Folder) Close() error {
	var errs []error
	for _, m := range f.sides {
		for _, p := range m.parts {
			if p.npy != nil {
				errs = append(errs, p.npy.Close())
			}
		}
	}
	return errors.Join(errs...)
}
