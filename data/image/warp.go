package image

import (
	"math"
	"strconv"
)

// warp is Pillow's Image.transform with AFFINE and BICUBIC: what lies outside
// the image is fill. Unlike Resize it does not antialias, and its cubic is the
// one with a = -1.
func warp(img *RGB, m affine, fill [3]uint8) *RGB {
	out := New(img.W, img.H)
	for y := range out.H {
		for x := range out.W {
			d := out.Pix[(y*out.W+x)*3:][:3:3]
			px, py := float64(x)+0.5, float64(y)+0.5
			sx := float64(m[0]*px) + float64(m[1]*py) + m[2]
			sy := float64(m[3]*px) + float64(m[4]*py) + m[5]
			if sx < 0 || sx >= float64(img.W) || sy < 0 || sy >= float64(img.H) {
				d[0], d[1], d[2] = fill[0], fill[1], fill[2]
				continue
			}
			img.sample(sx-0.5, sy-0.5, d)
		}
	}
	return out
}

// sample interpolates the pixel at (x, y), where whole numbers are the pixels'
// centres.
func (img *RGB) sample(x, y float64, dst []uint8) {
	fx, fy := math.Floor(x), math.Floor(y)
	dx, dy := x-fx, y-fy
	x0, y0 := int(fx)-1, int(fy)-1
	var columns [4]int
	for i := range columns {
		columns[i] = min(max(x0+i, 0), img.W-1) * 3
	}
	for c := range dst {
		var rows [4]float64
		for j := range rows {
			// A row past the bottom repeats the one before it, one above the top the first.
			if j > 0 && (y0+j < 0 || y0+j >= img.H) {
				rows[j] = rows[j-1]
				continue
			}
			row := img.Pix[min(max(y0+j, 0), img.H-1)*img.W*3+c:]
			rows[j] = cubic(float64(row[columns[0]]), float64(row[columns[1]]), float64(row[columns[2]]), float64(row[columns[3]]), dx)
		}
		dst[c] = clipped(cubic(rows[0], rows[1], rows[2], rows[3], dy))
	}
}

// cubic interpolates between b and c; each product is rounded, as in C.
func cubic(a, b, c, d, at float64) float64 {
	p2 := -a + c
	p3 := float64(2*(a-b)) + c - d
	p4 := -a + b - c + d
	return b + float64(at*(p2+float64(at*(p3+float64(at*p4)))))
}

// round15 rounds to 15 decimals, as Python's round does.
func round15(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', 15, 64), 64)
	if err != nil { // of NaN and infinity alone, which no angle gives
		return v
	}
	return r
}
