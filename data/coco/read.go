package coco

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
)

// Options say what of a file is read, and how strictly.
type Options struct {
	// Shapes keeps the objects' outlines, which are nine tenths of a large file.
	Shapes bool
	// KeepZeroID leaves annotations of id 0 as they are, for comparisons with pycocotools.
	KeepZeroID bool
	// Loose keeps annotations of pictures and categories that the file does not have, and ids that
	// are there twice: a check counts them.
	Loose bool
}

// Read reads COCO's instances or LVIS's file. Its errors name the file and the place in it.
func Read(path string, o Options) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	set, err := Decode(f, o)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return set, nil
}

// Decode is Read of an open file.
func Decode(from io.ReadSeeker, o Options) (*Set, error) {
	set := &Set{}
	guessed := 0
	err := Scan(from, Visitor{
		Shapes:   o.Shapes,
		Image:    func(i Image) error { set.Images = append(set.Images, i); return nil },
		Category: func(c Category) error { set.Categories = append(set.Categories, c); return nil },
		Annotation: func(a Annotation, areaGiven bool) error {
			if !areaGiven {
				guessed++
			}
			set.Annotations = append(set.Annotations, a)
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	if guessed > 0 {
		set.Warnings = append(set.Warnings,
			fmt.Sprintf("annotations without area, which have got their box's: %d", guessed))
	}
	if !o.KeepZeroID {
		set.giveIDs()
	}
	if o.Loose {
		return set, nil
	}
	return set, set.check()
}

// Visitor is called for what a file holds, in the file's order; what is nil is passed over. Annotation
// is told whether the file gives the area.
type Visitor struct {
	Image      func(Image) error
	Category   func(Category) error
	Annotation func(a Annotation, areaGiven bool) error
	Shapes     bool // the outlines too
}

// Scan reads a file of any size in the memory of one annotation. An error of the visitor ends it.
func Scan(from io.ReadSeeker, v Visitor) error {
	s := newStream(from)
	return s.fields(func(name string) error {
		switch {
		case name == "images" && v.Image != nil:
			return s.list(name, func(at string) error { return s.image(at, v.Image) })
		case name == "categories" && v.Category != nil:
			return s.list(name, func(at string) error { return s.category(at, v.Category) })
		case name == "annotations" && v.Annotation != nil:
			row := annotationRow{}
			return s.list(name, func(at string) error { return s.annotation(at, &row, v) })
		}
		return s.skip(name)
	})
}

func (s *stream) image(at string, visit func(Image) error) error {
	row := struct {
		ID            *int64  `json:"id"`
		File          string  `json:"file_name"`
		URL           string  `json:"coco_url"`
		Width         int     `json:"width"`
		Height        int     `json:"height"`
		Negative      []int64 `json:"neg_category_ids"`
		NotExhaustive []int64 `json:"not_exhaustive_category_ids"`
	}{}
	if err := s.value(at, &row); err != nil {
		return err
	}
	if row.ID == nil {
		return fmt.Errorf("%s: has no id", at)
	}
	return prefix(at, visit(Image{
		ID: *row.ID, File: file(row.File, row.URL), Width: row.Width, Height: row.Height,
		Negative: row.Negative, NotExhaustive: row.NotExhaustive,
	}))
}

func (s *stream) category(at string, visit func(Category) error) error {
	row := struct {
		ID        *int64 `json:"id"`
		Name      string `json:"name"`
		Frequency string `json:"frequency"`
	}{}
	if err := s.value(at, &row); err != nil {
		return err
	}
	switch {
	case row.ID == nil:
		return fmt.Errorf("%s: has no id", at)
	case row.Name == "":
		return fmt.Errorf("%s: category %d has no name", at, *row.ID)
	case row.Frequency != "" && row.Frequency != "r" && row.Frequency != "c" && row.Frequency != "f":
		return fmt.Errorf(`%s: frequency %q, want "r", "c" or "f"`, at, row.Frequency)
	}
	return prefix(at, visit(Category{*row.ID, row.Name, row.Frequency}))
}

// annotationRow is an annotation or a finding as files have it. Its lists are used again.
type annotationRow struct {
	ID           *int64          `json:"id"`
	Image        *int64          `json:"image_id"`
	Category     *int64          `json:"category_id"`
	Box          []float64       `json:"bbox"`
	Area         *float64        `json:"area"`
	Score        *float64        `json:"score"`
	Crowd        flag            `json:"iscrowd"`
	Segmentation json.RawMessage `json:"segmentation"`
}

// flag is 0 or 1, or what other programs write for them.
type flag bool

func (f *flag) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "0", "false", "null":
		*f = false
	case "1", "true":
		*f = true
	default:
		return fmt.Errorf("iscrowd: want 0 or 1, got %.20s", raw)
	}
	return nil
}

func (s *stream) row(at string, row *annotationRow) error {
	*row = annotationRow{Box: row.Box[:0], Segmentation: row.Segmentation[:0]}
	return s.value(at, row)
}

func (s *stream) annotation(at string, row *annotationRow, v Visitor) error {
	if err := s.row(at, row); err != nil {
		return err
	}
	switch {
	case row.ID == nil:
		return fmt.Errorf("%s: has no id", at)
	case row.Image == nil:
		return fmt.Errorf("%s: has no image_id", at)
	case row.Category == nil:
		return fmt.Errorf("%s: has no category_id", at)
	}
	a := Annotation{ID: *row.ID, Image: *row.Image, Category: *row.Category, Crowd: bool(row.Crowd)}
	var err error
	if a.Box, err = box(row.Box); err != nil {
		return prefix(at, err)
	}
	if v.Shapes {
		if a.Shape, err = shape(row.Segmentation); err != nil {
			return fmt.Errorf("%s: segmentation: %w", at, err)
		}
	}
	a.Area = a.Box[2] * a.Box[3]
	if row.Area != nil {
		a.Area = *row.Area
	}
	return prefix(at, v.Annotation(a, row.Area != nil))
}

// farthest bounds what is read as a coordinate.
const farthest = 1e7

func box(numbers []float64) (Box, error) {
	if len(numbers) != 4 {
		return Box{}, fmt.Errorf("bbox: want x, y, width and height, got %d numbers", len(numbers))
	}
	for _, v := range numbers {
		if math.Abs(v) > farthest {
			return Box{}, fmt.Errorf("bbox: %g is no coordinate of a picture", v)
		}
	}
	return Box(numbers), nil
}
