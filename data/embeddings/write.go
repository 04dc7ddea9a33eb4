package embeddings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	image, text *npy.Writer // nil for a side that is not written
	meta        *columns.Writer
	rows        int
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
	for side, wanted := range map[string]bool{imageSide: opts.Image, textSide: opts.Text, metaSide: true} {
		if !wanted {
			continue
		}
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
	if err := w.check(image, text, meta); err != nil {
		return fmt.Errorf("folder %s: %w", w.dir, err)
	}
	for len(meta) > 0 && w.err == nil {
		if w.open == nil {
			w.err = w.begin()
		}
		if w.err != nil {
			break
		}
		n := min(len(meta), w.opts.RowsPerFile-w.open.rows)
		w.err = w.put(cut(image, n*w.dim), cut(text, n*w.dim), meta[:n])
		image, text, meta = rest(image, n*w.dim), rest(text, n*w.dim), meta[n:]
	}
	return w.err
}

func cut(v []float32, n int) []float32  { return v[:min(n, len(v))] }
func rest(v []float32, n int) []float32 { return v[min(n, len(v)):] }

// check refuses lengths that do not fit and values that no reader accepts.
func (w *Writer) check(image, text []float32, meta []Meta) error {
	for _, side := range []struct {
		name    string
		values  []float32
		written bool
	}{{"image", image, w.opts.Image}, {"text", text, w.opts.Text}} {
		want := 0
		if side.written {
			want = len(meta) * w.dim
		}
		if len(side.values) != want {
			return fmt.Errorf("%d %s values for %d rows of %d", len(side.values), side.name, len(meta), w.dim)
		}
		if i, _ := dtype.NotFinite(side.values); i >= 0 {
			return fmt.Errorf("row %d: %s value %d is %v", w.rows+int64(i/w.dim), side.name, i%w.dim, side.values[i])
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
	p := &openPart{}
	w.open = p
	i := w.parts
	w.parts++
	if w.opts.Image {
		if p.image, err = npy.Create(w.name(imageSide, i, 0), "<f2", w.dim); err != nil {
			return err
		}
	}
	if w.opts.Text {
		if p.text, err = npy.Create(w.name(textSide, i, 0), "<f2", w.dim); err != nil {
			return err
		}
	}
	p.meta, err = columns.Create(w.name(metaSide, i, 0), columns.Of(metaFields))
	return err
}

// put writes rows that fit into the open part.
func (w *Writer) put(image, text []float32, meta []Meta) error {
	p := w.open
	if w.opts.Image {
		if err := p.image.Append(image); err != nil {
			return err
		}
	}
	if w.opts.Text {
		if err := p.text.Append(text); err != nil {
			return err
		}
	}
	if err := p.meta.Append(len(meta), columns.Vectors(metaFields, meta)); err != nil {
		return err
	}
	w.rows += int64(len(meta))
	if p.rows += len(meta); p.rows < w.opts.RowsPerFile {
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
	for _, side := range []*npy.Writer{p.image, p.text} {
		if side != nil {
			errs = append(errs, side.Close())
		}
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
	for side, written := range map[string]bool{imageSide: w.opts.Image, textSide: w.opts.Text, metaSide: true} {
		for i := range w.parts {
			if !written {
				break
			}
			if err := os.Rename(w.name(side, i, 0), w.name(side, i, width)); err != nil {
				return err
			}
		}
	}
	return nil
}
