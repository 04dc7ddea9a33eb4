package embeddings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"unicode/utf8"

	"react/data/columns"
	"react/data/dtype"
	"react/data/npy"
)

// Options of a Writer.
type Options struct {
	Image, Text bool // sides to write
	RowsPerFile int  // 0 means a million, as clip-retrieval has it
}

// Writer appends rows to a new folder. The same rows give the same bytes,
// however they are divided into Append calls. It does not sync. Not for
// concurrent use.
type Writer struct {
	dir   string
	dim   int
	opts  Options
	rows  int64
	open  *openPart
	parts int // begun
	err   error
}

// openPart is the part being written.
type openPart struct {
	vectors map[string]*npy.Writer // by side
	meta    *columns.Writer
	rows    int
}

// vectorSides are the sides of vectors that are written, in a fixed order.
func (w *Writer) vectorSides() (sides []string) {
	if w.opts.Image {
		sides = append(sides, imageSide)
	}
	if w.opts.Text {
		sides = append(sides, textSide)
	}
	return sides
}

// Create starts a folder; dir is made where it is missing.
func Create(dir string, dim int, opts Options) (*Writer, error) {
	if dim <= 0 || !opts.Image && !opts.Text {
		return nil, fmt.Errorf("folder %s: vectors of %d values, image %v, text %v: nothing to write", dir, dim, opts.Image, opts.Text)
	}
	if opts.RowsPerFile <= 0 {
		opts.RowsPerFile = 1_000_000
	}
	w := &Writer{dir: dir, dim: dim, opts: opts}
	for _, side := range append(w.vectorSides(), metaSide) {
		if err := os.MkdirAll(filepath.Join(dir, side), 0o777); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Append writes rows: vectors [n, dim] of the sides that are written, nil for
// the other, and their n metadata.
func (w *Writer) Append(image, text []float32, meta []Meta) error {
	if w.err != nil {
		return w.err
	}
	vectors := map[string][]float32{imageSide: image, textSide: text}
	if err := w.check(vectors, meta); err != nil {
		return fmt.Errorf("folder %s: %w", w.dir, err)
	}
	for at := 0; at < len(meta) && w.err == nil; {
		if w.open == nil {
			w.err = w.begin()
		}
		if w.err != nil {
			break
		}
		end := min(len(meta), at+w.opts.RowsPerFile-w.open.rows)
		w.err = w.put(vectors, meta, at, end)
		at = end
	}
	return w.err
}

// check refuses lengths that do not fit and values that no reader accepts.
func (w *Writer) check(vectors map[string][]float32, meta []Meta) error {
	for _, side := range []string{imageSide, textSide} {
		name := map[string]string{imageSide: "image", textSide: "text"}[side]
		want := 0
		if slices.Contains(w.vectorSides(), side) {
			want = len(meta) * w.dim
		}
		values := vectors[side]
		if len(values) != want {
			return fmt.Errorf("%d %s values for %d rows of %d", len(values), name, len(meta), w.dim)
		}
		if i, _ := dtype.NotFinite(values); i >= 0 {
			return fmt.Errorf("row %d: %s value %d is %v", w.rows+int64(i/w.dim), name, i%w.dim, values[i])
		}
	}
	for i, m := range meta {
		for _, s := range []string{m.Key, m.Caption, m.URL, m.Label, m.Truth} {
			if !utf8.ValidString(s) {
				return fmt.Errorf("row %d: %.40q is not UTF-8", w.rows+int64(i), s)
			}
		}
	}
	return nil
}

// name of part i while its final width is unknown.
func (w *Writer) name(side string, i, width int) string {
	ext := ".npy"
	if side == metaSide {
		ext = ".parquet"
	}
	return filepath.Join(w.dir, side, fmt.Sprintf("%s_%0*d%s", side, width, i, ext))
}

// begin starts the next part.
func (w *Writer) begin() (err error) {
	p := &openPart{vectors: map[string]*npy.Writer{}}
	w.open = p
	i := w.parts
	w.parts++
	for _, side := range w.vectorSides() {
		file, err := npy.Create(w.name(side, i, 0), "<f2", w.dim)
		if err != nil {
			return err
		}
		p.vectors[side] = file
	}
	p.meta, err = columns.Create(w.name(metaSide, i, 0), columns.Of(metaFields))
	return err
}

// put writes rows from at to end, which fit into the open part.
func (w *Writer) put(vectors map[string][]float32, meta []Meta, at, end int) error {
	p := w.open
	for _, side := range w.vectorSides() {
		if err := p.vectors[side].Append(vectors[side][at*w.dim : end*w.dim]); err != nil {
			return err
		}
	}
	if err := p.meta.Append(end-at, columns.Vectors(metaFields, meta[at:end])); err != nil {
		return err
	}
	w.rows += int64(end - at)
	if p.rows += end - at; p.rows < w.opts.RowsPerFile {
		return nil
	}
	return w.end()
}

// end closes the open part.
func (w *Writer) end() error {
	p := w.open
	w.open = nil
	if p == nil {
		return nil
	}
	var errs []error
	for _, file := range p.vectors {
		errs = append(errs, file.Close())
	}
	if p.meta != nil {
		errs = append(errs, p.meta.Close())
	}
	return errors.Join(errs...)
}

// Close ends the last part and gives the parts their names, with as many
// digits as their count has. A folder of no rows gets one empty part.
func (w *Writer) Close() error {
	if w.err == nil && w.parts == 0 {
		w.err = w.begin()
	}
	err := errors.Join(w.err, w.end())
	if err == nil {
		err = w.rename()
	}
	w.err = fmt.Errorf("folder %s: writer is closed", w.dir)
	return err
}

func (w *Writer) rename() error {
	width := len(strconv.Itoa(w.parts))
	if width == 1 {
		return nil
	}
	for _, side := range append(w.vectorSides(), metaSide) {
		for i := range w.parts {
			if err := os.Rename(w.name(side, i, 0), w.name(side, i, width)); err != nil {
				return err
			}
		}
	}
	return nil
}
