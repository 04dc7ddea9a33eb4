package datasets

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"react/data/caught"
	"react/data/glob"

	"github.com/parquet-go/parquet-go"
)

// parquetFiles are the files of a split as the Hugging Face hub names them:
// data/test-00000-of-00002.parquet, test/0.parquet, or in the folder of a configuration, as
// plain_text/test-00000-of-00001.parquet.
func parquetFiles(dir, split string) []string {
	for _, name := range splitNames(split) {
		for _, pattern := range []string{"data/" + name + "-*.parquet", name + "-*.parquet", name + ".parquet", "data/" + name + ".parquet", name + "/*.parquet", "*/" + name + "-*.parquet"} {
			if files, err := glob.In(dir, pattern); err == nil && len(files) > 0 {
				return files // sorted
			}
		}
	}
	return nil
}

func hasParquet(dir string, o Options) bool { return len(parquetFiles(dir, o.Split)) > 0 }

// readParquet reads a table with a column of images (a group of bytes and path, or bytes) and one
// of labels, as datasets.Image and datasets.ClassLabel are stored; the names of the classes are in
// the file's own description.
func (s *Set) readParquet(o Options) error {
	images := &parquetImages{kept: keptPages{limit: maxKept}}
	s.images = images
	files := parquetFiles(s.Dir, o.Split)
	for _, name := range files {
		if folder := filepath.Dir(files[0]); filepath.Dir(name) != folder {
			return fmt.Errorf("set %s: the split is in several configurations, %s and %s: name the folder of one", s.Dir, filepath.Base(folder), filepath.Base(filepath.Dir(name)))
		}
		err := caught.Do("", func() error { return s.addParquet(name, images) })
		if err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
	}
	if len(s.Classes) == 0 && o.Entry == nil {
		return fmt.Errorf("set %s: the parquet files do not name the classes (features of the Hugging Face hub, or a dataset of the catalogue)", s.Dir)
	}
	return nil
}

func (s *Set) addParquet(name string, images *parquetImages) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	images.files = append(images.files, f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return err
	}
	image, label, err := hubColumns(p)
	if err != nil {
		return err
	}
	if classes := hubClasses(p, p.Schema().Columns()[label][0]); len(s.Classes) == 0 {
		s.Classes = classes
	} else if len(classes) > 0 && !slices.Equal(classes, s.Classes) {
		return errors.New("names other classes than the files before it")
	}
	if n := p.NumRows(); n < 0 || n > maxSetRows {
		return fmt.Errorf("%d rows, over %d", n, maxSetRows)
	}
	for g, group := range p.RowGroups() {
		labels, err := columnInts(group.ColumnChunks()[label])
		if err != nil {
			return fmt.Errorf("row group %d: column %s: %w", g, strings.Join(p.Schema().Columns()[label], "."), err)
		}
		if int64(len(labels)) != group.NumRows() {
			return fmt.Errorf("row group %d: %d labels for %d rows: an image has several or none", g, len(labels), group.NumRows())
		}
		images.groups = append(images.groups, &imageGroup{chunk: group.ColumnChunks()[image], first: len(s.Items), name: name,
			column: strings.Join(p.Schema().Columns()[image], "."), kept: &images.kept})
		for _, l := range labels {
			s.Items = append(s.Items, Item{strconv.Itoa(len(s.Items)), l})
		}
	}
	return nil
}

// hubColumns finds the leaf columns of image bytes and labels.
func hubColumns(p *parquet.File) (image, label int, err error) {
	image, label = -1, -1
	for i, path := range p.Schema().Columns() {
		switch name := strings.Join(path, "."); {
		case slices.Contains([]string{"image.bytes", "img.bytes", "image", "img", "jpg", "webp", "png"}, name):
			image = i
		case slices.Contains([]string{"label", "labels", "fine_label", "cls", "class"}, name):
			label = i
		}
	}
	if image < 0 || label < 0 {
		var names []string
		for _, path := range p.Schema().Columns() {
			names = append(names, strings.Join(path, "."))
		}
		return 0, 0, fmt.Errorf("want columns image.bytes and label, and it has %s", strings.Join(names, ", "))
	}
	return image, label, nil
}

// hubClasses reads the names of a ClassLabel from the metadata that the datasets library writes;
// nil where there is none.
func hubClasses(p *parquet.File, column string) []string {
	raw, ok := p.Lookup("huggingface")
	if !ok {
		return nil
	}
	var meta struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"` // of a list of values: a list
		} `json:"info"`
	}
	var label struct {
		Names []string `json:"names"`
	}
	if json.Unmarshal([]byte(raw), &meta) != nil || json.Unmarshal(meta.Info.Features[column], &label) != nil {
		return nil
	}
	return label.Names
}

// columnInts reads a whole column of integers; nulls are left out.
func columnInts(chunk parquet.ColumnChunk) ([]int, error) {
	pages := chunk.Pages()
	defer pages.Close()
	var out []int
	err := eachPage(pages, func(values []parquet.Value) error {
		for _, v := range values {
			if v.IsNull() {
				continue
			}
			if v.Kind() != parquet.Int32 && v.Kind() != parquet.Int64 {
				return fmt.Errorf("holds %v, want integers", v.Kind())
			}
			out = append(out, int(v.Int64()))
		}
		if len(out) > maxSetRows {
			return fmt.Errorf("over %d values", maxSetRows)
		}
		return nil
	})
	return out, err
}

// parquetImages reads images by row. A page holds many images and is decoded as a whole, so the
// last page of each row group is kept.
type parquetImages struct {
	files  []*os.File
	groups []*imageGroup
	kept   keptPages
}

type imageGroup struct {
	name  string
	chunk parquet.ColumnChunk
	first int // item of row 0

	column string
	kept   *keptPages // of the set

	mu     sync.Mutex
	start  int // row of images[0]
	images [][]byte
	size   int64 // of images, for kept
}

func (p *parquetImages) read(i int) ([]byte, error) {
	at, ok := slices.BinarySearchFunc(p.groups, i, func(g *imageGroup, i int) int { return g.first - i })
	if !ok {
		at--
	}
	g := p.groups[at]
	raw, err := g.row(i - g.first)
	if err != nil {
		return nil, fmt.Errorf("file %s: column %s: row %d of its row group: %w", g.name, g.column, i-g.first, err)
	}
	return raw, nil
}

func (g *imageGroup) row(row int) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if row < g.start || row >= g.start+len(g.images) {
		if err := g.load(row); err != nil {
			return nil, err
		}
	}
	if raw := g.images[row-g.start]; len(raw) > 0 {
		return raw, nil
	}
	return nil, errNoImage
}

// load keeps the images of the page that holds a row.
func (g *imageGroup) load(row int) error {
	g.images = nil
	images, size, err := pageImages(g.chunk, row)
	if err == nil {
		g.start, g.images = row, images
	}
	g.kept.keep(g, size)
	return err
}

func (p *parquetImages) close() error {
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
