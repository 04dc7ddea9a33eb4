package dense

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"react/data/coco"
	"react/data/datasets/catalogue"
)

// Options say what is looked at beside the boxes.
type Options struct {
	Entry   *catalogue.Dense // nil: no known benchmark
	Images  string           // the folder of pictures; "" leaves them out
	Results string           // a file of COCO results or proposals; "" for none
	// Scores are what the results' scores are: "sigmoid" for probabilities, "raw" for logits, "none"
	// where they are not used.
	Scores string
	Quick  bool // open no picture
}

// boxes counts what is wrong with a set as it is read.
type boxes struct {
	counts
	o          Options
	images     map[int64]coco.Image
	categories map[int64]bool
	names      []string
	ids        map[int64]bool
	n          int // annotations
}

func newBoxes(o Options) *boxes {
	return &boxes{o: o, images: map[int64]coco.Image{}, categories: map[int64]bool{}, ids: map[int64]bool{}}
}

// Boxes looks at COCO's or LVIS's JSON, twice from its start to its end, in the memory of the
// pictures and of one annotation.
func Boxes(ctx context.Context, path string, o Options) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	b := newBoxes(o)
	if err := b.scan(ctx, f); err != nil {
		return Report{}, fmt.Errorf("file %s: %w", path, err)
	}
	return b.report(ctx, path)
}

func (b *boxes) scan(ctx context.Context, f io.ReadSeeker) error {
	err := coco.Scan(f, coco.Visitor{
		Image:    func(i coco.Image) error { return b.image(ctx, i) },
		Category: func(c coco.Category) error { b.category(c); return nil },
	})
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return coco.Scan(f, coco.Visitor{Shapes: true, Annotation: func(a coco.Annotation, areaGiven bool) error {
		if !areaGiven {
			b.add(noArea, fmt.Sprintf("annotation %d", a.ID))
		}
		b.annotation(a)
		return ctx.Err()
	}})
}

// VOC looks at the lists of Pascal VOC's folder: ImageSets/Main, Annotations and JPEGImages.
func VOC(ctx context.Context, dir string, o Options) (Report, error) {
	var r Report
	if o.Images == "" {
		o.Images = filepath.Join(dir, "JPEGImages")
	}
	for _, split := range []string{"train", "val", "test"} {
		list := filepath.Join(dir, "ImageSets", "Main", split+".txt")
		if _, err := os.Stat(list); err != nil {
			continue
		}
		set, err := coco.ReadVOC(filepath.Join(dir, "Annotations"), list, o.Entry.Classes)
		if err != nil {
			return r, err
		}
		b := newBoxes(o)
		for _, c := range set.Categories {
			b.category(c)
		}
		for _, i := range set.Images {
			if err := b.image(ctx, i); err != nil {
				return r, err
			}
		}
		for _, a := range set.Annotations {
			b.annotation(a)
		}
		part, err := b.report(ctx, list)
		if err != nil {
			return r, err
		}
		for _, f := range part.Findings {
			f.Split = split
			r.Findings = append(r.Findings, f)
		}
		r.Summary = append(r.Summary, part.Summary...)
	}
	if len(r.Summary) == 0 {
		return r, fmt.Errorf("folder %s: no ImageSets/Main/train.txt, val.txt or test.txt", dir)
	}
	return r, nil
}

