package datasets

import (
	"archive/zip"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"react/data/datasets/classnames"
	"react/data/delimited"
	"react/data/jsonfile"
)

// labelFiles name the classes beside a list, one a line in the order of the labels.
var labelFiles = []string{"labels.txt", "labelmap.txt", classesFile}

// wholeLists are lists of all splits: of the Hugging Face hub's imagefolder, and what people
// write. A column "split", or the first folder of the paths, says of which split a row is.
var wholeLists = []string{
	"metadata.csv", "metadata.jsonl", "metadata.tsv", "labels.csv", "labels.tsv", "annotations.csv",
}

// list is a file that lists images.
type list struct {
	path  string
	base  string // folder that its paths are relative to, below the set's; "" is the set's own
	whole bool   // of all splits
}

// findList is the list of a split: the one that the entry names, SPLIT.csv, .tsv or .jsonl,
// SPLIT/metadata.csv, SPLIT.txt beside labels, or a list of all splits. Letter case aside:
// scripts also write Test.csv. ok is false where there is none.
func findList(dir string, o Options) (l list, ok bool) {
	if o.Entry != nil && o.Entry.Kind != "captions" && o.Entry.Splits[o.Split].Index != "" {
		if path := findFile(dir, o.Entry.Splits[o.Split].Index); path != "" {
			return list{path: path}, true
		}
	}
	for _, split := range splitNames(o.Split) {
		names := []string{split + ".csv", split + ".tsv", split + ".jsonl"}
		if labelFile(dir) != "" {
			names = append(names, split+".txt")
		}
		for _, name := range names {
			if path := findFile(dir, name); path != "" {
				return list{path: path}, true
			}
		}
		for _, name := range wholeLists[:3] {
			if path := findFile(filepath.Join(dir, split), name); path != "" && namesLabels(path) {
				return list{path: path, base: split}, true
			}
		}
	}
	for _, name := range wholeLists {
		if path := findFile(dir, name); path != "" && namesLabels(path) {
			return list{path: path, whole: true}, true
		}
	}
	return list{}, false
}

// findFile is the path of a file in a folder whatever the letters' case, "" where there is none.
func findFile(dir, name string) string {
	if path := filepath.Join(dir, name); isFile(path) {
		return path
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); strings.EqualFold(e.Name(), name) && isFile(path) {
			return path
		}
	}
	return ""
}

func labelFile(dir string) string {
	for _, name := range labelFiles {
		if isFile(filepath.Join(dir, name)) {
			return filepath.Join(dir, name)
		}
	}
	return ""
}

func hasList(dir string, o Options) bool { _, ok := findList(dir, o); return ok }

// readList reads a list of images with labels: a table (see readTable) with a column for the file
// and one for the label, which is a number or a class name; vision-datasets' lines
// "PATH LABEL,LABEL" where PATH may be "archive.zip@member"; or a COCO JSON of images, annotations
// and categories.
func (s *Set) readList(o Options) error {
	l, _ := findList(s.Dir, o)
	raw, err := os.ReadFile(l.path)
	if err != nil {
		return err
	}
	if labels := labelFile(s.Dir); labels != "" {
		if s.Classes, err = readNames(labels, o.Entry != nil); err != nil {
			return err
		}
	}
	files := &listed{dir: s.Dir, base: l.base, zips: map[string]*zip.ReadCloser{}}
	s.images = files
	parse := s.parseLines
	switch strings.ToLower(filepath.Ext(l.path)) {
	case ".csv", ".tsv", ".jsonl":
		parse = func(raw []byte, f *listed) error { return s.parseTable(l, raw, f) }
	case ".json":
		parse = s.parseCOCO
	}
	if err := parse(raw, files); err != nil {
		return fmt.Errorf("file %s: %w", l.path, err)
	}
	several := slices.ContainsFunc(s.Many, func(l []int) bool { return len(l) != 1 })
	if !several && (o.Entry == nil || o.Entry.Kind != "multi-label") {
		s.Many = nil
	}
	if len(s.Classes) == 0 && o.Entry == nil {
		return fmt.Errorf("file %s: nothing names the classes (%s beside it, or labels that are names)", l.path, labelFiles[0])
	}
	return s.dropAbsent(files.absent(), o.MaxBadShare)
}

// addListed appends an image with its labels.
func (s *Set) addListed(f *listed, path string, labels []int) error {
	path, err := f.place(path)
	if err != nil {
		return err
	}
	first := -1
	if len(labels) > 0 {
		first = labels[0]
	}
	s.Items = append(s.Items, Item{path, first})
	s.Many = append(s.Many, labels)
	f.paths = append(f.paths, path)
	return nil
}

