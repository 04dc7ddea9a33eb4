// Package detection judges boxes and masks on pictures:
//
//   - Evaluate matches findings with true objects as COCOeval or LVIS's evaluation does and gives a
//     row for each picture and category (evaluate.go, match.go); package results/dense accumulates
//     rows to AP and AR
//   - NMS, by class and soft (nms.go)
//   - RegionCLIP's way from embeddings of regions to findings (regions.go)
//
// It is not for files of boxes and masks (data/coco), nor for classes of whole pictures
// (ops/metric).
//
// Words: an object is neutral where finding it is neither right nor wrong, as in a crowd.
package detection

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"

	"react/data/caught"
	"react/data/coco"
	"react/data/coco/rle"
	"react/results"
)

// The benchmarks whose rules are known.
const (
	COCO = "coco"
	// LVIS keeps 300 findings of a picture over all categories; those of a category that was not
	// looked for in the picture do not count, nor do wrong ones where objects may be missing.
	LVIS = "lvis"
)

// Rules are how findings are judged.
type Rules struct {
	Protocol string // COCO or LVIS
	Masks    bool   // masks are compared, else boxes
	// findings that are kept: of a category in a picture, by LVIS of a picture; 0 is the
	// benchmark's own number, 100 or 300
	Most int
	// names of categories in a group, for figures of it; without, LVIS's frequency is one
	Groups map[string]string
	// an object of id 0 is never found, as in pycocotools: for comparisons with it
	ZeroIsNone bool
}

// Evaluate gives a row for each category that a picture has or in which something was found, and
// for each picture without any, pictures by id and categories of a picture in the order of the set.
// Areas of objects are as the file says, of their masks in boxes too; those of findings are their
// own.
func Evaluate(set *coco.Set, found []coco.Detection, rules Rules) ([]results.Found, error) {
	e := evaluation{Set: set, found: found, Rules: rules}
	if err := e.prepare(); err != nil {
		return nil, err
	}
	if rules.Protocol == LVIS {
		e.keepBest()
	}
	e.group()
	if err := e.all(); err != nil {
		return nil, err
	}
	return e.rows(), nil
}

// evaluation is what stays the same over categories. Pictures and categories go by their places:
// pictures in the order of their ids, categories as in the set.
type evaluation struct {
	*coco.Set
	Rules
	found      []coco.Detection
	images     []coco.Image // by id
	imageAt    map[int64]int32
	categoryAt map[int64]int32
	objects    map[cell][]int32 // places in Annotations
	findings   map[cell][]int32 // places in found
	cells      []cell
	out        []results.Found // of each cell
}

// cell is a category in a picture.
type cell struct{ image, category int32 }

func (e *evaluation) prepare() error {
	switch {
	case e.Protocol != COCO && e.Protocol != LVIS:
		return fmt.Errorf("protocol %q, want coco or lvis", e.Protocol)
	case e.Most == 0 && e.Protocol == LVIS:
		e.Most = 300
	case e.Most == 0:
		e.Most = 100
	}
	e.images = slices.Clone(e.Images)
	slices.SortFunc(e.images, func(a, b coco.Image) int { return cmp.Compare(a.ID, b.ID) })
	e.imageAt, e.categoryAt = map[int64]int32{}, map[int64]int32{}
	for i, image := range e.images {
		e.imageAt[image.ID] = int32(i)
	}
	for i, category := range e.Categories {
		e.categoryAt[category.ID] = int32(i)
	}
	for i, d := range e.found {
		if err := e.check(d); err != nil {
			return fmt.Errorf("detections[%d]: %w", i, err)
		}
	}
	return nil
}

// check refuses a finding that cannot be judged.
func (e *evaluation) check(d coco.Detection) error {
	if _, ok := e.imageAt[d.Image]; !ok {
		return fmt.Errorf("image_id %d is not in the set", d.Image)
	}
	if _, ok := e.categoryAt[d.Category]; !ok {
		return fmt.Errorf("category_id %d is not in the set", d.Category)
	}
	if math.IsNaN(d.Score) || math.IsInf(d.Score, 0) {
		return fmt.Errorf("score is %g, want a finite number", d.Score)
	}
	if e.Masks && d.Mask == nil {
		return fmt.Errorf("has no mask")
	}
	return nil
}

// keepBest keeps the best findings of each picture; equal scores stay as they are.
func (e *evaluation) keepBest() {
	of := make([][]coco.Detection, len(e.images))
	for _, d := range e.found {
		at := e.imageAt[d.Image]
		of[at] = append(of[at], d)
	}
	e.found = make([]coco.Detection, 0, len(e.found))
	for _, list := range of {
		if len(list) > e.Most {
			slices.SortStableFunc(list, func(a, b coco.Detection) int {
				return cmp.Compare(b.Score, a.Score)
			})
			list = list[:e.Most]
		}
		e.found = append(e.found, list...)
	}
}

