package knowledge

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// WordNetFiles are the files of the database that are read.
var WordNetFiles = []string{"index.noun", "data.noun", "noun.exc"}

// WordNet is the nouns of a WordNet database. It may be used concurrently.
type WordNet struct {
	path   string // of data.noun
	senses map[string][]int64
	forms  map[string][]string // irregular form → base forms
	data   []byte
}

// OpenWordNet reads the database in a folder.
func OpenWordNet(dir string) (*WordNet, error) {
	w := &WordNet{path: filepath.Join(dir, "data.noun"), senses: map[string][]int64{}, forms: map[string][]string{}}
	for name, line := range map[string]func([]string) error{"index.noun": w.index, "noun.exc": w.exception} {
		if err := eachLine(filepath.Join(dir, name), line); err != nil {
			return nil, err
		}
	}
	var err error
	w.data, err = os.ReadFile(w.path)
	return w, err
}

// eachLine calls fn with the fields of every line that is no part of the licence, which is
// indented.
func eachLine(path string, fn func(fields []string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewScanner(f)
	r.Buffer(nil, 1<<20)
	for n := 1; r.Scan(); n++ {
		if strings.HasPrefix(r.Text(), " ") || r.Text() == "" {
			continue
		}
		if err := fn(strings.Fields(r.Text())); err != nil {
			return fmt.Errorf("file %s: line %d: %w", path, n, err)
		}
	}
	return r.Err()
}

// index reads lemma, part of speech, number of synsets, number of kinds of pointers, those, two
// counts, offsets.
func (w *WordNet) index(f []string) error {
	if len(f) < 7 {
		return errors.New("not a line of WordNet's index")
	}
	kinds, err := strconv.Atoi(f[3])
	if err != nil || kinds < 0 || 6+kinds >= len(f) {
		return errors.New("not a line of WordNet's index")
	}
	for _, text := range f[6+kinds:] {
		at, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		w.senses[f[0]] = append(w.senses[f[0]], at)
	}
	return nil
}

func (w *WordNet) exception(f []string) error {
	w.forms[f[0]] = append(w.forms[f[0]], f[1:]...)
	return nil
}

// synset is a line of data.noun.
type synset struct {
	words     []string
	hypernyms []int64
	gloss     string
}

// at reads the synset at an offset.
func (w *WordNet) at(offset int64) (synset, error) {
	var s synset
	if offset < 0 || offset >= int64(len(w.data)) {
		return s, fmt.Errorf("%s: no synset at %d: %w", w.path, offset, io.ErrUnexpectedEOF)
	}
	line, _, _ := bytes.Cut(w.data[offset:], []byte("\n"))
	before, gloss, ok := strings.Cut(string(line), " | ")
	f := strings.Fields(before)
	bad := fmt.Errorf("%s: the synset at %d is not one", w.path, offset)
	if !ok || len(f) < 6 {
		return s, bad
	}
	count, err := strconv.ParseInt(f[3], 16, 32)
	if err != nil || len(f) < 5+2*int(count) {
		return s, bad
	}
	for i := range int(count) {
		s.words = append(s.words, strings.ReplaceAll(f[4+2*i], "_", " "))
	}
	for p := f[5+2*count:]; len(p) >= 4; p = p[4:] {
		if p[0] == "@" || p[0] == "@i" {
			if up, err := strconv.ParseInt(p[1], 10, 64); err == nil {
				s.hypernyms = append(s.hypernyms, up)
			}
		}
	}
	s.gloss = strings.TrimSpace(gloss)
	return s, nil
}

// find gives the first sense of a name.
func (w *WordNet) find(name string) (synset, bool) {
	for _, candidate := range candidates(name, w.base) {
		if offsets := w.senses[strings.ReplaceAll(candidate, " ", "_")]; len(offsets) > 0 {
			s, err := w.at(offsets[0])
			return s, err == nil
		}
	}
	return synset{}, false
}

func (w *WordNet) base(word string) []string { return append(w.forms[word], detached(word)...) }

// definition is the gloss of the first sense, without its examples.
func (w *WordNet) definition(name string) (string, bool) {
	s, ok := w.find(name)
	gloss, _, _ := strings.Cut(s.gloss, "; \"")
	return gloss, ok
}

// Path names the first sense and what it is a kind of, by the first word of each, from the nearest;
// at most n.
func (w *WordNet) Path(name string, n int) ([]string, bool) {
	s, ok := w.find(name)
	if !ok {
		return nil, false
	}
	path := []string{s.words[0]}
	for len(path) < n && len(s.hypernyms) > 0 {
		up, err := w.at(s.hypernyms[0])
		if err != nil || len(up.words) == 0 {
			break
		}
		path, s = append(path, up.words[0]), up
	}
	return path, true
}

// Definitions and Paths are the two things that WordNet says of a name.
type (
	Definitions struct{ *WordNet }
	Paths       struct {
		*WordNet
		Steps int // K-LITE takes 3
	}
)

// Look gives the definition.
func (d Definitions) Look(name string) (string, bool) { return d.definition(name) }

// Look gives the path, with commas between its steps.
func (p Paths) Look(name string) (string, bool) {
	path, ok := p.Path(name, p.Steps)
	return strings.Join(path, " , "), ok
}
