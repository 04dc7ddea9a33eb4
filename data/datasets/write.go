package datasets

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"react/data/datasets/classnames"
)

// Writer writes a set in the webdataset layout, one tar, items in the order of
// the calls. The same calls give the same bytes. It does not sync.
type Writer struct {
	set  Set
	keys map[string]bool
	f    *os.File
	buf  *bufio.Writer
	tar  *tar.Writer
	err  error
}

// Create starts a set in dir, which is made. Templates have {} for the class;
// there may be none.
func Create(dir string, classes, templates []string) (*Writer, error) {
	for _, class := range classes {
		if strings.ContainsAny(class, "\r\n") {
			return nil, fmt.Errorf("set %s: class %q has a line break", dir, class)
		}
	}
	names, err := classnames.Checked(classes)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", dir, err)
	}
	if len(classes) == 0 {
		return nil, fmt.Errorf("set %s: no classes", dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, testFolder), 0o777); err != nil {
		return nil, err
	}
	files := map[string]string{
		classesFile:                           strings.Join(names, "\n") + "\n",
		filepath.Join(testFolder, shardsFile): "1\n",
	}
	if len(templates) > 0 {
		text := strings.Join(templates, "\n") + "\n"
		files[templatesFile] = strings.ReplaceAll(text, "{}", "{c}")
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			return nil, err
		}
	}
	f, err := os.Create(filepath.Join(dir, testFolder, "0.tar"))
	if err != nil {
		return nil, err
	}
	w := &Writer{set: Set{Dir: dir, Classes: names}, keys: map[string]bool{}, f: f, buf: bufio.NewWriterSize(f, 1<<18)}
	w.tar = tar.NewWriter(w.buf)
	return w, nil
}

// Put adds an image; ext is without the dot.
func (w *Writer) Put(key, ext string, image []byte, label int) error {
	if w.err != nil {
		return w.err
	}
	var err error
	switch {
	case label < 0 || label >= len(w.set.Classes):
		err = fmt.Errorf("label %d is not one of %d classes", label, len(w.set.Classes))
	case key == "" || strings.Contains(key, "."):
		err = errors.New("not a key: it must be without a dot")
	case w.keys[key]:
		err = errors.New("is already in the set")
	case !slices.Contains(imageNames, "."+ext):
		err = fmt.Errorf("extension %q is none of an image", ext)
	}
	if err != nil {
		return fmt.Errorf("set %s: key %s: %w", w.set.Dir, key, err)
	}
	w.keys[key] = true
	w.set.Items = append(w.set.Items, Item{key, label})
	w.member(key+"."+ext, image)
	w.member(key+".cls", []byte(strconv.Itoa(label)))
	return w.err
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
		w.err = fmt.Errorf("set %s: %w", w.set.Dir, w.err)
	}
}

// Close ends the tar. A class without images is an error, as it is for Open.
func (w *Writer) Close() error {
	if w.err == nil {
		w.err = w.tar.Close()
	}
	if w.err == nil {
		w.err = w.buf.Flush()
	}
	if w.err == nil {
		if err := w.set.check(); err != nil {
			w.err = fmt.Errorf("set %s: %w", w.set.Dir, err)
		}
	}
	err := errors.Join(w.err, w.f.Close())
	w.err = fmt.Errorf("set %s: writer is closed", w.set.Dir)
	return err
}
