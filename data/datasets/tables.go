package datasets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"react/data/delimited"
	"react/data/jsonfile"
)

// Names of the columns of lists, letter case aside, those that are most certain first.
var (
	pathColumns = []string{
		"path", "file_name", "filename", "file", "filepath", "file_path", "image", "image_path", "img", "img_path", "image_file",
	}
	labelColumns = []string{"label", "class", "class_name", "classname", "label_name", "category", "classid", "class_id", "target"}
	splitColumns = []string{"split", "set", "subset", "usage"}
)

// table is a list with named columns.
type table struct {
	columns []string
	rows    []row
}

// row has a value for each column; line is 1-based.
type row struct {
	values []string
	line   int
}

// readTable reads a .csv or .tsv with a header (see package delimited), or JSON lines of flat
// objects.
func readTable(name string, raw []byte) (table, error) {
	if !utf8.Valid(raw) {
		return table{}, errors.New("not UTF-8")
	}
	ext := strings.ToLower(filepath.Ext(name))
	if ext == ".jsonl" {
		return readJSONLines(raw)
	}
	r, err := delimited.NewReader(bytes.NewReader(raw), ext)
	if err != nil {
		return table{}, err
	}
	t := table{columns: r.Head}
	for {
		values, err := r.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return t, err
		}
		t.rows = append(t.rows, row{slices.Clone(values), r.Line()})
	}
}

// readJSONLines takes texts and numbers; the columns are the names that any line has.
func readJSONLines(raw []byte) (table, error) {
	var t table
	var objects []map[string]json.RawMessage
	var at []int
	for i, line := range delimited.Split(raw) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var o map[string]json.RawMessage
		if err := jsonfile.Record([]byte(line), &o); err != nil {
			return t, fmt.Errorf("line %d: %w", i+1, jsonfile.Named(err, `an object, such as {"file_name": "a.png", "label": "cat"}`))
		}
		for name := range o {
			if !slices.Contains(t.columns, name) {
				t.columns = append(t.columns, name)
			}
		}
		if len(t.columns) > 1000 {
			return t, fmt.Errorf("line %d: over 1000 names", i+1)
		}
		objects, at = append(objects, o), append(at, i+1)
	}
	if len(t.columns) == 0 {
		return t, errors.New("no rows")
	}
	slices.Sort(t.columns)
	for i, o := range objects {
		r := row{make([]string, len(t.columns)), at[i]}
		for j, name := range t.columns {
			r.values[j] = scalarText(o[name])
		}
		t.rows = append(t.rows, r)
	}
	return t, nil
}

// scalarText is a JSON text or number as text; others stay as they are written.
func scalarText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// column is the place of the first name that the table has, -1 for none. A name that two columns
// have, letter case aside, is an error.
func (t table) column(names []string) (int, error) {
	for _, name := range names {
		at := -1
		for i, c := range t.columns {
			if !strings.EqualFold(c, name) {
				continue
			}
			if at >= 0 {
				return -1, fmt.Errorf("columns %q and %q are both %s: which one is meant is not clear", t.columns[at], c, names[0])
			}
			at = i
		}
		if at >= 0 {
			return at, nil
		}
	}
	return -1, nil
}

// namesLabels says whether a list of all splits has labels: the hub's metadata may hold captions
// alone, beside a folder for each class. A list that cannot be read is one: reading it says why.
func namesLabels(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return true
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return true
	}
	if end := bytes.IndexByte(head, '\n'); end >= 0 {
		head = head[:end+1]
	}
	t, err := readTable(name, head)
	if err != nil {
		return true
	}
	path, pathErr := t.column(pathColumns)
	label, labelErr := t.column(labelColumns)
	return pathErr != nil || labelErr != nil || path >= 0 && label >= 0
}

// ofSplit are the rows of a split: by a column that says it, by the first folder of the paths
// where that is a split's name, else all rows, which are then the test split.
func (t table) ofSplit(split string, path int) ([]row, error) {
	of := func(row) string { return "" }
	c, err := t.column(splitColumns)
	if err != nil {
		return nil, err
	}
	if c >= 0 {
		of = func(r row) string { return r.values[c] }
	} else if slices.ContainsFunc(t.rows, func(r row) bool { return isSplitName(firstFolder(r.values[path])) }) {
		of = func(r row) string { return firstFolder(r.values[path]) }
	} else if split == testFolder {
		return t.rows, nil
	}
	for _, name := range splitNames(split) {
		var rows []row
		for _, r := range t.rows {
			if strings.EqualFold(of(r), name) {
				rows = append(rows, r)
			}
		}
		if len(rows) > 0 {
			return rows, nil
		}
	}
	return nil, fmt.Errorf("no rows of split %q", split)
}

func firstFolder(path string) string {
	first, _, ok := strings.Cut(filepath.ToSlash(path), "/")
	if !ok {
		return ""
	}
	return first
}

func isSplitName(name string) bool {
	return slices.Contains([]string{"train", testFolder}, name) || slices.Contains(splitNames("val"), name)
}
