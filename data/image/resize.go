package image

import "math"

// Filter is a resampling rule.
type Filter uint8

const (
	// Bicubic is Pillow's, with a = -0.5 and antialiasing.
	Bicubic Filter = iota
	// Bilinear is Pillow's triangle filter, antialiased too.
	Bilinear
	// area is the mean of what a pixel covers, parts of pixels by their share: for
	// making images smaller.
	area
	// lanczos4 is the sinc windowed to four lobes a side: for making images larger.
	lanczos4
	// lanczos is Pillow's, with three lobes.
	lanczos
)

func (f Filter) support() float64 {
	switch f {
	case Bicubic:
		return 2
	case lanczos4:
		return 4
	case lanczos:
		return 3
	}
	return 1
}

// at is the filter's value; the products are rounded one by one, as Pillow's
// are, also where the machine has a fused multiply-add.
func (f Filter) at(x float64) float64 {
	x = math.Abs(x)
	switch f {
	case Bilinear:
		return max(0, 1-x)
	case lanczos4:
		return sinc(x, 4) * sinc(x/4, 4)
	case lanczos:
		return sinc(x, 3) * sinc(x/3, 3)
	}
	const a = -0.5
	switch {
	case x < 1:
		return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * a
	}
	return 0
}

// precision is the number of fraction bits of a weight: 32 less 8 of the pixel
// and 2 for overshoot.
const precision = 32 - 8 - 2

// weights are the taps of output positions from to from+n along one axis.
type weights struct {
	first []int   // first input position of each
	count []int   // its number of taps
	size  int     // stride of taps
	taps  []int32 // [n, size]
}

// newWeights is Pillow's precompute_coeffs and normalize_coeffs_8bpc.
func newWeights(f Filter, in, out, from, n int) weights {
	scale := float64(in) / float64(out)
	filterScale := max(scale, 1)
	support := f.support() * filterScale
	w := weights{first: make([]int, n), count: make([]int, n), size: int(math.Ceil(support))*2 + 1}
	w.taps = make([]int32, n*w.size)
	values := make([]float64, w.size)
	for i := range n {
		center := (float64(from+i) + 0.5) * scale
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), in)
		sum := 0.0
		if f == area {
			lo, hi = int(float64(from+i)*scale), min(int(math.Ceil(float64(from+i+1)*scale)), in)
		}
		for x := lo; x < hi; x++ {
			v := 0.0
			if f == area {
				v = min(float64(x+1), float64(from+i+1)*scale) - max(float64(x), float64(from+i)*scale)
			} else {
				v = f.at((float64(x) - center + 0.5) * (1 / filterScale))
			}
			values[x-lo] = v
			sum += v
		}
		w.first[i], w.count[i] = lo, hi-lo
		for x := range hi - lo {
			v := values[x]
			if sum != 0 {
				v /= sum
			}
			w.taps[i*w.size+x] = fixed(v)
		}
	}
	return w
}

