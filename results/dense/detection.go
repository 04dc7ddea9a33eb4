// Package dense accumulates the figures of detection and segmentation from what was counted in each
// picture: average precision and recall of boxes or masks (Detection), overlaps of label maps
// (Segmentation). Such a figure is no mean over pictures, so a difference of two models is tested
// by accumulating it again over other draws of the pictures (stat.Redraw); pictures have whole
// weights.
//
// It is not for matching findings with objects, nor for counting pixels: packages detection and
// segmentation below ops/metric do that, once, and their rows (results.Found, results.Pixels) are
// kept.
package dense

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"react/results"
)

// Set is what was counted in the pictures of a set.
type Set interface {
	Images() []string // weights are in their order
	Truth() string    // equal where the pictures and what is there in them are
	// Figure is a figure by its name, over pictures that each count as often as their weight says,
	// without weights once; nil: there is no such figure.
	Figure(name string) func(weights []int32) float64
}

// Recalls is the number of recalls, 0, 0.01 ... 1, at which precision is read.
const Recalls = 101

// Detection is what was found in the pictures of a set, by category.
type Detection struct {
	images     []string
	categories []*category
}

// category is all that was found of one, and what is there.
type category struct {
	name, group string
	findings    []finding // scores downwards; of equal scores in the order of pictures
	objects     []objects
}

type finding struct {
	hits, neutral uint64
	image         int32
	place         int32 // among those of its picture
	score         float64
}

type objects struct {
	image int32
	n     [results.Areas]int
}

// NewDetection takes rows in the order of pictures, in which equal scores keep their order.
func NewDetection(rows []results.Found) *Detection {
	d := &Detection{}
	index, known := newIndex(), map[string]*category{}
	for _, row := range rows {
		image := index.of(row.Image)
		if row.Category == "" {
			continue
		}
		c := known[row.Category]
		if c == nil {
			c = &category{name: row.Category, group: row.Group}
			known[row.Category] = c
			d.categories = append(d.categories, c)
		}
		if row.Objects != [results.Areas]int{} {
			c.objects = append(c.objects, objects{image, row.Objects})
		}
		for place, f := range row.Findings {
			c.findings = append(c.findings, finding{f.Hits, f.Neutral, image, int32(place), f.Score})
		}
	}
	d.images = index.names
	slices.SortFunc(d.categories, func(a, b *category) int { return strings.Compare(a.name, b.name) })
	for _, c := range d.categories {
		slices.SortStableFunc(c.findings, func(a, b finding) int {
			switch {
			case a.score > b.score:
				return -1
			case a.score < b.score:
				return 1
			}
			return 0
		})
	}
	return d
}

// index numbers pictures in the order in which they are first named.
type index struct {
	number map[string]int32
	names  []string
}

func newIndex() *index { return &index{number: map[string]int32{}} }

func (x *index) of(name string) int32 {
	n, ok := x.number[name]
	if !ok {
		n = int32(len(x.names))
		x.number[name] = n
		x.names = append(x.names, name)
	}
	return n
}

// Images are the pictures; weights are in their order.
func (d *Detection) Images() []string { return d.images }

// Categories are the names of those that have an object or a finding, in order.
func (d *Detection) Categories() []string {
	names := make([]string, len(d.categories))
	for i, c := range d.categories {
		names[i] = c.name
	}
	return names
}

