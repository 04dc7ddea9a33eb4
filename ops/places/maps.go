package places

import (
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/data/datasets/classnames"
	"react/data/labelmap"
	"react/data/world"
	"react/ops/op"
)

// Maps are pictures with a label map each.
type Maps struct {
	Pictures
	Keys    []string          // of the pictures: their names without ending
	Classes []string          // by label, for tables
	Names   []catalogue.Names // for prompts
	Scheme  labelmap.Scheme   // of the labels
	maps    []string          // files
}

// OpenMaps finds the label maps of role "dataset" and the picture of each: a set of a generated pool,
// or the files of role "dataset" with those of role "images", joined by their names without ending.
// Classes are those of the benchmark, else of the file classes.txt beside the maps.
func OpenMaps(run *op.Run, name string, entry *catalogue.Dense) (*Maps, error) {
	if name == "" {
		return openMaps(run.Files["dataset"], run.Files["images"], entry)
	}
	dir, err := run.Input("dataset")
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "sets", name)
	labels := op.Files{Root: filepath.Join(dir, world.LabelsDir)}
	images := op.Files{Root: filepath.Join(dir, world.ImagesDir)}
	for _, f := range []*op.Files{&labels, &images} {
		if f.Paths, err = datasets.FilesBelow(f.Root); err != nil {
			return nil, err
		}
	}
	return openMaps(labels, images, entry)
}

// CheckMaps says what is wrong with label maps, as far as it is seen without their pixels.
func CheckMaps(labels, images op.Files, entry *catalogue.Dense) error {
	_, err := openMaps(labels, images, entry)
	return err
}

func openMaps(labels, images op.Files, entry *catalogue.Dense) (*Maps, error) {
	m := &Maps{Pictures: Pictures{Dir: images.Root}}
	if err := m.join(labels.Paths, images.Paths); err != nil {
		return nil, err
	}
	return m, m.name(entry, filepath.Join(labels.Root, world.ClassesFile))
}

// join pairs label maps with pictures.
func (m *Maps) join(labels, pictures []string) error {
	at := map[string]string{}
	for _, path := range pictures {
		if datasets.IsImage(path) {
			at[stem(path)] = path
		}
	}
	for _, path := range labels {
		if !strings.EqualFold(filepath.Ext(path), ".png") {
			continue
		}
		key := stem(path)
		picture, ok := at[key]
		if !ok {
			return fmt.Errorf("label map %s has no picture in %s (%s with the ending of an image)", path, m.Dir, key)
		}
		rel, err := filepath.Rel(m.Dir, picture)
		if err != nil {
			return err
		}
		m.Keys, m.maps = append(m.Keys, key), append(m.maps, path)
		m.Files = append(m.Files, filepath.ToSlash(rel))
	}
	if len(m.Keys) == 0 {
		return fmt.Errorf("no label map (.png) for the pictures in %s", m.Dir)
	}
	return nil
}

// stem is a file's name without what differs between a picture and its label map.
func stem(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(strings.TrimSuffix(base, filepath.Ext(base)), "_labelTrainIds")
}

// name finds out what the labels are called, and what numbers stand for them.
func (m *Maps) name(entry *catalogue.Dense, list string) (err error) {
	if entry != nil {
		for _, name := range entry.ClassNames() {
			m.Names = append(m.Names, catalogue.Names{name})
		}
		m.Classes = entry.Classes
		m.Scheme, err = labelmap.SchemeOf(entry.Name)
		return err
	}
	if m.Classes, err = classnames.Read(list); err != nil {
		return fmt.Errorf("what the labels mean: %w (a benchmark, or this file with a class a line)", err)
	}
	for _, c := range m.Classes {
		m.Names = append(m.Names, catalogue.Names{catalogue.CategoryName(c)})
	}
	if m.Scheme.Classes = len(m.Classes); m.Scheme.Classes > labelmap.Ignored {
		return fmt.Errorf("%s: %d classes (at most %d)", list, m.Scheme.Classes, labelmap.Ignored)
	}
	return nil
}

// fits says where a label map is of another size than its picture.
func (m *Maps) fits(at, height, width int) error {
	f, err := os.Open(m.maps[at])
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := png.DecodeConfig(f)
	if err != nil {
		return fmt.Errorf("label map %s: %w", m.maps[at], err)
	}
	if c.Height != height || c.Width != width {
		return fmt.Errorf("label map %s has %d x %d pixels, its picture %d x %d",
			m.maps[at], c.Width, c.Height, width, height)
	}
	return nil
}

// Truth are the true labels of a picture's pixels.
func (m *Maps) Truth(at int) (*labelmap.Map, error) { return labelmap.Read(m.maps[at], m.Scheme) }
