package dense

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"react/results"
)

// Segmentation is what was made of the pixels of a set's pictures.
type Segmentation struct {
	images  []string
	classes []string
	counts  []count
}

// count is the pixels of a class in a picture.
type count struct {
	image, class          int32
	right, predicted, all int
}

// NewSegmentation takes rows in any order.
func NewSegmentation(rows []results.Pixels) *Segmentation {
	images, classes := newIndex(), newIndex()
	s := &Segmentation{counts: make([]count, 0, len(rows))}
	for _, r := range rows {
		image := images.of(r.Image)
		if r.Class != "" {
			s.counts = append(s.counts, count{image, classes.of(r.Class), r.Right, r.Predicted, r.All})
		}
	}
	s.images, s.classes = images.names, classes.names
	return s
}

// Images are the pictures; weights are in their order.
func (s *Segmentation) Images() []string { return s.images }

// Truth is a digest of the pictures and of the pixels of each class in them.
func (s *Segmentation) Truth() string {
	var lines []string
	for _, c := range s.counts {
		if c.all > 0 {
			lines = append(lines, fmt.Sprintf("%d %q %d", c.image, s.classes[c.class], c.all))
		}
	}
	slices.Sort(lines)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q\n%s", s.images, strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// Figure is Value of a figure by its name; nil: there is none.
func (s *Segmentation) Figure(name string) func(weights []int32) float64 {
	if name != "mIoU" && name != "mAcc" && name != "aAcc" {
		return nil
	}
	return func(weights []int32) float64 { return s.Value(name, weights) }
}

// OfClass are the overlap and the accuracy of a class: the pixels that are both said and true, over
// those that are either, and over the true ones. NaN: there are none of these.
type OfClass struct{ IoU, Acc float64 }

// ByClass are the figures of each class.
func (s *Segmentation) ByClass() map[string]OfClass {
	out := map[string]OfClass{}
	for i, c := range s.sums(nil) {
		out[s.classes[i]] = c.figures()
	}
	return out
}

// Value is mIoU or mAcc, means over the classes that have them, or aAcc, the share of all pixels
// that is right, over pictures that count as often as their weights say; without weights each
// counts once. NaN of another name and where nothing counts.
func (s *Segmentation) Value(name string, weights []int32) float64 {
	iou, acc, all := means(s.sums(weights))
	switch name {
	case "mIoU":
		return iou
	case "mAcc":
		return acc
	case "aAcc":
		return all
	}
	return math.NaN()
}

// sums are the pixels of each class over all pictures.
func (s *Segmentation) sums(weights []int32) []count {
	sums := make([]count, len(s.classes))
	for i := range s.counts {
		c := &s.counts[i]
		w, sum := weight(weights, c.image), &sums[c.class]
		sum.right += w * c.right
		sum.predicted += w * c.predicted
		sum.all += w * c.all
	}
	return sums
}

func (c count) figures() OfClass {
	right := float64(c.right) // over 0 it is 0 too, which is NaN
	return OfClass{right / float64(c.predicted+c.all-c.right), right / float64(c.all)}
}

func means(sums []count) (iou, acc, all float64) {
	var right, pixels, ofIoU, ofAcc float64
	for _, c := range sums {
		right, pixels = right+float64(c.right), pixels+float64(c.all)
		f := c.figures()
		if !math.IsNaN(f.IoU) {
			iou, ofIoU = iou+f.IoU, ofIoU+1
		}
		if !math.IsNaN(f.Acc) {
			acc, ofAcc = acc+f.Acc, ofAcc+1
		}
	}
	return iou / ofIoU, acc / ofAcc, right / pixels
}
