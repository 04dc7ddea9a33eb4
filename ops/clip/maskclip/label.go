package maskclip

import (
	"react/ops/blas"
	"react/ops/clip/resample"
)

// Pixels say of each pixel of a picture which places of a map it lies between, along both axes.
type Pixels struct {
	Rows, Columns resample.Taps
}

// OfMap are the pixels of a picture of original sides by a map of so many places, heights first. The
// tower read the picture resized to some sides and filled up; the map covers so many pixels of
// that. It is bilinear to what the tower read, and from there to the original size, in one.
func OfMap(places, covers, read, original [2]int) Pixels {
	axis := func(i int) resample.Taps {
		toRead := resample.Linear(places[i], covers[i])[:read[i]]
		return resample.Linear(read[i], original[i]).After(toRead)
	}
	return Pixels{axis(0), axis(1)}
}

// Labels are the classes with the largest logit at each pixel, of a map of so many places a row:
// logits [places, classes], which are resized and not their classes. Of equal logits the lower class
// is taken. There are at most 255 classes, as a label map has.
func (p Pixels) Labels(logits blas.Matrix, width int) []uint8 {
	out := make([]uint8, len(p.Rows)*len(p.Columns))
	blas.Share(len(p.Rows), func(start, end int) {
		row := make([]float32, width*logits.Cols)
		pixel := make([]float32, logits.Cols)
		for y := start; y < end; y++ {
			clear(row)
			for k, weight := range p.Rows[y].Weights {
				from := (p.Rows[y].First + k) * len(row)
				add(row, float32(weight), logits.Values[from:from+len(row)])
			}
			for x, tap := range p.Columns {
				clear(pixel)
				for k, weight := range tap.Weights {
					from := (tap.First + k) * len(pixel)
					add(pixel, float32(weight), row[from:from+len(pixel)])
				}
				out[y*len(p.Columns)+x] = best(pixel)
			}
		}
	})
	return out
}

// add adds weight·x to sum.
func add(sum []float32, weight float32, x []float32) {
	for i, v := range x {
		sum[i] += weight * v
	}
}

func best(logits []float32) uint8 {
	at := 0
	for c, v := range logits {
		if v > logits[at] {
			at = c
		}
	}
	return uint8(at)
}
