package datasets

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"react/data/delimited"
	"react/data/jsonfile"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// labelFiles name the classes beside a list, one a line in the order of the labels.
var labelFiles = []string{"labels.txt", "labelmap.txt", classesFile}

// listFile is the list of a split: the one that the entry names, SPLIT.csv, or SPLIT.txt beside labels. "" where there is none.
func listFile(dir string, o Options) string {
	var names []string
	if o.Entry != nil && o.Entry.Kind != "captions" && o.Entry.Splits[o.Split].Index != "" {
		names = append(names, o.Entry.Splits[o.Split].Index)
	}
	for _, split := range splitNames(o.Split) {
		names = append(names, split+".csv")
		if labelFile(dir) != "" {
			names = append(names, split+".txt")
		}
	}
	for _, name := range names {
		if isFile(filepath.Join(dir, name)) {
			return filepath.Join(dir, name)
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

func hasList(dir string, o Options) bool { return listFile(dir, o) != "" }

// readList reads a list of images with labels: CSV with the columns path (or image, file, filename) and label, the label a number or a class
// name; vision-datasets' lines "PATH LABEL,LABEL" where PATH may be "archive.zip@member"; or a COCO JSON of images, annotations and categories.
func (s *Set) readList(o Options) error {
	name := listFile(s.Dir, o)
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if labels := labelFile(s.Dir); labels != "" {
		if s.Classes, err = readNames(labels, o.Entry != nil); err != nil {
			return err
		}
	}
	files := &listed{dir: s.Dir, zips: map[string]*zip.ReadCloser{}}
	s.images = files
	parse := s.parseLines
	switch filepath.Ext(name) {
	case ".csv":
		parse = s.parseCSV
	case ".json":
		parse = s.parseCOCO
	}
	if err := parse(raw, files); err != nil {
		return fmt.Errorf("file %s: %w", name, err)
	}
	several := slices.ContainsFunc(s.Many, func(l []int) bool { return len(l) != 1 })
	if !several && (o.Entry == nil || o.Entry.Kind != "multi-label") {
		s.Many = nil
	}
	if len(s.Classes) == 0 && o.Entry == nil {
		return fmt.Errorf("file %s: nothing names the classes (%s beside it, or labels that are names)", name, labelFiles[0])
	}
	return files.missing(s.Items)
}

// addListed appends an image with its labels.
func (s *Set) addListed(f *listed, path string, labels []int) {
	first := -1
	if len(labels) > 0 {
		first = labels[0]
	}
	s.Items = append(s.Items, Item{path, first})
	s.Many = append(s.Many, labels)
	f.paths = append(f.paths, path)
}

// parseLines reads "PATH LABEL,LABEL"; only the path may hold spaces.
func (s *Set) parseLines(raw []byte, f *listed) error {
	for i, line := range lines(raw) {
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
		s.addListed(f, path, labels)
	}
	return nil
}

// parseCSV reads a table with a header. Labels that are names make the classes, sorted, where no file lists them.
func (s *Set) parseCSV(raw []byte, f *listed) error {
	rows, err := listRows(raw)
	if err != nil {
		return err
	}
	if len(s.Classes) == 0 && slices.ContainsFunc(rows, func(r listRow) bool { _, err := strconv.Atoi(r.label); return err != nil }) {
		for _, r := range rows {
			s.Classes = append(s.Classes, r.label)
		}
		slices.Sort(s.Classes)
		s.Classes = slices.Compact(s.Classes)
	}
	at := map[string]int{}
	for i, class := range slices.Backward(s.Classes) {
		at[class] = i // of two alike the first
	}
	for _, r := range rows {
		label, ok := at[r.label]
		if !ok {
			if label, err = strconv.Atoi(r.label); err != nil {
				return fmt.Errorf("line %d: %q is none of %d classes", r.line, r.label, len(s.Classes))
			}
		}
		s.addListed(f, r.path, []int{label})
	}
	return nil
}

// listRow is an image of a table and its label, as text.
type listRow struct {
	path, label string
	line        int // 1-based
}

func listRows(raw []byte) ([]listRow, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	table, err := delimited.NewReader(bytes.NewReader(raw), ".csv")
	if err != nil {
		return nil, err
	}
	path, err := table.Column("path", "image", "file", "filename", "file_name")
	if err != nil {
		return nil, err
	}
	label, err := table.Column("label", "class")
	if err != nil {
		return nil, err
	}
	if path < 0 || label < 0 {
		return nil, fmt.Errorf("line 1: columns %q: want path and label", table.Head)
	}
	var rows []listRow
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		r := listRow{strings.TrimSpace(row[path]), strings.TrimSpace(row[label]), table.Line()}
		if r.path == "" || r.label == "" {
			return nil, fmt.Errorf("line %d: path %q and label %q: neither may be empty", r.line, r.path, r.label)
		}
		rows = append(rows, r)
	}
}

// parseCOCO reads images, annotations with category_id, and categories, which are the labels in the order of their ids.
func (s *Set) parseCOCO(raw []byte, f *listed) error {
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
		Categories []struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		} `json:"categories"`
	}
	if err := jsonfile.Unmarshal(raw, &in); err != nil {
		return jsonfile.Named(err, "COCO's")
	}
	slices.SortFunc(in.Categories, func(a, b struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}) int {
		return cmp.Compare(a.ID, b.ID)
	})
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
	for _, image := range in.Images {
		path := image.Name
		if image.Zip != "" {
			path = image.Zip + "@" + path
		}
		s.addListed(f, path, labels[string(image.ID)])
	}
	return nil
}

