package knowledge

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"react/data/jsonfile"
	"strings"
)

// Wiktionary is the definitions of some names, from an extract. It may be used concurrently.
type Wiktionary struct {
	gloss map[string]string
	of    map[string]string // a form or another spelling → the word it is of
}

// OpenWiktionary reads of an extract what is needed for names: the whole English one has a million
// entries.
func OpenWiktionary(path string, names []string) (*Wiktionary, error) {
	w := &Wiktionary{gloss: map[string]string{}, of: map[string]string{}}
	want := map[string]bool{}
	for _, name := range names {
		for _, c := range candidates(name, detached) {
			want[c] = true
		}
	}
	for range 2 { // the second time for the words that forms are of
		if err := w.read(path, want); err != nil {
			return nil, fmt.Errorf("file %s: %w", path, err)
		}
		missing := false
		for _, base := range w.of {
			missing = missing || !want[base]
			want[base] = true
		}
		if !missing {
			break
		}
	}
	return w, nil
}

func (w *Wiktionary) read(path string, want map[string]bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	if mark, err := r.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = r.Discard(len(mark)) // was there
	}
	if first, err := r.Peek(1); err == nil && first[0] == '[' {
		return w.readKLITE(r, want)
	}
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			if e := w.entry(line, want); e != nil {
				return fmt.Errorf("line %d: want wiktextract's JSON lines or K-LITE's JSON: %w", n, e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// wiktextract is a line of kaikki.org's extracts, as far as it is read.
type wiktextract struct {
	Word   string `json:"word"`
	Pos    string `json:"pos"`
	Lang   string `json:"lang_code"`
	Senses []struct {
		Glosses []string `json:"glosses"`
		FormOf  []struct {
			Word string `json:"word"`
		} `json:"form_of"`
		AltOf []struct {
			Word string `json:"word"`
		} `json:"alt_of"`
	} `json:"senses"`
}

// entry keeps the first gloss of a noun, which goes before other parts of speech.
func (w *Wiktionary) entry(line []byte, want map[string]bool) error {
	var e wiktextract
	if err := jsonfile.Unmarshal(line, &e); err != nil {
		return err
	}
	word := strings.ToLower(e.Word)
	if !want[word] || e.Lang != "" && e.Lang != "en" || w.gloss[word] != "" && e.Pos != "noun" {
		return nil
	}
	for _, s := range e.Senses {
		switch {
		case len(s.FormOf) > 0:
			w.of[word] = strings.ToLower(s.FormOf[0].Word)
		case len(s.AltOf) > 0:
			w.of[word] = strings.ToLower(s.AltOf[0].Word)
		case len(s.Glosses) > 0:
			w.gloss[word] = s.Glosses[len(s.Glosses)-1]
		default:
			continue
		}
		return nil
	}
	return nil
}

// readKLITE reads K-LITE's files, which have a definition for each class of a benchmark.
func (w *Wiktionary) readKLITE(r io.Reader, want map[string]bool) error {
	var classes []struct {
		Name       string `json:"classname"`
		Definition string `json:"def_wiki"`
	}
	raw, err := io.ReadAll(r)
	if err == nil {
		err = jsonfile.Named(jsonfile.Unmarshal(raw, &classes), "K-LITE's files")
	}
	if err != nil {
		return err
	}
	for _, c := range classes {
		for _, name := range candidates(c.Name, func(string) []string { return nil })[:min(1, len(c.Name))] {
			if want[name] && c.Definition != "" {
				w.gloss[name] = c.Definition
			}
		}
	}
	return nil
}

// Look gives the definition of a name, or of the word that it is a form of.
func (w *Wiktionary) Look(name string) (string, bool) {
	for _, c := range candidates(name, detached) {
		if gloss := w.gloss[c]; gloss != "" {
			return gloss, true
		}
		if gloss := w.gloss[w.of[c]]; w.of[c] != "" && gloss != "" {
			return gloss, true
		}
	}
	return "", false
}
