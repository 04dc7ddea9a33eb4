// Package rle holds masks as COCO writes them: run lengths of zeros and ones, column by column, and
// what the evaluation of boxes and masks asks of them.
//
//   - Mask, its pixels, area and bounding box
//   - text.go: the compressed string of COCO's files
//   - polygon.go: outlines to masks, by the rule of pycocotools
//   - overlap.go: intersection over union of masks and of boxes, with crowds
//
// All of it agrees with pycocotools to the last bit, quirks included: published figures were made
// with it. Coordinates are pixels of the unrotated picture, with (0, 0) at its left upper corner.
//
// It is not for label maps, which hold a class for each pixel (data/labelmap).
package rle

import (
	"errors"
	"fmt"
)

// Mask is a set of pixels of a picture. Its run lengths alternate between pixels outside and inside,
// beginning with those outside (0 where the first pixel is inside); columns follow each other from
// left to right, each from top to bottom. They sum to Height·Width.
type Mask struct {
	Height, Width int // pixels
	Runs          []uint32
}

// Box is x, y, width and height in pixels; x and y are of the left upper corner.
type Box [4]float64

// maxPixels bounds a mask's picture, so that a file of a few bytes cannot ask for all memory.
const maxPixels = 1 << 28

// New is the mask of run lengths. It keeps runs.
func New(height, width int, runs []uint32) (Mask, error) {
	if err := checkSize(height, width); err != nil {
		return Mask{}, err
	}
	sum := uint64(0)
	for _, n := range runs {
		sum += uint64(n)
	}
	if sum != uint64(height)*uint64(width) {
		return Mask{}, fmt.Errorf("run lengths sum to %d, want %d·%d = %d", sum, height, width, height*width)
	}
	return Mask{height, width, runs}, nil
}

func checkSize(height, width int) error {
	if height < 1 || width < 1 {
		return fmt.Errorf("a mask of %d×%d pixels (height by width), want at least one pixel", height, width)
	}
	if height > maxPixels/width {
		return fmt.Errorf("a mask of %d×%d pixels is over the %d that are read", height, width, maxPixels)
	}
	return nil
}

// Encode is the mask of the pixels that are not 0; pixels are [height, width].
func Encode(pixels []uint8, height, width int) (Mask, error) {
	if err := checkSize(height, width); err != nil {
		return Mask{}, err
	}
	if len(pixels) != height*width {
		return Mask{}, errors.New("another number of pixels than height times width")
	}
	runs := runs{}
	for x := range width {
		for y := range height {
			runs.add(pixels[y*width+x] != 0, 1)
		}
	}
	return Mask{height, width, runs.lengths}, nil
}

// Pixels are 0 and 1, [height, width].
func (m Mask) Pixels() []uint8 {
	pixels := make([]uint8, m.Height*m.Width)
	at := 0
	for i, n := range m.Runs {
		for range n {
			if i%2 == 1 {
				pixels[at%m.Height*m.Width+at/m.Height] = 1
			}
			at++
		}
	}
	return pixels
}

// Area is the number of pixels inside.
func (m Mask) Area() int {
	area := 0
	for i := 1; i < len(m.Runs); i += 2 {
		area += int(m.Runs[i])
	}
	return area
}

// Box is the smallest box around the pixels inside, zeros where there are none.
func (m Mask) Box() Box {
	if m.Area() == 0 {
		return Box{}
	}
	left, top, right, bottom := m.Width, m.Height, 0, 0
	at := 0 // the first pixel of a run
	for i, n := range m.Runs {
		end := at + int(n)
		if i%2 == 1 && n > 0 {
			last := end - 1
			left, right = min(left, at/m.Height), max(right, last/m.Height)
			top, bottom = min(top, at%m.Height), max(bottom, last%m.Height)
			if at/m.Height != last/m.Height { // a run over a column's end has its last and first row
				top, bottom = 0, m.Height-1
			}
		}
		at = end
	}
	return Box{float64(left), float64(top), float64(right - left + 1), float64(bottom - top + 1)}
}

// Union is the mask of the pixels that are in any of the masks, of which there is at least one and
// which are of one size.
func Union(masks ...Mask) Mask {
	all := masks[0]
	for _, m := range masks[1:] {
		joined := runs{}
		walk(all, m, func(a, b bool, n uint32) { joined.add(a || b, n) })
		all.Runs = joined.lengths
	}
	return all
}

// runs collects run lengths, without empty ones but the first.
type runs struct {
	lengths []uint32
	inside  bool // of the last run
}

func (r *runs) add(inside bool, n uint32) {
	switch {
	case n == 0:
		return
	case len(r.lengths) == 0 && inside:
		r.lengths = append(r.lengths, 0, n)
	case len(r.lengths) == 0 || inside != r.inside:
		r.lengths = append(r.lengths, n)
	default:
		r.lengths[len(r.lengths)-1] += n
	}
	r.inside = inside
}

// walk calls visit for each stretch of pixels in which neither mask changes.
func walk(a, b Mask, visit func(inA, inB bool, n uint32)) {
	i, j := 0, 0
	var left, right uint32 // what is left of the runs before i and j
	for {
		for left == 0 && i < len(a.Runs) {
			left = a.Runs[i]
			i++
		}
		for right == 0 && j < len(b.Runs) {
			right = b.Runs[j]
			j++
		}
		n := min(left, right)
		if n == 0 {
			return
		}
		visit(i%2 == 0, j%2 == 0, n)
		left, right = left-n, right-n
	}
}