// sinc is sin(πx)/πx within some lobes, 0 beyond.
func sinc(x, lobes float64) float64 {
	switch {
	case x == 0:
		return 1
	case math.Abs(x) >= lobes:
		return 0
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// fixed rounds half away from zero.
func fixed(v float64) int32 {
	if v < 0 {
		return int32(-0.5 + float64(v*(1<<precision)))
	}
	return int32(0.5 + float64(v*(1<<precision)))
}

func clip8(v int32) uint8 { return uint8(min(max(v>>precision, 0), 255)) }

// Resize scales the whole image to w x h pixels.
func Resize(img *RGB, w, h int, f Filter) *RGB {
	out := New(w, h)
	resample(img, w, h, f, 0, 0, out)
	return out
}

// resample fills out with the part at (x, y) of the image resized to w x h: first along
// rows into 8 bits, then along columns, as Pillow up to 12 does. An axis whose
// length stays is copied.
func resample(img *RGB, w, h int, f Filter, x, y int, out *RGB) {
	if w == img.W && h == img.H {
		copyPart(img, x, y, out)
		return
	}
	horizontal := func(y int, out *RGB) { copyPart(img, x, y, out) }
	if w != img.W {
		taps := newWeights(f, img.W, w, x, out.W)
		horizontal = func(y int, out *RGB) { rows(img, taps, 0, y, out) }
	}
	if h == img.H {
		horizontal(y, out)
		return
	}
	vertical := newWeights(f, img.H, h, y, out.H)
	y0, y1 := vertical.inputs() // input rows needed
	mid := scratch(out.W, y1-y0)
	horizontal(y0, mid)
	columns(mid, vertical, y0, out)
	recycle(mid)
}

// resampleTall does the passes in the other order.
func resampleTall(img *RGB, w, h int, f Filter, x, y int, out *RGB) {
	vertical, horizontal := newWeights(f, img.H, h, y, out.H), newWeights(f, img.W, w, x, out.W)
	x0, x1 := horizontal.inputs()
	y0, y1 := vertical.inputs()
	part, mid := scratch(x1-x0, y1-y0), scratch(x1-x0, out.H)
	copyPart(img, x0, y0, part)
	columns(part, vertical, y0, mid)
	rows(mid, horizontal, x0, 0, out)
	recycle(part)
	recycle(mid)
}

// isTall is where Pillow from version 13 on begins with the columns: the height
// shrinks, and by more than twice of what the width shrinks by.
func isTall(img *RGB, w, h int) bool {
	return w != img.W && img.H > h && img.H-h > 2*(img.W-w)
}

// inputs is the range of positions that the taps need.
func (w *weights) inputs() (from, to int) {
	last := len(w.first) - 1
	return w.first[0], w.first[last] + w.count[last]
}

// of are the weights of output position i.
func (w *weights) of(i int) []int32 { return w.taps[i*w.size:][:w.count[i]] }

// rows fills out with rows from y0 on, resized; img begins at column x0 of what taps refer to.
// Vectors do it where the build and the processor have them (resize_avx2.go), and the bytes are the
// same.
func rows(img *RGB, taps weights, x0, y0 int, out *RGB) {
	if !vectorRows(img, taps, x0, y0, out) {
		scalarRows(img, taps, x0, y0, out)
	}
}

func scalarRows(img *RGB, taps weights, x0, y0 int, out *RGB) {
	for y := range out.H {
		src := img.Pix[(y0+y)*img.W*3 : (y0+y+1)*img.W*3]
		dst := out.Pix[y*out.W*3 : (y+1)*out.W*3]
		for x := range out.W {
			k := taps.of(x)
			p := src[(taps.first[x]-x0)*3:]
			p = p[:len(k)*3]
			r, g, b := int32(1<<(precision-1)), int32(1<<(precision-1)), int32(1<<(precision-1))
			for i, v := range k {
				q := p[3*i : 3*i+3 : 3*i+3]
				r += int32(q[0]) * v
				g += int32(q[1]) * v
				b += int32(q[2]) * v
			}
			d := dst[3*x : 3*x+3 : 3*x+3]
			d[0], d[1], d[2] = clip8(r), clip8(g), clip8(b)
		}
	}
}

// columns fills out with resized columns, as rows does; img begins at row y0 of what taps refer to.
func columns(img *RGB, taps weights, y0 int, out *RGB) {
	if !vectorColumns(img, taps, y0, out) {
		scalarColumns(img, taps, y0, out)
	}
}

func scalarColumns(img *RGB, taps weights, y0 int, out *RGB) {
	sums := make([]int32, img.W*3)
	for y := range out.H {
		for i := range sums {
			sums[i] = 1 << (precision - 1)
		}
		for i, v := range taps.of(y) {
			row := img.Pix[(taps.first[y]-y0+i)*img.W*3:][:len(sums)]
			for j, p := range row {
				sums[j] += int32(p) * v
			}
		}
		dst := out.Pix[y*out.W*3:][:len(sums)]
		for j, s := range sums {
			dst[j] = clip8(s)
		}
	}
}

// Preprocess is CLIP's: the zero Preparation's square of size x size pixels.
func Preprocess(img *RGB, size int) *RGB { return Preparation{Size: size}.Apply(img) }