// Truth is a digest of the pictures and the objects in them.
func (d *Detection) Truth() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", d.images)
	for _, c := range d.categories {
		if len(c.objects) > 0 {
			fmt.Fprintf(h, "\n%q %v", c.name, c.objects)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Figure is Value of a figure by its name; nil: there is none.
func (d *Detection) Figure(name string) func(weights []int32) float64 {
	f, ok := FigureOf(name)
	if !ok {
		return nil
	}
	return func(weights []int32) float64 { return d.Value(f, weights) }
}

// Value is a figure over pictures, each counted as often as its weight says; without weights each
// counts once. It is NaN where no object counts.
func (d *Detection) Value(f Figure, weights []int32) float64 {
	sum, n := 0.0, 0
	for _, c := range d.categories {
		if f.Group != "" && f.Group != c.group {
			continue
		}
		if v := c.value(f, weights); !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// OfCategory is a figure of one category, NaN where it has no object that counts.
func (d *Detection) OfCategory(name string, f Figure) float64 {
	for _, c := range d.categories {
		if c.name == name {
			return c.value(f, nil)
		}
	}
	return math.NaN()
}

// Precision is the precision of a category at each recall, never rising; nil where it has no object
// that counts.
func (d *Detection) Precision(name string, f Figure) (precision []float64) {
	for _, c := range d.categories {
		if c.name != name {
			continue
		}
		s := scratches.Get().(*scratch)
		defer scratches.Put(s)
		if n := c.steps(s, f, nil); n > 0 {
			precision = make([]float64, Recalls)
			from, to := f.thresholds()
			for t := from; t < to; t++ {
				s.envelope(t, n, func(recall int, p float64) { precision[recall] += p / float64(to-from) })
			}
		}
	}
	return precision
}

func (c *category) value(f Figure, weights []int32) float64 {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	objects := c.steps(s, f, weights)
	if objects == 0 {
		return math.NaN()
	}
	sum := 0.0
	from, to := f.thresholds()
	for t := from; t < to; t++ {
		if f.Recall {
			if n := len(s.steps[t]); n > 0 {
				sum += float64(s.steps[t][n-1].right) / float64(objects)
			}
			continue
		}
		area := 0.0
		s.envelope(t, objects, func(_ int, p float64) { area += p })
		sum += area / Recalls
	}
	return sum / float64(to-from)
}

// scratch is the memory of one accumulation: for each threshold where the number of hits rises.
type scratch struct {
	steps [results.Thresholds][]step
}

// step is how many findings are right and wrong down to a hit.
type step struct{ right, wrong int }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// steps walks down the findings, and says how many objects there are. A finding that counts several
// times counts at once: between its copies recall only rises with precision, so that none of them
// but the last can be the best from its recall on.
func (c *category) steps(s *scratch, f Figure, weights []int32) (objects int) {
	for _, o := range c.objects {
		objects += weight(weights, o.image) * o.n[f.Area]
	}
	if objects == 0 {
		return 0
	}
	from, to := f.thresholds()
	mask := (results.Bit(f.Area, to-1)<<1 - 1) &^ (results.Bit(f.Area, from) - 1)
	wrong := 0                      // at all thresholds
	var own [results.Thresholds]int // wrong, at one
	var right [results.Thresholds]int
	for t := from; t < to; t++ {
		s.steps[t] = s.steps[t][:0]
	}
	for i := range c.findings {
		one := &c.findings[i]
		w := weight(weights, one.image)
		if w == 0 || f.Most > 0 && int(one.place) >= f.Most {
			continue
		}
		hits, neutral := one.hits&mask, one.neutral&mask
		if hits|neutral == 0 {
			wrong += w
			continue
		}
		if neutral == mask {
			continue
		}
		for t := from; t < to; t++ {
			switch bit := results.Bit(f.Area, t); {
			case hits&bit != 0:
				right[t] += w
				s.steps[t] = append(s.steps[t], step{right[t], wrong + own[t]})
			case neutral&bit == 0:
				own[t] += w
			}
		}
	}
	return objects
}

func weight(weights []int32, image int32) int {
	if weights == nil {
		return 1
	}
	return int(weights[image])
}

// tiny is the difference between 1 and the next number, which pycocotools adds below the line.
const tiny = 1.0 / (1 << 52)

// envelope gives the precision at each recall that is reached: the best from there on.
func (s *scratch) envelope(threshold, objects int, visit func(recall int, precision float64)) {
	steps := s.steps[threshold]
	recall, best := Recalls-1, 0.0
	for i := len(steps) - 1; i >= 0; i-- {
		for reached := float64(steps[i].right) / float64(objects); recall >= 0 && atRecall(recall) > reached; recall-- {
			if i < len(steps)-1 {
				visit(recall, best)
			}
		}
		right := float64(steps[i].right)
		best = max(best, right/(float64(steps[i].wrong)+right+tiny))
	}
	for ; recall >= 0 && len(steps) > 0; recall-- {
		visit(recall, best)
	}
}

// atRecall is a recall as NumPy's linspace has it.
func atRecall(i int) float64 { return float64(i) * 0.01 }

// Overlap is a threshold of overlap, 0.5 to 0.95, as NumPy's linspace has it.
func Overlap(threshold int) float64 {
	first, last := 0.5, 0.95
	return first + float64(float64(threshold)*((last-first)/(results.Thresholds-1)))
}
