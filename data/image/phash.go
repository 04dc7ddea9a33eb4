package image

import (
	"math"
	"slices"
)

// hashSide is the side of the picture that PHash looks at, and hashBits that of the block of low
// frequencies that it keeps.
const hashSide, hashBits = 32, 8

// hashCosines are the terms of the cosine transform of PHash, [frequency, position].
var hashCosines = func() (c [hashBits][hashSide]float64) {
	for k := range hashBits {
		for n := range hashSide {
			c[k][n] = math.Cos(math.Pi * float64(k) * float64(2*n+1) / (2 * hashSide))
		}
	}
	return c
}()

// PHash is the perceptual hash of an image: the signs of its 64 lowest frequencies against their
// median, of the grey picture of 32 x 32 pixels. The first frequency is the highest bit. It is what
// Python's imagehash.phash gives, so hashes can be compared with those of other tools: images that
// differ in size, compression or a little colour differ in few bits.
func PHash(img *RGB) uint64 {
	grey := New(img.W, img.H)
	for i := 0; i < len(img.Pix); i += 3 {
		l := uint8(luma(img.Pix[i : i+3]))
		grey.Pix[i], grey.Pix[i+1], grey.Pix[i+2] = l, l, l
	}
	small := Resize(grey, hashSide, hashSide, lanczos)
	var rows [hashBits][hashSide]float64 // transformed along columns
	for k := range hashBits {
		for x := range hashSide {
			for y := range hashSide {
				rows[k][x] += float64(small.Pix[3*(y*hashSide+x)]) * hashCosines[k][y]
			}
		}
	}
	var low [hashBits * hashBits]float64
	for k := range hashBits {
		for j := range hashBits {
			for x := range hashSide {
				low[k*hashBits+j] += rows[k][x] * hashCosines[j][x]
			}
		}
	}
	return aboveMedian(low)
}

// aboveMedian has a bit for each value, the first the highest.
func aboveMedian(values [hashBits * hashBits]float64) uint64 {
	sorted := values
	slices.Sort(sorted[:])
	const mid = len(sorted) / 2
	median := (sorted[mid-1] + sorted[mid]) / 2
	var hash uint64
	for _, v := range values {
		hash <<= 1
		if v > median {
			hash |= 1
		}
	}
	return hash
}
