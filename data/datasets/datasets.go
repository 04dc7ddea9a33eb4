// Package datasets reads and writes labelled evaluation sets, in two layouts:
//
//   - CLIP_benchmark's webdatasets: a folder with classnames.txt (one a line, in
//     the order of the labels), zeroshot_classification_templates.txt where the
//     set has prompts of its own ({c} stands for the class name),
//     test/nshards.txt and test/0.tar, 1.tar, ... with KEY.png (or jpg, webp)
//     and KEY.cls, the label as a decimal number;
//   - image folders: one folder a class, named after it, with image files.
//
// Reading lists the items and checks them; images are read one by one and
// decoded by package image. A test set is taken whole or not at all: a fault is
// an error, not a count.
package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"react/data/shards"
)

// Names of files of the webdataset layout.
const (
	classesFile   = "classnames.txt"
	templatesFile = "zeroshot_classification_templates.txt"
	shardsFile    = "nshards.txt"
	testFolder    = "test"
)

// Item is one image and its class.
type Item struct {
	Key   string
	Label int // place in Set.Classes
}

// Set is an evaluation set. Read may be called concurrently.
type Set struct {
	Dir       string
	Classes   []string
	Templates []string // prompts of the set itself, with {} for the class; often none
	Items     []Item   // in the order of the files

	tars  *shards.Set
	files []string // of an image folder, for each item
}

// Open reads the set in a folder; the layout is told by classnames.txt.
func Open(dir string) (*Set, error) {
	s := &Set{Dir: dir}
	read := s.readTars
	if _, err := os.Stat(filepath.Join(dir, classesFile)); errors.Is(err, os.ErrNotExist) {
		read = s.readFolder
	}
	if err := read(); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("set %s: %w", dir, err)
	}
	return s, nil
}

// check refuses a set in which a class cannot be measured.
func (s *Set) check() error {
	if len(s.Items) == 0 {
		return errors.New("no images")
	}
	counts := make([]int, len(s.Classes))
	for _, item := range s.Items {
		counts[item.Label]++
	}
	if i := slices.Index(counts, 0); i >= 0 {
		return fmt.Errorf("class %d (%q) has no images", i, s.Classes[i])
	}
	return nil
}

// Read returns the bytes of item i's image.
func (s *Set) Read(i int) ([]byte, error) {
	if s.tars == nil {
		return os.ReadFile(s.files[i])
	}
	sample, ok := s.tars.Find(s.Items[i].Key)
	if !ok {
		return nil, fmt.Errorf("set %s: no image %s", s.Dir, s.Items[i].Key)
	}
	return s.tars.Read(sample, nil)
}

// Close closes the set's files.
func (s *Set) Close() error {
	if s.tars == nil {
		return nil
	}
	return s.tars.Close()
}

// readTars reads the webdataset layout.
func (s *Set) readTars() (err error) {
	if s.Classes, err = ReadClasses(filepath.Join(s.Dir, classesFile)); err != nil {
		return err
	}
	if s.Templates, err = readTemplates(filepath.Join(s.Dir, templatesFile)); err != nil {
		return err
	}
	tars, err := s.tarNames()
	if err != nil {
		return err
	}
	if s.tars, err = shards.Index(context.Background(), tars, 0); err != nil {
		return err
	}
	labels := map[string]int{}
	for _, name := range tars {
		if err := s.readLabels(name, labels); err != nil {
			return err
		}
	}
	// In the order of the tars by number, not by name.
	for _, name := range tars {
		shard := slices.Index(s.tars.Shards(), name)
		for _, sample := range s.tars.Samples() {
			if sample.Shard != shard {
				continue
			}
			label, ok := labels[sample.Key]
			if !ok {
				return fmt.Errorf("file %s: image %s has no .cls", name, sample.Key)
			}
			s.Items = append(s.Items, Item{sample.Key, label})
		}
	}
	return nil
}

// tarNames lists the tars that nshards.txt counts.
func (s *Set) tarNames() ([]string, error) {
	name := filepath.Join(s.Dir, testFolder, shardsFile)
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil || n < 1 || n > 1_000_000 {
		return nil, fmt.Errorf("file %s: want the number of tars, got %.20q", name, raw)
	}
	tars := make([]string, n)
	for i := range tars {
		tars[i] = filepath.Join(s.Dir, testFolder, strconv.Itoa(i)+".tar")
	}
	return tars, nil
}

// readLabels collects the .cls members of a tar.
func (s *Set) readLabels(name string, labels map[string]int) error {
	return shards.Walk(context.Background(), name, func(m shards.Member, body io.Reader) error {
		if m.Ext != "cls" {
			return nil
		}
		raw, err := io.ReadAll(io.LimitReader(body, 32))
		if err != nil {
			return err
		}
		label, err := strconv.Atoi(strings.TrimSpace(string(raw)))
		if err != nil {
			return fmt.Errorf("key %s: label %q is not a number", m.Key, raw)
		}
		if label < 0 || label >= len(s.Classes) {
			return fmt.Errorf("key %s: label %d is not one of %d classes", m.Key, label, len(s.Classes))
		}
		labels[m.Key] = label
		return nil
	})
}

// imageNames are the endings of files that count as images of a class.
var imageNames = []string{".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}

// readFolder reads one folder a class, classes and files sorted by name.
func (s *Set) readFolder() error {
	classes, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	for _, class := range classes {
		if !class.IsDir() || strings.HasPrefix(class.Name(), ".") {
			continue
		}
		files, err := os.ReadDir(filepath.Join(s.Dir, class.Name()))
		if err != nil {
			return err
		}
		for _, file := range files {
			if !slices.Contains(imageNames, strings.ToLower(filepath.Ext(file.Name()))) {
				continue
			}
			s.Items = append(s.Items, Item{class.Name() + "/" + file.Name(), len(s.Classes)})
			s.files = append(s.files, filepath.Join(s.Dir, class.Name(), file.Name()))
		}
		s.Classes = append(s.Classes, class.Name())
	}
	if len(s.Classes) == 0 {
		return fmt.Errorf("set %s: neither %s nor a folder for each class", s.Dir, classesFile)
	}
	return nil
}

// readTemplates reads one template a line; a set without the file has none.
func readTemplates(name string) ([]string, error) {
	raw, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var templates []string
	for i, line := range lines(raw) {
		t := strings.ReplaceAll(strings.TrimSpace(line), "{c}", "{}")
		if t == "" {
			continue
		}
		if !utf8.ValidString(t) || !strings.Contains(t, "{}") {
			return nil, fmt.Errorf("file %s: line %d: template %q has no {c} for the class", name, i+1, t)
		}
		templates = append(templates, t)
	}
	return templates, nil
}

// lines splits a text file, with or without a last newline, of any system.
func lines(raw []byte) []string {
	text := strings.TrimSuffix(strings.TrimPrefix(string(raw), "\ufeff"), "\n")
	all := strings.Split(text, "\n")
	for i := range all {
		all[i] = strings.TrimSuffix(all[i], "\r")
	}
	return all
}
