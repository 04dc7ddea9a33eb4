// Package image decodes images and prepares them for CLIP, with the pixels that
// Pillow and torchvision give: CLIP's accuracy depends on the decoder and on
// antialiasing. JPEG goes through libjpeg-turbo, resizing follows Pillow's
// fixed-point rule; both are equal to Pillow bit for bit (see the golden
// tests). Random views for training are made here too.
//
// It is for pixels only: no files, no parallelism, which belongs to callers. EXIF
// orientation is not applied, since the reference does not: open_clip, torchvision
// and webdataset hand on what Image.open and convert("RGB") give. All functions may
// be called concurrently.
//
// Of an animation the first frame is read, which Pillow starts with too. Not read,
// though Pillow does: BMP with run lengths or 16 bits, TIFF in CMYK, Lab or with
// JPEG inside.
package image

import (
	"fmt"
	stdimage "image"
	"slices"
	"sync"
)

// RGB is an image of 8 bits a channel.
type RGB struct {
	W, H int
	Pix  []uint8 // [H, W, 3]
}

// New returns a black image.
func New(w, h int) *RGB { return &RGB{W: w, H: h, Pix: make([]uint8, w*h*3)} }

// spare are images that nothing refers to any more: clearing and collecting one for each step took
// a third of the time of an image.
var spare = sync.Pool{New: func() any { return new(RGB) }}

// scratch returns an image of undefined pixels, for recycle once it is done with.
func scratch(w, h int) *RGB {
	img := spare.Get().(*RGB)
	img.W, img.H, img.Pix = w, h, slices.Grow(img.Pix[:0], w*h*3)[:w*h*3]
	return img
}

// recycle takes an image that nothing refers to. Larger ones than most are left to the collector.
func recycle(img *RGB) {
	if cap(img.Pix) <= 4<<20 {
		spare.Put(img)
	}
}

// checkSize refuses sizes that are no image's, or of more pixels than limit.
func checkSize(w, h, limit int) error {
	if w <= 0 || h <= 0 {
		return fmt.Errorf("image of %dx%d pixels", w, h)
	}
	if w > limit/h {
		return fmt.Errorf("image of %dx%d pixels is over %d million, the limit", w, h, limit/1_000_000)
	}
	return nil
}

// crop copies the w x h pixels at (x, y); what lies outside is black.
func crop(img *RGB, x, y, w, h int) *RGB {
	out := New(w, h)
	copyPart(img, x, y, out)
	return out
}

// copyPart fills out with the pixels from (x, y) on and leaves it as it is where those lie outside.
func copyPart(img *RGB, x, y int, out *RGB) {
	x0, x1 := max(x, 0), min(x+out.W, img.W)
	if x0 >= x1 {
		return
	}
	for r := max(y, 0); r < min(y+out.H, img.H); r++ {
		copy(out.Pix[((r-y)*out.W+x0-x)*3:], img.Pix[(r*img.W+x0)*3:(r*img.W+x1)*3])
	}
}

// CenterCrop is torchvision's: the offset is rounded half to even, and a side
// shorter than size gets black borders.
func CenterCrop(img *RGB, size int) *RGB {
	x, y := cropOffset(img.W, size), cropOffset(img.H, size)
	return crop(img, x, y, size, size)
}

// cropOffset is Python's int(round((length-size)/2)). A negative offset is a
// border, which torchvision makes (size-length)/2 rounded down.
func cropOffset(length, size int) int {
	d := length - size
	if d < 0 {
		return -((-d) / 2)
	}
	return d/2 + d/2&1*(d&1)
}

// Normalize writes (value/255 - mean)/std of each channel to dst [3, H, W], in
// float32 as torchvision does.
func Normalize(img *RGB, mean, std [3]float32, dst []float32) {
	var table [3][256]float32
	for c := range 3 {
		for v := range 256 {
			table[c][v] = (float32(v)/255 - mean[c]) / std[c]
		}
	}
	n := img.W * img.H
	r, g, b := dst[:n], dst[n:2*n], dst[2*n:3*n]
	for i := range n {
		p := img.Pix[3*i : 3*i+3 : 3*i+3]
		r[i], g[i], b[i] = table[0][p[0]], table[1][p[1]], table[2][p[2]]
	}
}

// Standard is the image for the standard library's encoders.
func (img *RGB) Standard() *stdimage.NRGBA {
	out := stdimage.NewNRGBA(stdimage.Rect(0, 0, img.W, img.H))
	for i := range img.W * img.H {
		copy(out.Pix[4*i:4*i+3], img.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 255
	}
	return out
}
