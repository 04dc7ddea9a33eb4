package laion

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"react/data/columns"
)

// defaultBatch is the number of rows of a batch when Options do not say.
const defaultBatch = 4096

// Options of a Reader.
type Options struct {
	// Columns to read, by the names in the files, beside URL and TEXT, which
	// every file must have. Nil means key, label and truth where present.
	Columns []string
	// Required are columns of Columns without which a file is refused.
	Required []string
	// NoURL lets files have no URL, as clip-retrieval's metadata may.
	NoURL bool
	// NullText takes a null caption for an empty one; without it the row is bad.
	NullText bool
	// BatchSize is the largest number of rows in a batch; 0 means DefaultBatch.
	BatchSize int
	// MaxBad is the number of bad rows allowed; Next fails on the one after.
	MaxBad int
	// Reuse makes the strings of a batch valid only until the next one is read:
	// strings.Clone what you keep. For scans that keep little.
	Reuse bool
}

// BadRow says where a bad row is and why it is bad.
type BadRow struct {
	File string
	Row  int64 // in File
	Why  string
}

func (b BadRow) String() string { return fmt.Sprintf("file %s: row %d: %s", b.File, b.Row, b.Why) }

// Reader reads a pool's files one after the other. Not for concurrent use.
type Reader struct {
	files  []string
	opts   Options
	want   []int // columns read, as places in all
	rows   []int64
	total  int64
	at     int // next file to open
	f      *columns.File
	start  int64 // Index of the open file's row 0
	bad    []BadRow
	notes  []string
	badSim int64
}

