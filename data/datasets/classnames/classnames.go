// Package classnames reads lists of class names, other names of classes (ReadSynonyms), and says
// how two lists differ (Difference).
package classnames

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"react/data/delimited"
)

// Read reads a list of class names: a .json file with a list of strings,
// or text with one a line. A name that is empty, not UTF-8 or there twice is an
// error that names file and line.
func Read(path string) ([]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parse := parseLines
	if strings.EqualFold(filepath.Ext(path), ".json") {
		parse = parseJSON
	}
	classes, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return classes, nil
}

// Checked are the names without white space around them, or what is wrong with one.
func Checked(list []string) ([]string, error) {
	var n names
	for i, class := range list {
		if err := n.add(class, i+1); err != nil {
			return nil, err
		}
	}
	return n.classes, nil
}

// names collects classes and the lines they are on, and checks each.
type names struct {
	classes []string
	lines   map[string]int // 1-based
}

func (n *names) add(class string, line int) error {
	if n.lines == nil {
		n.lines = map[string]int{}
	}
	class = strings.TrimSpace(class)
	switch {
	case class == "":
		return fmt.Errorf("line %d: class name is empty", line)
	case !utf8.ValidString(class):
		return fmt.Errorf("line %d: class name %q is not UTF-8", line, class)
	case n.lines[class] > 0:
		return fmt.Errorf("line %d: class %q is also on line %d", line, class, n.lines[class])
	}
	n.lines[class] = line
	n.classes = append(n.classes, class)
	return nil
}

func parseLines(raw []byte) ([]string, error) {
	var n names
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, errors.New("no classes")
	}
	for i, line := range delimited.Split(raw) {
		if err := n.add(line, i+1); err != nil {
			return nil, err
		}
	}
	return n.classes, nil
}

func parseJSON(raw []byte) ([]string, error) {
	if !utf8.Valid(raw) { // the decoder would replace what is not
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	line := func() int { return 1 + bytes.Count(raw[:min(d.InputOffset(), int64(len(raw)))], []byte("\n")) }
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", line(), early(err))
	}
	if t != json.Delim('[') {
		return nil, fmt.Errorf("line %d: want a list of class names, got %v", line(), t)
	}
	var n names
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line(), early(err))
		}
		class, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("line %d: want a class name, got %v", line(), t)
		}
		if err := n.add(class, line()); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("line %d: %w", line(), early(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("line %d: something follows the list", line())
	}
	if len(n.classes) == 0 {
		return nil, errors.New("no classes")
	}
	return n.classes, nil
}

// early says what an end inside the list is.
func early(err error) error {
	if err == io.EOF {
		return errors.New("ends inside the list")
	}
	return err
}
