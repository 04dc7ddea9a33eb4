package rle

import (
	"fmt"
	"math"
	"slices"
)

// finer is how much finer than pixels an outline is walked.
const finer = 5

// farthest bounds a coordinate, and with it the steps of the walk.
const farthest = 1 << 17

// Polygon is the mask inside an outline x0, y0, x1, y1, ..., which is closed. The outline is walked
// in steps of a fifth of a pixel, and where it crosses the middle of a column, the column changes
// between outside and inside: pixels at the border differ from those of any even-odd rule, so this
// follows pycocotools step by step.
func Polygon(outline []float64, height, width int) (Mask, error) {
	if err := checkSize(height, width); err != nil {
		return Mask{}, err
	}
	if len(outline)%2 != 0 || len(outline) < 6 {
		return Mask{}, fmt.Errorf("a polygon of %d numbers, want x and y of at least three points", len(outline))
	}
	points := make([]int, 0, len(outline)+2) // x, y in fifths of a pixel
	for i, v := range outline {
		if !(math.Abs(v) <= farthest) {
			return Mask{}, fmt.Errorf("number %d of a polygon is %g, want at most %d", i, v, farthest)
		}
		points = append(points, int(float64(finer*v)+.5))
	}
	points = append(points, points[0], points[1])
	w := outlineWalk{height: height, width: width}
	for i := 0; i+3 < len(points); i += 2 {
		w.side(points[i], points[i+1], points[i+2], points[i+3])
	}
	return Mask{height, width, w.runs()}, nil
}

// outlineWalk walks along an outline and collects where it crosses the middles of columns.
type outlineWalk struct {
	height, width int
	crossings     []uint32 // numbers of pixels, column by column
	x, y          int      // the last point, in fifths of a pixel
	begun         bool
}

// side walks from one corner to the next, along the longer axis. The steps of a side are those of
// the side in the other direction, taken backwards.
func (w *outlineWalk) side(x0, y0, x1, y1 int) {
	dx, dy := abs(x1-x0), abs(y1-y0)
	flat := dx >= dy
	backwards := flat && x0 > x1 || !flat && y0 > y1
	if backwards {
		x0, y0, x1, y1 = x1, y1, x0, y0
	}
	steps, slope := dy, float64(x1-x0)/float64(dy)
	if flat {
		steps, slope = dx, float64(y1-y0)/float64(dx)
	}
	if steps == 0 { // both corners are one point
		slope = 0
	}
	for d := range steps + 1 {
		t := d
		if backwards {
			t = steps - d
		}
		if flat {
			w.point(x0+t, int(float64(y0)+float64(slope*float64(t))+.5))
		} else {
			w.point(int(float64(x0)+float64(slope*float64(t))+.5), y0+t)
		}
	}
}

// point goes on to a point; a step over the middle of a column is a crossing.
func (w *outlineWalk) point(x, y int) {
	lastX, lastY := w.x, w.y
	w.x, w.y = x, y
	if !w.begun || x == lastX {
		w.begun = true
		return
	}
	column := min(x, lastX)
	if x > lastX {
		column = x - 1
	}
	// the middle of a column is its third fifth
	if column < 0 || column%finer != finer/2 || column/finer >= w.width {
		return
	}
	row := math.Ceil((float64(min(y, lastY))+.5)/finer - .5)
	row = min(max(row, 0), float64(w.height))
	w.crossings = append(w.crossings, uint32(column/finer*w.height+int(row)))
}

// runs are the stretches between crossings. Two crossings at one pixel undo each other.
func (w *outlineWalk) runs() []uint32 {
	at := append(w.crossings, uint32(w.height*w.width))
	slices.Sort(at)
	lengths := make([]uint32, 1, len(at))
	lengths[0] = at[0]
	for i := 1; i < len(at); i++ {
		if n := at[i] - at[i-1]; n > 0 {
			lengths = append(lengths, n)
			continue
		}
		if i++; i < len(at) {
			lengths[len(lengths)-1] += at[i] - at[i-1]
		}
	}
	return lengths
}

func abs(n int) int { return max(n, -n) }
