package image

import "math"

// The ways to bring an image to a square, as open_clip's resize_mode names them.
const (
	Shortest = "shortest" // the shorter side becomes the square's, the rest is cut off
	Longest  = "longest"  // the longer side becomes the square's, borders fill the rest
	Squash   = "squash"   // both sides become the square's
)

// TallFirst is the version of Pillow from which tall images are resized along
// their columns first, which changes pixels by a few levels. Results published
// before the end of 2026 were made by older ones.
const TallFirst = 13

// Preparation is how an image becomes the square that a tower reads, which a
// checkpoint's own files say. All but Size may be zero: CLIP's way, bicubic, the
// shorter side and a centre crop, as torchvision and Pillow up to 12 do it.
type Preparation struct {
	Size      int    // pixels of a side
	Mode      string // Shortest (also ""), Longest or Squash
	Filter    Filter // Bicubic or Bilinear
	Fill      uint8  // grey level of the borders
	FloorCrop bool   // offsets of the crop are rounded down, as Hugging Face does, and not to even
	Pillow    int    // major version that is reproduced; 0 is the one before TallFirst
}

// Apply gives the square; only its pixels are computed.
func (p Preparation) Apply(img *RGB) *RGB {
	out := New(p.Size, p.Size)
	p.fill(img, out)
	return out
}

// Normalize writes the square to dst as the function Normalize does.
func (p Preparation) Normalize(img *RGB, mean, std [3]float32, dst []float32) {
	out := scratch(p.Size, p.Size)
	p.fill(img, out)
	Normalize(out, mean, std, dst)
	recycle(out)
}

func (p Preparation) fill(img, out *RGB) {
	size := p.Size
	switch p.Mode {
	case Squash:
		p.resample(img, size, size, 0, 0, out)
		return
	case Longest:
		p.longest(img, out)
		return
	}
	w, h := size, size
	if img.W <= img.H {
		h = int(float64(size) * float64(img.H) / float64(img.W)) // [size, h]
	} else {
		w = int(float64(size) * float64(img.W) / float64(img.H))
	}
	p.resample(img, w, h, p.offset(w), p.offset(h), out)
}

// offset is where the crop begins on a side of this length.
func (p Preparation) offset(length int) int {
	if p.FloorCrop {
		return (length - p.Size) / 2
	}
	return cropOffset(length, p.Size)
}

// longest is open_clip's ResizeKeepRatio and CenterCropOrPad: Python rounds half
// to even, and the smaller half of a border stands left and above.
func (p Preparation) longest(img, out *RGB) {
	size := p.Size
	ratio := max(float64(img.W), float64(img.H)) / float64(size)
	w := max(1, int(math.RoundToEven(float64(img.W)/ratio)))
	h := max(1, int(math.RoundToEven(float64(img.H)/ratio)))
	small := scratch(w, h)
	p.resample(img, w, h, 0, 0, small)
	for i := range out.Pix {
		out.Pix[i] = p.Fill
	}
	x, y := (size-w)/2, (size-h)/2
	for r := range h {
		copy(out.Pix[((y+r)*size+x)*3:], small.Pix[r*w*3:(r+1)*w*3])
	}
	recycle(small)
}

func (p Preparation) resample(img *RGB, w, h, x, y int, out *RGB) {
	if p.Pillow >= TallFirst && isTall(img, w, h) {
		resampleTall(img, w, h, p.Filter, x, y, out)
		return
	}
	resample(img, w, h, p.Filter, x, y, out)
}
