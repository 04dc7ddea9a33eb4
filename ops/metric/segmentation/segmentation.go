// Package segmentation counts the pixels of label maps, from which results/dense makes mIoU, mAcc
// and aAcc.
//
// It is not for reading label maps (data/labelmap), nor for making them of scores.
package segmentation

import (
	"fmt"

	"react/results"
)

// Counter counts the pixels of pictures, one after the other. It is for one goroutine.
type Counter struct {
	classes               []string
	ignored               int
	all, predicted, right [1 << 16]uint32 // by label
}

// NewCounter is for labels 0, 1 ... of these classes; pixels whose true label is ignored (255 of
// most benchmarks) are left out of all counts.
func NewCounter(classes []string, ignored int) *Counter {
	return &Counter{classes: classes, ignored: ignored}
}

// Count gives a row for each class that is said or true somewhere in the picture.
func Count[T uint8 | uint16](c *Counter, image string, predicted, truth []T) ([]results.Pixels, error) {
	if len(predicted) != len(truth) {
		return nil, fmt.Errorf("picture %s: %d predicted labels for %d true ones",
			image, len(predicted), len(truth))
	}
	if len(truth) > 0 {
		stretches(c, predicted, truth)
	}
	ignored := int(c.all[c.ignored])
	c.all[c.ignored] = 0
	rows, all, said := []results.Pixels{}, 0, 0
	for i, class := range c.classes {
		row := results.Pixels{Image: image, Class: class,
			Right: int(c.right[i]), Predicted: int(c.predicted[i]), All: int(c.all[i])}
		c.right[i], c.predicted[i], c.all[i] = 0, 0, 0
		all, said = all+row.All, said+row.Predicted
		if row.Predicted > 0 || row.All > 0 {
			rows = append(rows, row)
		}
	}
	if all != len(truth)-ignored {
		return nil, c.outside(image, "true", &c.all)
	}
	if said != all {
		return nil, c.outside(image, "predicted", &c.predicted)
	}
	if len(rows) == 0 {
		rows = append(rows, results.Pixels{Image: image})
	}
	return rows, nil
}

// stretches counts by stretches of equal pairs, of which label maps are made.
func stretches[T uint8 | uint16](c *Counter, predicted, truth []T) {
	lastP, lastT, n := predicted[0], truth[0], uint32(0)
	for i, t := range truth {
		if p := predicted[i]; p != lastP || t != lastT {
			c.add(uint16(lastP), uint16(lastT), n)
			lastP, lastT, n = p, t, 0
		}
		n++
	}
	c.add(uint16(lastP), uint16(lastT), n)
}

func (c *Counter) add(predicted, truth uint16, n uint32) {
	c.all[truth] += n
	if int(truth) == c.ignored {
		return
	}
	c.predicted[predicted] += n
	if predicted == truth {
		c.right[truth] += n
	}
}

// outside is the error of a label that is no class, and makes the counts empty again.
func (c *Counter) outside(image, whose string, counts *[1 << 16]uint32) error {
	at := len(c.classes)
	for counts[at] == 0 {
		at++
	}
	*c = *NewCounter(c.classes, c.ignored)
	return fmt.Errorf("picture %s: %s label %d, want 0 to %d or %d (ignored)",
		image, whose, at, len(c.classes)-1, c.ignored)
}
