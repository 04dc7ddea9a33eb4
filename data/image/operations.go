package image

import "math"

// The operations of RandAugment that look at one pixel, with the pixels of
// Pillow's ImageOps and ImageEnhance. Each returns a new image.

// mapped puts each channel through its table.
func mapped(img *RGB, tables *[3][256]uint8) *RGB {
	out := New(img.W, img.H)
	for i := 0; i < len(img.Pix); i += 3 {
		p, q := img.Pix[i:i+3:i+3], out.Pix[i:i+3:i+3]
		q[0], q[1], q[2] = tables[0][p[0]], tables[1][p[1]], tables[2][p[2]]
	}
	return out
}

// mappedAlike puts all channels through f, whose result is clipped.
func mappedAlike(img *RGB, f func(v int) int) *RGB {
	var tables [3][256]uint8
	for v := range 256 {
		tables[0][v] = uint8(min(max(f(v), 0), 255))
	}
	tables[1], tables[2] = tables[0], tables[0]
	return mapped(img, &tables)
}

// histograms counts the values of each channel.
func histograms(img *RGB) (counts [3][256]int) {
	for i, v := range img.Pix {
		counts[i%3][v]++
	}
	return counts
}

// autoContrast stretches each channel to 0..255.
func autoContrast(img *RGB, _ float64, _ [3]uint8) *RGB {
	var tables [3][256]uint8
	for c, counts := range histograms(img) {
		lo, hi := 0, 255
		for lo < 255 && counts[lo] == 0 {
			lo++
		}
		for hi > 0 && counts[hi] == 0 {
			hi--
		}
		scale, offset := 1.0, 0.0
		if hi > lo {
			scale = 255 / float64(hi-lo)
			offset = float64(-lo) * scale
		}
		for v := range 256 {
			tables[c][v] = uint8(min(max(int(float64(float64(v)*scale)+offset), 0), 255))
		}
	}
	return mapped(img, &tables)
}

// equalize makes the values of each channel about equally frequent.
func equalize(img *RGB, _ float64, _ [3]uint8) *RGB {
	var tables [3][256]uint8
	for c, counts := range histograms(img) {
		total, last, distinct := 0, 0, 0
		for _, n := range counts {
			if n > 0 {
				total, last, distinct = total+n, n, distinct+1
			}
		}
		step := (total - last) / 255
		n := step / 2
		for v := range 256 {
			if distinct <= 1 || step == 0 {
				tables[c][v] = uint8(v)
				continue
			}
			tables[c][v] = uint8(min(n/step, 255))
			n += counts[v]
		}
	}
	return mapped(img, &tables)
}

func invert(img *RGB, _ float64, _ [3]uint8) *RGB {
	return mappedAlike(img, func(v int) int { return 255 - v })
}

// posterize keeps the highest bits of a value; of no bits black is left (newer
// releases of Pillow refuse 0 bits, older ones give that).
func posterize(img *RGB, bits float64, _ [3]uint8) *RGB {
	mask := -1 << (8 - int(bits))
	return mappedAlike(img, func(v int) int { return v & mask })
}

// solarize inverts values from the threshold on.
func solarize(img *RGB, threshold float64, _ [3]uint8) *RGB {
	return mappedAlike(img, func(v int) int {
		if v < int(threshold) {
			return v
		}
		return 255 - v
	})
}

// solarizeAdd adds to values under 128.
func solarizeAdd(img *RGB, add float64, _ [3]uint8) *RGB {
	return mappedAlike(img, func(v int) int {
		if v < 128 {
			return v + int(add)
		}
		return v
	})
}

// blended is Pillow's Image.blend: from + factor*(to-from) in single precision,
// cut to whole numbers; from(i) is the value of the degenerate image.
func blended(img *RGB, factor float64, from func(i int) int) *RGB {
	out := New(img.W, img.H)
	if factor == 1 {
		copy(out.Pix, img.Pix)
		return out
	}
	alpha := float32(factor)
	for i, v := range img.Pix {
		base := from(i)
		out.Pix[i] = clipped(float32(base) + float32(alpha*float32(int(v)-base)))
	}
	return out
}