// Open reads the footers of all files, so that a missing, truncated or wrong
// file is found before work starts, and sorts the files. A pool without a row
// is an error.
func Open(files []string, opts Options) (*Reader, error) {
	want, err := choose(opts.Columns)
	if err != nil {
		return nil, err
	}
	if opts.BatchSize == 0 {
		opts.BatchSize = defaultBatch
	}
	r := &Reader{files: slices.Sorted(slices.Values(files)), opts: opts, want: want}
	first := "" // name of the URL column in the first file
	passed := columns.Passed{}
	for i, name := range r.files {
		if i > 0 && name == r.files[i-1] {
			return nil, fmt.Errorf("file %s: listed twice", name)
		}
		f, err := r.open(name)
		if err != nil {
			return nil, err
		}
		r.rows = append(r.rows, f.NumRows())
		r.total += f.NumRows()
		passed.Add(f)
		if source := f.Source(0); i == 0 {
			first = source
		} else if source != first {
			err = fmt.Errorf("file %s: has column %s where %s has %s: LAION metadata and img2dataset's files beside tars are not one pool", name, source, r.files[0], first)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, errors.New("pool is empty: no parquet files")
	}
	if r.total == 0 {
		return nil, fmt.Errorf("pool is empty: no row in %s and %d more files", r.files[0], len(files)-1)
	}
	r.notes = passed.Notes()
	return r, nil
}

// Notes says what of the files is not read though its name is one of ours.
func (r *Reader) Notes() []string { return r.notes }

// Notes are those of a reader of these files with the columns of Options' default.
func Notes(files []string, noURL bool) ([]string, error) {
	r, err := Open(files, Options{NoURL: noURL})
	if err != nil {
		return nil, err
	}
	return r.Notes(), r.Close()
}

// choose turns names into places in all.
func choose(names []string) ([]int, error) {
	if names == nil {
		names = []string{"key", "label", "truth"}
	}
	want := []int{colURL, colText}
	for _, name := range names {
		i := slices.IndexFunc(all, func(c columns.Column) bool { return c.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("laion: no column %q in the format", name)
		}
		if !slices.Contains(want, i) {
			want = append(want, i)
		}
	}
	return want, nil
}

func (r *Reader) open(name string) (*columns.File, error) {
	cols := make([]columns.Column, len(r.want))
	for i, c := range r.want {
		cols[i] = all[c]
		if slices.Contains(r.opts.Required, all[c].Name) {
			cols[i].Optional = false
		}
		if c == colURL && r.opts.NoURL {
			cols[i].Optional = true
		}
	}
	f, err := columns.Open(name, cols)
	if err == nil {
		f.Reuse = r.opts.Reuse
	}
	return f, err
}

// NumRows is the number of rows of all files, bad ones included.
func (r *Reader) NumRows() int64 { return r.total }

// Files lists the files in the order in which they are read.
func (r *Reader) Files() []string { return slices.Clone(r.files) }

// Sources gives, for each column that is read, the name it has in the first
// file; "" for one that the file does not have.
func (r *Reader) Sources() (map[string]string, error) {
	f, err := r.open(r.files[0])
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i, c := range r.want {
		out[all[c].Name] = f.Source(i)
	}
	return out, f.Close()
}

// FileRows is the number of rows of each of Files.
func (r *Reader) FileRows() []int64 { return slices.Clone(r.rows) }

// Bad lists the bad rows met so far.
func (r *Reader) Bad() []BadRow { return r.bad }

// BadSimilarities counts the values out of [-1, 1] met so far, NaN included.
func (r *Reader) BadSimilarities() int64 { return r.badSim }

// Next returns the next rows, io.EOF after the last.
func (r *Reader) Next() (*Batch, error) {
	c, err := r.NextColumns()
	if err != nil {
		return nil, err
	}
	b := &Batch{File: c.File, FileRow: c.FileRow, Rows: make([]Row, c.Len)}
	for i := range b.Rows {
		c.Row(i, &b.Rows[i])
	}
	return b, nil
}

// NextColumns is Next with the rows as columns.
func (r *Reader) NextColumns() (*Columns, error) {
	for {
		if r.f == nil {
			if r.at == len(r.files) {
				return nil, io.EOF
			}
			f, err := r.open(r.files[r.at])
			if err != nil {
				return nil, err
			}
			r.f = f
			r.at++
		}
		raw, err := r.f.Next(r.opts.BatchSize)
		if err == nil {
			return r.checked(raw)
		}
		if err != io.EOF {
			return nil, err
		}
		if err := r.closeFile(); err != nil {
			return nil, err
		}
	}
}

// closeFile closes the open file, whose rows have all been read.
func (r *Reader) closeFile() error {
	name, rows := r.files[r.at-1], r.rows[r.at-1]
	if got := r.f.NumRows(); got != rows {
		return fmt.Errorf("file %s: has %d rows and had %d when the pool was opened", name, got, rows)
	}
	r.start += rows
	f := r.f
	r.f = nil
	return f.Close()
}

// checked gives rows their numbers and finds the bad ones.
func (r *Reader) checked(raw *columns.Batch) (*Columns, error) {
	c := &Columns{Start: r.start + raw.Row, File: r.files[r.at-1], FileRow: raw.Row, Len: raw.Len,
		cols: make([]*columns.Vector, len(fields))}
	for i, col := range r.want {
		c.cols[col] = raw.Cols[i]
	}
	err := c.check(r.opts.NullText, func(i int, why string) error {
		bad := BadRow{File: c.File, Row: c.FileRow + int64(i), Why: why}
		r.bad = append(r.bad, bad)
		if len(r.bad) <= r.opts.MaxBad {
			return nil
		}
		return fmt.Errorf("%v (bad row %d, and %d are allowed)", bad, len(r.bad), r.opts.MaxBad)
	})
	r.badSim += c.cleanSimilarity()
	return c, err
}

// All iterates over the rows, bad ones included; an error ends it.
func (r *Reader) All() iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for {
			b, err := r.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
			for _, row := range b.Rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// Close closes the open file, if any.
func (r *Reader) Close() error {
	if r.f == nil {
		return nil
	}
	f := r.f
	r.f, r.at = nil, len(r.files)
	return f.Close()
}
