package pool

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"react/data/columns"
	"react/data/jsonfile"
	"react/data/laion"
	"react/data/lost"
)

// Files of a manifest.
const (
	ManifestFile = "pool.json"
	// hash, hash2 (int64), dropped (the cause, null where alive), in the pool's row order
	RowsFile = "rows.parquet"
)

// schemaName is the version of the format.
const schemaName = "runner.pool/v1"

// Source is the metadata of a pool.
type Source struct {
	Metadata []string // parquet files, read in lexicographic order
	Images   []string // tars, listed by size only: their content is in the keys of what reads them
	// Folder says that rows are those of a folder of embeddings, not of a pool that embeddings were
	// made from.
	Folder bool
	MaxBad int // unreadable rows allowed
}

// Manifest is pool.json, which pins the rows of a pool. (That of a stage is store.Manifest.)
type Manifest struct {
	Schema string `json:"schema"`
	// "pool": rows are the metadata's; "embeddings": rows of a folder of embeddings
	Numbering string `json:"numbering"`
	RowHash   string `json:"rowHash"`
	// sha256 of every row's hash and cause, in order: equal digests, equal rows kept
	Digest  string           `json:"digest"`
	Rows    int64            `json:"rows"`
	Alive   int64            `json:"alive"`
	Dropped map[string]int64 `json:"dropped"` // by cause
	Filter  Filter           `json:"filter"`
	// column of the format → the name that the files have for it
	Columns map[string]string `json:"columns"`
	// similarities out of [-1, 1], taken as unknown
	BadValues int64  `json:"badValues"`
	BlockList int    `json:"blocklist"`        // hashes on it
	Metadata  []File `json:"metadata"`         // in the order of their rows
	Images    []File `json:"images,omitempty"` //
	// cause → the first row of it, as file and row
	Example map[string]string `json:"example,omitempty"`

	// rows without an image that can be used; only of pool show
	Lost *lost.Count `json:"lost,omitempty"`
}

// File is one file of a pool; its name is without a folder, so that a pool may move.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"` // of metadata
	Rows   int64  `json:"rows,omitempty"`   // of metadata
}

// Write scans a pool, and writes pool.json and rows.parquet into dir; with dir "" it only counts.
// progress, if not nil, is told rows.
func Write(ctx context.Context, dir string, src Source, m *Matcher, progress func(done, total int64)) (*Manifest, error) {
	w := &writer{ctx: ctx, dir: dir, src: src, matcher: m, digest: sha256.New(), progress: progress}
	man, err := w.scan()
	if err != nil || dir == "" {
		return man, err
	}
	raw, err := json.MarshalIndent(man, "", "\t")
	if err != nil {
		return nil, err
	}
	return man, os.WriteFile(filepath.Join(dir, ManifestFile), append(raw, '\n'), 0o644)
}

// Pin is Write beside the folder dir, which then gets its name: a folder that is there is whole.
func Pin(ctx context.Context, dir string, src Source, m *Matcher) (*Manifest, error) {
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o777); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), ".pin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	man, err := Write(ctx, tmp, src, m, nil)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return nil, err
	}
	return man, os.Rename(tmp, dir) // over an empty folder too
}

// writer is one scan.
type writer struct {
	ctx      context.Context
	dir      string
	src      Source
	matcher  *Matcher
	man      *Manifest
	digest   hash.Hash
	rows     *columns.Writer // nil when only counting
	progress func(done, total int64)
}

func (w *writer) scan() (*Manifest, error) {
	need := w.matcher.filter.Columns()
	reader, err := laion.Open(w.src.Metadata, laion.Options{Columns: append([]string{}, need...), Required: need, NoURL: w.src.Folder, MaxBad: w.src.MaxBad, Reuse: true})
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	if err := w.begin(reader); err != nil {
		return nil, err
	}
	for {
		c, err := reader.NextColumns()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = w.ctx.Err()
		}
		if err == nil {
			err = w.batch(c)
		}
		if err != nil {
			return nil, err
		}
	}
	w.man.BadValues = reader.BadSimilarities()
	w.man.Digest = hex.EncodeToString(w.digest.Sum(nil))
	if w.rows != nil {
		return w.man, w.rows.Close()
	}
	return w.man, nil
}

// begin describes the files and opens rows.parquet.
func (w *writer) begin(reader *laion.Reader) (err error) {
	w.man = &Manifest{Schema: schemaName, Numbering: "pool", RowHash: "murmur3-x64-128 of url+caption", Rows: reader.NumRows(),
		Dropped: map[string]int64{}, Example: map[string]string{}, Filter: w.matcher.filter, BlockList: len(w.matcher.block)}
	if w.src.Folder {
		w.man.Numbering = "embeddings"
	}
	if w.man.Columns, err = reader.Sources(); err != nil {
		return err
	}
	rows := reader.FileRows()
	for i, name := range reader.Files() {
		f, err := describe(name, w.dir != "")
		if err != nil {
			return err
		}
		f.Rows = rows[i]
		w.man.Metadata = append(w.man.Metadata, f)
	}
	for _, name := range w.src.Images {
		f, err := describe(name, false)
		if err != nil {
			return err
		}
		w.man.Images = append(w.man.Images, f)
	}
	if w.dir != "" {
		w.rows, err = columns.Create(filepath.Join(w.dir, RowsFile), rowColumns)
	}
	return err
}

var rowColumns = []columns.Column{{Name: "hash", Kind: columns.Int}, {Name: "hash2", Kind: columns.Int}, {Name: "dropped", Dict: true}}

func describe(name string, digest bool) (File, error) {
	f, err := os.Open(name)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	out := File{Name: filepath.Base(name), Bytes: info.Size()}
	if !digest {
		return out, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return out, fmt.Errorf("file %s: %w", name, err)
	}
	out.SHA256 = hex.EncodeToString(h.Sum(nil))
	return out, nil
}

func (w *writer) batch(c *laion.Columns) error {
	v := []*columns.Vector{{Ints: make([]int64, c.Len)}, {Ints: make([]int64, c.Len)}, {Strings: make([]string, c.Len), Null: make([]bool, c.Len)}}
	var record [16]byte
	var row laion.Row
	for i := range c.Len {
		c.Row(i, &row)
		hash := hashOf(row.URL, row.Text)
		cause := w.matcher.Cause(&row, hash)
		v[0].Ints[i], v[1].Ints[i] = int64(hash[0]), int64(hash[1])
		v[2].Strings[i], v[2].Null[i] = cause, cause == ""
		binary.LittleEndian.PutUint64(record[:], hash[0])
		binary.LittleEndian.PutUint64(record[8:], hash[1])
		w.digest.Write(record[:])
		w.digest.Write([]byte(cause + "\n"))
		if cause == "" {
			w.man.Alive++
			continue
		}
		if w.man.Dropped[cause]++; w.man.Dropped[cause] == 1 {
			w.man.Example[cause] = fmt.Sprintf("%s row %d", filepath.Base(c.File), c.FileRow+int64(i))
		}
	}
	if w.progress != nil {
		w.progress(c.Start+int64(c.Len), w.man.Rows)
	}
	if w.rows == nil {
		return nil
	}
	return w.rows.Append(c.Len, v)
}

// Read reads the manifest of a folder, or the pool.json that is named.
func Read(path string) (*Manifest, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, ManifestFile)
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("file %s is not there (a manifest is what runner pool pin wrote, or its %s)", path, ManifestFile)
	}
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := jsonfile.Strict(raw, m); err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	if m.Schema != schemaName {
		return nil, fmt.Errorf("file %s: schema %q is not %s", path, m.Schema, schemaName)
	}
	return m, nil
}