func (b *boxes) image(ctx context.Context, i coco.Image) error {
	if _, ok := b.images[i.ID]; ok {
		b.add(idTwice, fmt.Sprintf("image %d", i.ID))
	}
	b.images[i.ID] = i
	if i.Width < 1 || i.Height < 1 {
		b.add(noPictureSize, fmt.Sprintf("image %d", i.ID))
	}
	if b.o.Images != "" {
		if err := b.picture(b.o.Images, i.File, i.Height, i.Width, b.o.Quick); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (b *boxes) category(c coco.Category) {
	if b.categories[c.ID] {
		b.add(idTwice, fmt.Sprintf("category %d", c.ID))
	}
	b.categories[c.ID] = true
	b.names = append(b.names, c.Name)
	if e := b.o.Entry; e != nil && len(e.Classes) > 0 && !slices.Contains(e.Classes, c.Name) {
		b.add(unknownClass, fmt.Sprintf("%q is no class of %s", c.Name, e.Name))
	}
}

func (b *boxes) annotation(a coco.Annotation) {
	where := fmt.Sprintf("annotation %d of image %d", a.ID, a.Image)
	switch {
	case a.ID == 0:
		b.add(zeroID, where)
	case b.ids[a.ID]:
		b.add(idTwice, where)
	}
	b.ids[a.ID] = true
	b.n++
	if !b.categories[a.Category] {
		b.add(noCategory, fmt.Sprintf("%s, category %d", where, a.Category))
	}
	image, ok := b.images[a.Image]
	if !ok {
		b.add(noPicture, where)
		return
	}
	b.box(a.Box, image, where)
	if !a.Shape.Empty() && image.Width > 0 && image.Height > 0 {
		if _, err := a.Shape.Mask(image.Height, image.Width); err != nil {
			b.add(badShape, fmt.Sprintf("%s: %v", where, err))
		}
	}
}

// box counts a box that holds nothing or is not in its picture.
func (b *boxes) box(box coco.Box, i coco.Image, where string) {
	x, y, w, h := box[0], box[1], box[2], box[3]
	switch {
	case w <= 0 || h <= 0:
		b.add(emptyBox, where)
	case i.Width < 1 || i.Height < 1:
	case x >= float64(i.Width) || y >= float64(i.Height) || x+w <= 0 || y+h <= 0:
		b.add(outsideBox, where)
	case x <= -1 || y <= -1 || x+w >= float64(i.Width)+1 || y+h >= float64(i.Height)+1:
		b.add(beyondBox, where)
	}
}

// report adds what is seen only at the end, and the results.
func (b *boxes) report(ctx context.Context, path string) (Report, error) {
	if e := b.o.Entry; e != nil {
		scored := slices.Concat(e.Base, e.Novel)
		for _, class := range e.Classes {
			asked := len(scored) == 0 || slices.Contains(scored, class)
			if asked && !slices.Contains(b.names, class) {
				b.add(lackingClass, fmt.Sprintf("%q of %s", class, e.Name))
			}
		}
	}
	summary := []string{fmt.Sprintf("%s: %d images, %d annotations of %d categories",
		filepath.Base(path), len(b.images), b.n, len(b.names))}
	if b.o.Results != "" {
		n, err := b.results(ctx, b.o.Results)
		if err != nil {
			return Report{}, err
		}
		summary = append(summary, fmt.Sprintf("%s: %d results", filepath.Base(b.o.Results), n))
	}
	return Report{Summary: summary, Findings: b.findings()}, nil
}

// results counts what is wrong with a file of results: of a score that is no number, or a mask of
// another size than any picture can have, the reader gives an error with the place.
func (b *boxes) results(ctx context.Context, path string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	err = coco.ScanResults(f, func(d coco.Detection) error {
		b.result(d, n)
		n++
		return ctx.Err()
	})
	if err != nil {
		return 0, fmt.Errorf("file %s: %w", path, err)
	}
	return n, nil
}

func (b *boxes) result(d coco.Detection, at int) {
	where := fmt.Sprintf("result [%d] of image %d", at, d.Image)
	if b.o.Scores == "sigmoid" && (d.Score < 0 || d.Score > 1) {
		b.add(noProbability, fmt.Sprintf("%s has %g", where, d.Score))
	}
	if d.Category != 0 && !b.categories[d.Category] {
		b.add(strangeClass, fmt.Sprintf("%s, category %d", where, d.Category))
	}
	image, ok := b.images[d.Image]
	if !ok {
		b.add(strangeResult, where)
		return
	}
	if d.Mask == nil {
		b.box(d.Box, image, where)
		return
	}
	if _, err := (coco.Shape{Runs: d.Mask}).Mask(image.Height, image.Width); err != nil {
		b.add(badShape, fmt.Sprintf("%s: %v", where, err))
	}
}