// parseLines reads "PATH LABEL,LABEL"; only the path may hold spaces.
func (s *Set) parseLines(raw []byte, f *listed) error {
	for i, line := range delimited.Split(raw) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		path, rest := line, ""
		if at := strings.LastIndexByte(line, ' '); at >= 0 {
			path, rest = line[:at], line[at+1:]
		}
		var labels []int
		for _, part := range strings.Split(rest, ",") {
			label, err := strconv.Atoi(part)
			if err != nil {
				return fmt.Errorf("line %d: label %q is not a number (PATH LABEL, or PATH LABEL,LABEL)", i+1, part)
			}
			labels = append(labels, label)
		}
		if err := s.addListed(f, path, labels); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return nil
}

// parseTable adds the rows of a table that are of the split. Labels that are names make the
// classes, sorted, where no file lists them; those of all splits, so that each split has the same.
func (s *Set) parseTable(l list, raw []byte, f *listed) error {
	t, err := readTable(l.path, raw)
	if err != nil {
		return err
	}
	path, err := t.column(pathColumns)
	if err != nil {
		return err
	}
	label, err := t.column(labelColumns)
	if err != nil {
		return err
	}
	if path < 0 || label < 0 {
		return fmt.Errorf("line 1: columns %q: want one for the file (such as %s) and one for the label (such as %s)",
			t.columns, pathColumns[0], labelColumns[0])
	}
	for _, r := range t.rows {
		r.values[path], r.values[label] = strings.TrimSpace(r.values[path]), strings.TrimSpace(r.values[label])
		if r.values[path] == "" || r.values[label] == "" {
			return fmt.Errorf("line %d: path %q and label %q: neither may be empty", r.line, r.values[path], r.values[label])
		}
	}
	isName := func(r row) bool { _, err := strconv.Atoi(r.values[label]); return err != nil }
	if len(s.Classes) == 0 && slices.ContainsFunc(t.rows, isName) {
		for _, r := range t.rows {
			s.Classes = append(s.Classes, r.values[label])
		}
		slices.Sort(s.Classes)
		s.Classes = slices.Compact(s.Classes)
	}
	rows := t.rows
	if l.whole {
		if rows, err = t.ofSplit(s.Split, path); err != nil {
			return err
		}
	}
	places := map[string]int{}
	for i, class := range slices.Backward(s.Classes) {
		places[class] = i // of two alike the first
	}
	for _, r := range rows {
		at, ok := places[r.values[label]]
		if !ok {
			if at, err = strconv.Atoi(r.values[label]); err != nil {
				return fmt.Errorf("line %d: %q is none of %d classes", r.line, r.values[label], len(s.Classes))
			}
		}
		if err := s.addListed(f, r.values[path], []int{at}); err != nil {
			return fmt.Errorf("line %d: %w", r.line, err)
		}
	}
	return nil
}

// parseCOCO reads images, annotations with category_id, and categories, which are the labels in the
// order of their ids.
func (s *Set) parseCOCO(raw []byte, f *listed) error {
	type category struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	var in struct {
		Images []struct {
			ID   json.RawMessage `json:"id"`
			Name string          `json:"file_name"`
			Zip  string          `json:"zip_file"`
		} `json:"images"`
		Annotations []struct {
			Image    json.RawMessage `json:"image_id"`
			Category int             `json:"category_id"`
		} `json:"annotations"`
		Categories []category `json:"categories"`
	}
	if err := jsonfile.Unmarshal(raw, &in); err != nil {
		return jsonfile.Named(err, "COCO's")
	}
	slices.SortFunc(in.Categories, func(a, b category) int { return cmp.Compare(a.ID, b.ID) })
	at := map[int]int{}
	s.Classes = nil
	for i, c := range in.Categories {
		at[c.ID] = i
		s.Classes = append(s.Classes, c.Name)
	}
	labels := map[string][]int{}
	for i, a := range in.Annotations {
		label, ok := at[a.Category]
		if !ok {
			return fmt.Errorf("annotation %d: no category %d", i, a.Category)
		}
		labels[string(a.Image)] = append(labels[string(a.Image)], label)
	}
	for i, image := range in.Images {
		path := image.Name
		if image.Zip != "" {
			path = image.Zip + "@" + path
		}
		if err := s.addListed(f, path, labels[string(image.ID)]); err != nil {
			return fmt.Errorf("image %d: %w", i, err)
		}
	}
	return nil
}

// readNames reads class names, which may repeat where a catalogue's entry settles what they are.
func readNames(path string, known bool) ([]string, error) {
	if !known {
		return classnames.Read(path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, line := range delimited.Split(raw) {
		if line = strings.TrimSpace(line); line != "" {
			names = append(names, line)
		}
	}
	return names, nil
}
