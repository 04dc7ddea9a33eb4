package shards

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // sizes for the sidecars
	_ "image/jpeg" // the same
	_ "image/png"  // the same
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"react/data/columns"
)

// Writer writes one tar, members in the order of the calls, headers without
// times or owners: the same calls give the same bytes. It does not sync.
type Writer struct {
	path    string
	f       *os.File
	buf     *bufio.Writer
	tar     *tar.Writer
	keys    map[string]bool
	sidecar bool
	rows    []sidecarRow
	err     error
}

// Create starts a tar and nothing beside it.
func Create(path string) (*Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, f: f, buf: bufio.NewWriterSize(f, 1<<18), keys: map[string]bool{}}
	w.tar = tar.NewWriter(w.buf)
	return w, nil
}

// CreateWithSidecars starts a tar 00000.tar, beside which Close writes
// 00000.parquet (a row a sample) and 00000_stats.json, as img2dataset does. Not
// for a folder whose *.parquet are LAION metadata.
func CreateWithSidecars(path string) (*Writer, error) {
	if !strings.HasSuffix(path, ".tar") {
		return nil, fmt.Errorf("shard %s: want a name that ends in .tar", path)
	}
	w, err := Create(path)
	if err == nil {
		w.sidecar = true
	}
	return w, err
}

// Put adds a sample: the image, its caption as .txt, and meta (a struct or map)
// as .json, or key and caption where meta is nil. Readers find a sample by its
// address only if meta has a "url".
func (w *Writer) Put(key, ext string, image []byte, caption string, meta any) error {
	if w.err != nil {
		return w.err
	}
	if err := w.check(key, ext, caption); err != nil {
		return fmt.Errorf("shard %s: key %s: %w", w.path, key, err)
	}
	if meta == nil {
		meta = map[string]string{"caption": caption, "key": key}
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ") // as Python's indent=4
	if err := enc.Encode(meta); err != nil {
		return fmt.Errorf("shard %s: key %s: %w", w.path, key, err)
	}
	w.keys[key] = true
	w.member(key+"."+ext, image)
	w.member(key+".txt", []byte(caption))
	w.member(key+".json", bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	if w.err == nil && w.sidecar {
		w.err = w.note(key, image, caption, text.Bytes())
	}
	return w.err
}

func (w *Writer) check(key, ext, caption string) error {
	if k, _ := split(key + ".x"); k != key || key == "" || !utf8.ValidString(key) {
		return errors.New("not a key: it must be UTF-8 and without a dot")
	}
	if w.keys[key] {
		return errors.New("is already in the shard")
	}
	if !slices.Contains(extensions, ext) {
		return fmt.Errorf("extension %q is none of an image (%s)", ext, strings.Join(extensions, ", "))
	}
	if !utf8.ValidString(caption) {
		return errors.New("caption is not UTF-8")
	}
	return nil
}

func (w *Writer) member(name string, body []byte) {
	if w.err != nil {
		return
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(body)), Mode: 0o644, ModTime: time.Unix(0, 0)}
	if w.err = w.tar.WriteHeader(h); w.err == nil {
		_, w.err = w.tar.Write(body)
	}
	if w.err != nil {
		w.err = fmt.Errorf("shard %s: %w", w.path, w.err)
	}
}

// Close ends the tar and writes the sidecars. After an error the tar has no
// end, which readers notice.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.tar.Close()
	}
	if w.err == nil {
		w.err = w.buf.Flush()
	}
	w.err = errors.Join(w.err, w.f.Close())
	if w.err == nil && w.sidecar {
		w.err = w.writeSidecars()
	}
	err := w.err
	w.err = fmt.Errorf("shard %s: writer is closed", w.path)
	return err
}

// sidecarRow is a row of the parquet file beside a tar.
type sidecarRow struct {
	URL            string `json:"url"`
	Exif           string `json:"exif"`
	OriginalWidth  int64  `json:"original_width"`
	OriginalHeight int64  `json:"original_height"`
	caption, key   string
	width, height  int64
	sha256         string
}

// note keeps what the sidecar says of a sample; meta is its .json.
func (w *Writer) note(key string, img []byte, caption string, meta []byte) error {
	row := sidecarRow{caption: caption, key: key}
	if err := json.Unmarshal(meta, &row); err != nil {
		return fmt.Errorf("shard %s: key %s: meta: %w", w.path, key, err)
	}
	// An image that the standard library does not know is left without size.
	if c, _, err := image.DecodeConfig(bytes.NewReader(img)); err == nil {
		row.width, row.height = int64(c.Width), int64(c.Height)
	}
	if row.OriginalWidth == 0 {
		row.OriginalWidth, row.OriginalHeight = row.width, row.height
	}
	sum := sha256.Sum256(img)
	row.sha256 = hex.EncodeToString(sum[:])
	w.rows = append(w.rows, row)
	return nil
}

// writeSidecars writes the parquet and json files of img2dataset.
func (w *Writer) writeSidecars() error {
	base := strings.TrimSuffix(w.path, ".tar")
	out, err := columns.Create(base+".parquet", []columns.Column{{Name: "url"}, {Name: "caption"}, {Name: "key"},
		{Name: "status", Dict: true}, {Name: "error_message"}, {Name: "width", Kind: columns.Int, Narrow: true},
		{Name: "height", Kind: columns.Int, Narrow: true}, {Name: "original_width", Kind: columns.Int, Narrow: true},
		{Name: "original_height", Kind: columns.Int, Narrow: true}, {Name: "exif"}, {Name: "sha256"}})
	if err != nil {
		return err
	}
	if err := errors.Join(out.Append(len(w.rows), sidecarColumns(w.rows)), out.Close()); err != nil {
		return err
	}
	stats, err := json.MarshalIndent(map[string]any{"count": len(w.rows), "successes": len(w.rows), "failed_to_download": 0,
		"failed_to_resize": 0, "duration": 0, "start_time": 0, "end_time": 0, "status_dict": map[string]int{"success": len(w.rows)}}, "", "    ")
	if err != nil {
		return err
	}
	return os.WriteFile(base+"_stats.json", stats, 0o666)
}

func sidecarColumns(rows []sidecarRow) []*columns.Vector {
	text := func(at func(sidecarRow) string) *columns.Vector {
		v := &columns.Vector{}
		for _, row := range rows {
			v.Strings = append(v.Strings, at(row))
		}
		return v
	}
	number := func(at func(sidecarRow) int64) *columns.Vector {
		v := &columns.Vector{}
		for _, row := range rows {
			v.Ints = append(v.Ints, at(row))
		}
		return v
	}
	return []*columns.Vector{
		text(func(r sidecarRow) string { return r.URL }),
		text(func(r sidecarRow) string { return r.caption }),
		text(func(r sidecarRow) string { return r.key }),
		text(func(sidecarRow) string { return "success" }),
		nil, // error_message
		number(func(r sidecarRow) int64 { return r.width }),
		number(func(r sidecarRow) int64 { return r.height }),
		number(func(r sidecarRow) int64 { return r.OriginalWidth }),
		number(func(r sidecarRow) int64 { return r.OriginalHeight }),
		text(func(r sidecarRow) string { return r.Exif }),
		text(func(r sidecarRow) string { return r.sha256 }),
	}
}
