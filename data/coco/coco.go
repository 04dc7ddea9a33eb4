// Package coco reads and writes boxes and masks on pictures, in the files of detection benchmarks:
//
//   - Set: pictures, their objects and the categories, from COCO's instances JSON and LVIS's
//     (Read, Scan) and from Pascal VOC's XML (voc.go)
//   - Detection: what a model found, or proposed, in COCO's results JSON (ReadResults, WriteResults)
//   - Shape: an object's outline, as polygons or run lengths (masks are of package rle)
//
// All coordinates are pixels of the picture as its file stores it, with (0, 0) at the left upper
// corner. Annotators saw pictures that were not turned by their EXIF orientation, and data/image
// decodes them so.
//
// It is not for what a class is called in a prompt (data/datasets/catalogue), nor for scores
// (ops/metric).
package coco

import (
	"fmt"
	"path"
	"strings"

	"react/data/coco/rle"
)

// Box is x, y, width and height in pixels; x and y are of the left upper corner.
type Box = rle.Box

// Set is a benchmark of pictures with objects.
type Set struct {
	Images      []Image
	Annotations []Annotation
	Categories  []Category
	Warnings    []string // what was mended while reading, one sentence each
}

// Image is a picture of a set.
type Image struct {
	ID            int64
	File          string // its path below the folder of pictures, with slashes
	Width, Height int    // pixels
	// Of LVIS, where not every picture is searched for every category: the categories that are
	// certainly not in the picture, and those of which objects may be missing in the annotations.
	Negative, NotExhaustive []int64
}

// Annotation is an object in a picture.
type Annotation struct {
	ID, Image, Category int64 // Image and Category are ids
	Box                 Box
	// Area is in pixels, by COCO of the object's mask, also where boxes are evaluated; of files
	// without areas it is the box's.
	Area float64
	// Crowd marks a region with many objects: findings in it are neither right nor wrong.
	Crowd bool
	// Difficult is Pascal VOC's: whether the object is found or not does not count.
	Difficult bool
	Shape     Shape // empty where the file has none, or where it was not asked for
}

// Category is a kind of object.
type Category struct {
	ID        int64
	Name      string // as the file has it: "dining table", of LVIS "street_sign"
	Frequency string // of LVIS: "r", "c" or "f" for rare, common and frequent in training
}

// Detection is a box or a mask that a model gave a picture, with a score; or a proposal, which has
// no category.
type Detection struct {
	Image, Category int64 // ids; Category is 0 of a proposal
	Box             Box
	// Area is in pixels: of the box where the file has one, else of the mask.
	Area  float64
	Score float64
	Mask  *rle.Mask // nil where there is a box alone
}

// Shape is an object's outline: polygons or run lengths, or neither.
type Shape struct {
	Polygons [][]float64 // each x0, y0, x1, y1, ... in pixels; the object is their union
	Runs     *rle.Mask
}

// Empty reports whether there is no outline.
func (s Shape) Empty() bool { return s.Polygons == nil && s.Runs == nil }

// Mask is the outline's mask in a picture of that size, which run lengths must have.
func (s Shape) Mask(height, width int) (rle.Mask, error) {
	if s.Runs != nil {
		if s.Runs.Height != height || s.Runs.Width != width {
			return rle.Mask{}, fmt.Errorf("run lengths of %d×%d pixels (height by width) in a picture of %d×%d",
				s.Runs.Height, s.Runs.Width, height, width)
		}
		return *s.Runs, nil
	}
	if len(s.Polygons) == 0 {
		return rle.Mask{}, fmt.Errorf("has no segmentation")
	}
	parts := make([]rle.Mask, len(s.Polygons))
	for i, outline := range s.Polygons {
		var err error
		if parts[i], err = rle.Polygon(outline, height, width); err != nil {
			return rle.Mask{}, err
		}
	}
	return rle.Union(parts...), nil
}

// check refuses a set that refers to what it does not have, or names a thing twice.
func (s *Set) check() error {
	images, categories := map[int64]bool{}, map[int64]bool{}
	for i, image := range s.Images {
		if images[image.ID] {
			return fmt.Errorf("images[%d]: id %d is there twice", i, image.ID)
		}
		images[image.ID] = true
	}
	for i, category := range s.Categories {
		if categories[category.ID] {
			return fmt.Errorf("categories[%d]: id %d is there twice", i, category.ID)
		}
		categories[category.ID] = true
	}
	annotations := make(map[int64]bool, len(s.Annotations))
	for i, a := range s.Annotations {
		switch {
		case annotations[a.ID]:
			return fmt.Errorf("annotations[%d]: id %d is there twice", i, a.ID)
		case !images[a.Image]:
			return fmt.Errorf("annotations[%d]: image_id %d is not in images", i, a.Image)
		case !categories[a.Category]:
			return fmt.Errorf("annotations[%d]: category_id %d is not in categories", i, a.Category)
		}
		annotations[a.ID] = true
	}
	return nil
}

// giveIDs gives annotations of id 0 ids of their own. pycocotools takes a match with such an
// annotation for none, so that figures would be too low.
func (s *Set) giveIDs() {
	last, zeros := int64(0), 0
	for _, a := range s.Annotations {
		last = max(last, a.ID)
	}
	first := last + 1
	for i := range s.Annotations {
		if s.Annotations[i].ID == 0 {
			last++
			zeros++
			s.Annotations[i].ID = last
		}
	}
	if zeros > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("annotations with id 0, which pycocotools never matches, "+
			"have got ids from %d on: %d", first, zeros))
	}
}

// file is the path of a picture: its name, or of LVIS the end of its address, which has the folder.
func file(name, address string) string {
	if name != "" || address == "" {
		return name
	}
	dir, base := path.Split(strings.TrimSuffix(address, "/"))
	return path.Join(path.Base(dir), base)
}