// group puts objects and findings into cells.
func (e *evaluation) group() {
	e.objects, e.findings = map[cell][]int32{}, map[cell][]int32{}
	for i, a := range e.Annotations {
		at := cell{e.imageAt[a.Image], e.categoryAt[a.Category]}
		if e.objects[at] == nil {
			e.cells = append(e.cells, at)
		}
		e.objects[at] = append(e.objects[at], int32(i))
	}
	for i, d := range e.found {
		at := cell{e.imageAt[d.Image], e.categoryAt[d.Category]}
		if e.Protocol == LVIS && e.objects[at] == nil && !slices.Contains(e.images[at.image].Negative, d.Category) {
			continue
		}
		if e.objects[at] == nil && e.findings[at] == nil {
			e.cells = append(e.cells, at)
		}
		e.findings[at] = append(e.findings[at], int32(i))
	}
	slices.SortFunc(e.cells, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.image, b.image), cmp.Compare(a.category, b.category))
	})
}

// all judges every cell, on all processors. Of several errors the first cell's is told.
func (e *evaluation) all() error {
	e.out = make([]results.Found, len(e.cells))
	errs := make([]error, len(e.cells))
	var next atomic.Int64
	var wait caught.Group
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			m := matcher{masks: e.Masks, zeroIsNone: e.ZeroIsNone}
			for i := next.Add(1) - 1; int(i) < len(e.cells); i = next.Add(1) - 1 {
				e.out[i], errs[i] = e.judge(&m, e.cells[i])
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// judge makes the row of a cell.
func (e *evaluation) judge(m *matcher, at cell) (results.Found, error) {
	image, category := e.images[at.image], e.Categories[at.category]
	m.reset()
	for _, i := range e.objects[at] {
		a := &e.Annotations[i]
		m.objects = append(m.objects, object{box: a.Box, area: a.Area, id: a.ID,
			crowd: a.Crowd && e.Protocol == COCO, neutral: a.Difficult || a.Crowd})
		if e.Masks {
			mask, err := a.Shape.Mask(image.Height, image.Width)
			if err != nil {
				return results.Found{}, fmt.Errorf("annotation %d: %w", a.ID, err)
			}
			m.trueMasks = append(m.trueMasks, mask)
		}
	}
	list := e.findings[at]
	slices.SortStableFunc(list, func(a, b int32) int {
		return cmp.Compare(e.found[b].Score, e.found[a].Score)
	})
	if e.Protocol == COCO {
		list = list[:min(e.Most, len(list))]
	}
	for _, i := range list {
		d := &e.found[i]
		if e.Masks && (d.Mask.Height != image.Height || d.Mask.Width != image.Width) {
			return results.Found{}, fmt.Errorf("detections of image %d: a mask of %d×%d pixels "+
				"(height by width), want the image's %d×%d",
				image.ID, d.Mask.Height, d.Mask.Width, image.Height, image.Width)
		}
		m.findings = append(m.findings, d)
	}
	m.forgive = slices.Contains(image.NotExhaustive, category.ID) && e.Protocol == LVIS
	row := results.Found{Image: nameOf(image), Category: category.Name, Group: e.groupOf(category),
		Findings: make([]results.Finding, len(list))}
	for i, d := range m.findings {
		row.Findings[i].Score = d.Score
	}
	m.match(&row)
	return row, nil
}

func (e *evaluation) groupOf(c coco.Category) string {
	if e.Groups != nil {
		return e.Groups[c.Name]
	}
	return c.Frequency
}

// nameOf is a picture's key: its file, or its id where the set names no files.
func nameOf(image coco.Image) string {
	if image.File != "" {
		return image.File
	}
	return fmt.Sprint(image.ID)
}

// rows adds pictures that have no cell.
func (e *evaluation) rows() []results.Found {
	rows := make([]results.Found, 0, len(e.cells))
	at := 0
	for i := range e.images {
		before := at
		for ; at < len(e.cells) && int(e.cells[at].image) == i; at++ {
			rows = append(rows, e.out[at])
		}
		if at == before {
			rows = append(rows, results.Found{Image: nameOf(e.images[i])})
		}
	}
	return rows
}

// masksOf are the masks of findings.
func masksOf(list []*coco.Detection) []rle.Mask {
	out := make([]rle.Mask, len(list))
	for i, d := range list {
		out[i] = *d.Mask
	}
	return out
}
