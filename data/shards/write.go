package shards

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Tar writes files into one tar, headers without times or owners: the same calls give the same
// bytes. After an error it only closes. It does not sync.
type Tar struct {
	path string
	f    *os.File
	buf  *bufio.Writer
	tar  *tar.Writer
	err  error
}

// CreateTar starts a tar.
func CreateTar(path string) (*Tar, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	t := &Tar{path: path, f: f, buf: bufio.NewWriterSize(f, 1<<18)}
	t.tar = tar.NewWriter(t.buf)
	return t, nil
}

// Add adds a file.
func (t *Tar) Add(name string, body []byte) error {
	if t.err != nil {
		return t.err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(body)), Mode: 0o644, ModTime: time.Unix(0, 0)}
	err := t.tar.WriteHeader(h)
	if err == nil {
		_, err = t.tar.Write(body)
	}
	if err != nil {
		t.err = fmt.Errorf("shard %s: %w", t.path, err)
	}
	return t.err
}

// Close ends the tar. After an error the tar has no end, which readers notice.
func (t *Tar) Close() error {
	err := t.err
	if err == nil {
		err = t.tar.Close()
	}
	if err == nil {
		err = t.buf.Flush()
	}
	t.err = fmt.Errorf("shard %s: writer is closed", t.path)
	return errors.Join(err, t.f.Close())
}

// Writer writes one tar of samples, in the order of the calls.
type Writer struct {
	*Tar
	keys map[string]bool
}

// Create starts a tar and nothing beside it.
func Create(path string) (*Writer, error) {
	t, err := CreateTar(path)
	return &Writer{t, map[string]bool{}}, err
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
	w.Add(key+"."+ext, image)
	w.Add(key+".txt", []byte(caption))
	return w.Add(key+".json", bytes.TrimSuffix(text.Bytes(), []byte("\n")))
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
