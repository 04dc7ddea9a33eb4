package coco

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxXML bounds an annotation of one picture, in bytes.
const maxXML = 16 << 20

// ReadVOC reads Pascal VOC's XML: one file of dir for each line of the list (ImageSets/Main/val.txt).
// The categories are classes, with ids from 1 on. A picture's id is the digits of its name, as
// 2008000002 for 2008_000002; where names have other letters, or share digits, its place in the list.
func ReadVOC(dir, list string, classes []string) (*Set, error) {
	raw, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	set := &Set{}
	for i, name := range classes {
		set.Categories = append(set.Categories, Category{ID: int64(i + 1), Name: name})
	}
	names := vocNames(string(raw))
	if len(names) == 0 {
		return nil, fmt.Errorf("file %s: lists no picture", list)
	}
	ids := vocIDs(names)
	for i, name := range names {
		if name != filepath.Base(name) {
			return nil, fmt.Errorf("file %s: %q is no name of a picture", list, name)
		}
		path := filepath.Join(dir, name+".xml")
		if err := set.addVOC(path, ids[i], classes); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// vocNames are the first words of the lines; a list of one class has -1, 0 or 1 behind.
func vocNames(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			names = append(names, words[0])
		}
	}
	return names
}

func vocIDs(names []string) []int64 {
	ids, seen := make([]int64, len(names)), map[int64]bool{}
	for i, name := range names {
		id, err := strconv.ParseInt(strings.ReplaceAll(name, "_", ""), 10, 64)
		if err != nil || id < 1 || seen[id] {
			for j := range ids {
				ids[j] = int64(j + 1)
			}
			return ids
		}
		ids[i], seen[id] = id, true
	}
	return ids
}

func (s *Set) addVOC(path string, id int64, classes []string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	image, objects, err := DecodeVOC(f, classes)
	if err != nil {
		return fmt.Errorf("file %s: %w", path, err)
	}
	image.ID = id
	if image.File == "" {
		image.File = strings.TrimSuffix(filepath.Base(path), ".xml") + ".jpg"
	}
	s.Images = append(s.Images, image)
	for _, a := range objects {
		a.ID, a.Image = int64(len(s.Annotations)+1), id
		s.Annotations = append(s.Annotations, a)
	}
	return nil
}

// vocFile is the XML of one picture. Parts of objects (a head, a hand) have boxes of their own,
// below part, which are not the object's.
type vocFile struct {
	XMLName xml.Name `xml:"annotation"`
	File    string   `xml:"filename"`
	Width   int      `xml:"size>width"`
	Height  int      `xml:"size>height"`
	Objects []struct {
		Name      string `xml:"name"`
		Difficult string `xml:"difficult"`
		Box       *struct {
			Left   float64 `xml:"xmin"`
			Top    float64 `xml:"ymin"`
			Right  float64 `xml:"xmax"`
			Bottom float64 `xml:"ymax"`
		} `xml:"bndbox"`
	} `xml:"object"`
}

// DecodeVOC reads the XML of one picture. Its boxes name the first and the last pixel, from 1 on;
// here they begin at 0 and have a width. Ids are left 0, but for categories: the class's place in
// classes, from 1 on.
func DecodeVOC(from io.Reader, classes []string) (Image, []Annotation, error) {
	var file vocFile
	if err := xml.NewDecoder(io.LimitReader(from, maxXML)).Decode(&file); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = fmt.Errorf("the file ends before its XML does")
		}
		return Image{}, nil, err
	}
	var objects []Annotation
	for i, o := range file.Objects {
		at := fmt.Sprintf("object %d (%s)", i+1, o.Name)
		class := slices.Index(classes, o.Name)
		if class < 0 {
			return Image{}, nil, fmt.Errorf("%s: no class of the set", at)
		}
		if o.Box == nil {
			return Image{}, nil, fmt.Errorf("%s: has no bndbox", at)
		}
		numbers := []float64{o.Box.Left - 1, o.Box.Top - 1,
			o.Box.Right - o.Box.Left + 1, o.Box.Bottom - o.Box.Top + 1}
		if slices.ContainsFunc(numbers, math.IsNaN) || !(numbers[2] > 0 && numbers[3] > 0) {
			return Image{}, nil, fmt.Errorf("%s: bndbox from (%g, %g) to (%g, %g) holds no pixel", at,
				o.Box.Left, o.Box.Top, o.Box.Right, o.Box.Bottom)
		}
		b, err := box(numbers)
		if err != nil {
			return Image{}, nil, prefix(at, err)
		}
		difficult := strings.TrimSpace(o.Difficult)
		objects = append(objects, Annotation{Category: int64(class + 1), Box: b, Area: b[2] * b[3],
			Difficult: difficult != "" && difficult != "0"})
	}
	return Image{File: file.File, Width: file.Width, Height: file.Height}, objects, nil
}