// listed are images by path below a folder, or in zips there, as "archive.zip@member".
type listed struct {
	dir   string
	paths []string
	mu    sync.Mutex
	zips  map[string]*zip.ReadCloser
	at    map[string]map[string]*zip.File // zip → member
}

// missing names the first images that are not there, with how many.
func (l *listed) missing(items []Item) error {
	gone, first := 0, ""
	for i, path := range l.paths {
		if l.has(path) {
			continue
		}
		if gone++; gone == 1 {
			first = items[i].Key
		}
	}
	if gone > 0 {
		return fmt.Errorf("set %s: %d of %d listed images are not there, the first is %s", l.dir, gone, len(items), first)
	}
	return nil
}

func (l *listed) has(path string) bool {
	archive, member, ok := splitZip(path)
	if !ok {
		return isFile(filepath.Join(l.dir, path))
	}
	_, err := l.member(archive, member)
	return err == nil
}

func splitZip(path string) (archive, member string, ok bool) {
	at := strings.Index(path, ".zip@")
	if at < 0 {
		return "", "", false
	}
	return path[:at+4], path[at+5:], true
}

func (l *listed) member(archive, member string) (*zip.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.zips[archive]; !ok {
		z, err := zip.OpenReader(filepath.Join(l.dir, archive))
		if err != nil {
			return nil, err
		}
		l.zips[archive] = z
		if l.at == nil {
			l.at = map[string]map[string]*zip.File{}
		}
		l.at[archive] = map[string]*zip.File{}
		for _, f := range z.File {
			l.at[archive][f.Name] = f
		}
	}
	f, ok := l.at[archive][member]
	if !ok {
		return nil, fmt.Errorf("file %s: no member %s", filepath.Join(l.dir, archive), member)
	}
	return f, nil
}

func (l *listed) read(i int) ([]byte, error) {
	archive, member, ok := splitZip(l.paths[i])
	if !ok {
		return os.ReadFile(filepath.Join(l.dir, l.paths[i]))
	}
	f, err := l.member(archive, member)
	if err != nil {
		return nil, err
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("file %s: %s: %w", filepath.Join(l.dir, archive), member, err)
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (l *listed) file(i int) string {
	if _, _, zipped := splitZip(l.paths[i]); zipped {
		return ""
	}
	return filepath.Join(l.dir, l.paths[i])
}

func (l *listed) close() error {
	var errs []error
	for _, z := range l.zips {
		errs = append(errs, z.Close())
	}
	return errors.Join(errs...)
}

// readNames reads class names, which may repeat where a catalogue's entry settles what they are.
func readNames(path string, known bool) ([]string, error) {
	if !known {
		return ReadClasses(path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, line := range lines(raw) {
		if line = strings.TrimSpace(line); line != "" {
			names = append(names, line)
		}
	}
	return names, nil
}
