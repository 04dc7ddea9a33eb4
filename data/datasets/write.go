package datasets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"react/data/datasets/classnames"
	"react/data/shards"
)

// Writer writes a set in the webdataset layout, one tar, items in the order of
// the calls. The same calls give the same bytes. It does not sync.
type Writer struct {
	set  Set
	keys map[string]bool
	tar  *shards.Tar
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
	tar, err := shards.CreateTar(filepath.Join(dir, testFolder, "0.tar"))
	return &Writer{set: Set{Dir: dir, Classes: names}, keys: map[string]bool{}, tar: tar}, err
}

// Put adds an image; ext is without the dot.
func (w *Writer) Put(key, ext string, image []byte, label int) error {
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
	if err = w.tar.Add(key+"."+ext, image); err == nil {
		err = w.tar.Add(key+".cls", []byte(strconv.Itoa(label)))
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", w.set.Dir, err)
	}
	return nil
}

// Close ends the tar. A class without images is an error, as it is for Open.
func (w *Writer) Close() error {
	if err := errors.Join(w.tar.Close(), w.set.check()); err != nil {
		return fmt.Errorf("set %s: %w", w.set.Dir, err)
	}
	return nil
}
