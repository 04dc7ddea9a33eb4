package places

import (
	"fmt"
	stdimage "image"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/data/datasets/classnames"
	"react/data/world"
	"react/ops/op"
)

// Ignored is the true label of pixels that are left out of what is measured.
const Ignored = 255

// Maps are pictures with a label map each.
type Maps struct {
	Pictures
	Keys    []string          // of the pictures: their names without ending
	Classes []string          // by label, for tables
	Names   []catalogue.Names // for prompts
	maps    []string          // files
}

// Labels are the classes of a picture's pixels.
type Labels struct {
	Height, Width int
	Values        []uint16 // [Height, Width]
}

// OpenMaps finds the label maps of role "dataset" and the picture of each: a set of a generated pool,
// or the files of role "dataset" with those of role "images", joined by their names without ending.
// Classes are those of the file classes.txt beside the maps.
func OpenMaps(run *op.Run, name string) (*Maps, error) {
	if name == "" {
		return openMaps(run.Files["dataset"], run.Files["images"])
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
	return openMaps(labels, images)
}

// CheckMaps says what is wrong with label maps, as far as it is seen without their pixels.
func CheckMaps(labels, images op.Files) error {
	_, err := openMaps(labels, images)
	return err
}

func openMaps(labels, images op.Files) (*Maps, error) {
	m := &Maps{Pictures: Pictures{Dir: images.Root}}
	if err := m.join(labels.Paths, images.Paths); err != nil {
		return nil, err
	}
	return m, m.name(filepath.Join(labels.Root, world.ClassesFile))
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

// name finds out what the labels are called.
func (m *Maps) name(list string) error {
	classes, err := classnames.Read(list)
	if err != nil {
		return fmt.Errorf("what the labels mean: %w (this file has a class a line)", err)
	}
	for _, c := range classes {
		m.Names = append(m.Names, catalogue.Names{PlainName(c)})
	}
	m.Classes = classes
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
func (m *Maps) Truth(at int) ([]uint16, error) {
	l, err := readLabels(m.maps[at])
	if err != nil {
		return nil, fmt.Errorf("label map %s: %w", m.maps[at], err)
	}
	return l.Values, nil
}

// readLabels reads the values of a PNG: indices of a palette are kept as they are.
func readLabels(path string) (l Labels, err error) {
	f, err := os.Open(path)
	if err != nil {
		return l, err
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		return l, err
	}
	box := img.Bounds()
	l = Labels{box.Dy(), box.Dx(), make([]uint16, box.Dx()*box.Dy())}
	switch img := img.(type) {
	case *stdimage.Gray:
		for i, v := range img.Pix {
			l.Values[i] = uint16(v)
		}
	case *stdimage.Paletted:
		for i, v := range img.Pix {
			l.Values[i] = uint16(v)
		}
	case *stdimage.Gray16:
		for i := range l.Values {
			l.Values[i] = uint16(img.Pix[2*i])<<8 | uint16(img.Pix[2*i+1])
		}
	default:
		return l, fmt.Errorf("colours, not labels (want a PNG with a palette or of grey)")
	}
	return l, nil
}

// Write writes labels as a PNG of grey, of 16 bits where 8 are too few.
func (l Labels) Write(path string) error {
	var img stdimage.Image
	box := stdimage.Rect(0, 0, l.Width, l.Height)
	small := stdimage.NewGray(box)
	img = small
	for i, v := range l.Values {
		if v > 254 {
			wide := stdimage.NewGray16(box)
			for i, v := range l.Values {
				wide.Pix[2*i], wide.Pix[2*i+1] = uint8(v>>8), uint8(v)
			}
			img = wide
			break
		}
		small.Pix[i] = uint8(v)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		return err
	}
	return f.Close()
}

// PlainName is a category's name as RegionCLIP reads it: "crab_(animal)" is "crab animal".
func PlainName(name string) string {
	plain := strings.NewReplacer("_", " ", "(", "", ")", "", ",", "", "+", " ").Replace(name)
	return strings.Join(strings.Fields(plain), " ")
}