// clipped is v between 0 and 255, its fraction cut off.
func clipped[T float32 | float64](v T) uint8 {
	if v <= 0 {
		return 0
	}
	if v >= 255 {
		return 255
	}
	return uint8(v)
}

// saturate blends with the grey image ("Color").
func saturate(img *RGB, factor float64, _ [3]uint8) *RGB {
	return blended(img, factor, func(i int) int { return luma(img.Pix[i-i%3:][:3:3]) })
}

// contrast blends with the mean of the grey image.
func contrast(img *RGB, factor float64, _ [3]uint8) *RGB {
	sum := 0
	for i := 0; i < len(img.Pix); i += 3 {
		sum += luma(img.Pix[i:][:3:3])
	}
	mean := int(float64(sum)/float64(len(img.Pix)/3) + 0.5)
	return blended(img, factor, func(int) int { return mean })
}

// brighten blends with black.
func brighten(img *RGB, factor float64, _ [3]uint8) *RGB {
	return blended(img, factor, func(int) int { return 0 })
}

// sharpen blends with the smoothed image.
func sharpen(img *RGB, factor float64, _ [3]uint8) *RGB {
	smooth := smoothed(img)
	return blended(img, factor, func(i int) int { return int(smooth.Pix[i]) })
}

// smoothed is Pillow's SMOOTH: 3x3 ones with 5 in the middle, over 13; the
// border stays. Whole numbers give what Pillow's single precision gives, since
// no sum comes nearer to a boundary than 1/26.
func smoothed(img *RGB) *RGB {
	out := New(img.W, img.H)
	copy(out.Pix, img.Pix)
	row := img.W * 3
	for y := 1; y+1 < img.H; y++ {
		for i := y*row + 3; i < (y+1)*row-3; i++ {
			sum := 4 * int(img.Pix[i])
			for _, j := range [3]int{i - row, i, i + row} {
				sum += int(img.Pix[j-3]) + int(img.Pix[j]) + int(img.Pix[j+3])
			}
			out.Pix[i] = uint8((2*sum + 13) / 26)
		}
	}
	return out
}

// affine is x' = m[0]x + m[1]y + m[2], y' = m[3]x + m[4]y + m[5] from the result
// to the image, in pixels.
type affine [6]float64

func shearX(img *RGB, factor float64, fill [3]uint8) *RGB {
	return warp(img, affine{1, factor, 0, 0, 1, 0}, fill)
}

func shearY(img *RGB, factor float64, fill [3]uint8) *RGB {
	return warp(img, affine{1, 0, 0, factor, 1, 0}, fill)
}

// translateX shifts by a share of the width.
func translateX(img *RGB, share float64, fill [3]uint8) *RGB {
	return warp(img, affine{1, 0, share * float64(img.W), 0, 1, 0}, fill)
}

func translateY(img *RGB, share float64, fill [3]uint8) *RGB {
	return warp(img, affine{1, 0, 0, 0, 1, share * float64(img.H)}, fill)
}

// rotate turns counter-clockwise about the centre.
func rotate(img *RGB, degrees float64, fill [3]uint8) *RGB {
	if degrees < 0 {
		degrees = math.Mod(degrees, 360) + 360
	}
	if degrees == 0 || degrees == 360 {
		out := New(img.W, img.H)
		copy(out.Pix, img.Pix)
		return out
	}
	angle := -(degrees * (math.Pi / 180))
	cos, sin := round15(math.Cos(angle)), round15(math.Sin(angle))
	cx, cy := float64(img.W)/2, float64(img.H)/2
	m := affine{cos, sin, 0, -sin, cos, 0}
	m[2] = float64(cos*-cx) + float64(sin*-cy) + cx
	m[5] = float64(-sin*-cx) + float64(cos*-cy) + cy
	return warp(img, m, fill)
}
