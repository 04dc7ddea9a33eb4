// Package places reads pictures place by place: regions of them for detection, embedded once for all
// that is computed on them (regions.go), and maps of them for segmentation.
//
// Words: a region is a box of a picture that is to be named; a proposal is a box before it is one;
// a place is a cell of a map, a window a square of pixels that is embedded as an image of its own.
//
// Not here: the graphs (ops/clip), formats of files (data/coco, data/labelmap), scoring
// (ops/evaluate).
package places

import (
	"fmt"
	"math"

	"react/data/image"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/resample"
)

// What places and regions are read from, beside the maps of package encode.
const (
	Auto   = "auto"   // C4 of a ResNet, Value of a ViT
	Crop   = "crop"   // a square around each box, as an image
	Window = "window" // squares that slide over the picture, as images
)

// Reading is how pictures are read.
type Reading struct {
	Features string `json:"features"` // encode.C4, Value or Tokens; Crop, Window; Auto
	// pixels that a picture's shorter and longer side are brought to: as many as both allow; none:
	// it stays as it is
	Side []int `json:"side,omitempty"`
	// of a crop: the share of its box's longer side that is added around it
	Margin float64 `json:"margin,omitempty"`
	Stride int     `json:"stride,omitempty"` // of windows, pixels; 0: half a window
}

// sizeOf are the sides that a picture is resized to. What is published does the same, with the
// bounds in either order.
func (r Reading) sizeOf(height, width int) (int, int) {
	if len(r.Side) == 0 {
		return height, width
	}
	short, long := float64(min(r.Side[0], r.Side[1])), float64(max(r.Side[0], r.Side[1]))
	scale := min(short/float64(min(height, width)), long/float64(max(height, width)))
	side := func(n int) int { return max(1, int(float64(n)*scale+0.5)) }
	return side(height), side(width)
}

// of is the reading of a model, with what it leaves open.
func (r Reading) of(cfg clip.Config) Reading {
	if r.Features == Auto {
		r.Features = encode.Value
		if cfg.ResNet() {
			r.Features = encode.C4
		}
	}
	if r.Stride == 0 {
		r.Stride = max(1, cfg.ImageSize()/2)
	}
	return r
}

// bucket is the step of the sides of what a tower reads: pictures are filled up to it, so that many
// sizes share a compiled program. It is the least multiple of places that is 32 pixels or more.
func bucket(cfg clip.Config) int {
	if cfg.ResNet() {
		return clip.ResNetStride
	}
	patch := cfg.Model.Vision.PatchSize
	return (31 + patch) / patch * patch
}

// prepared is what a tower is given of a picture, and what it made of it.
type prepared struct {
	height, width int            // of the picture as it is stored
	read          [2]int         // height and width that it was resized to
	picture       encode.Picture // that, normalised and filled up with the mean; of maps
	crops         []float32      // images of crops or windows, [n, 3, S, S]
	windows       [2]int         // rows and columns of them

	regions []float32 // embeddings of its boxes, once they are made
	labels  []uint8   // of its pixels, likewise
}

// preparer makes what a model reads.
type preparer struct {
	Reading
	cfg       clip.Config
	norm      backbone.Normalization
	mean, std [3]float32
}

func newPreparer(r Reading, cfg clip.Config) *preparer {
	p := &preparer{Reading: r.of(cfg), cfg: cfg, norm: backbone.NormalizationOf(cfg)}
	p.mean, p.std = cfg.Normalization()
	return p
}

// prepare makes what is read of a picture, and of boxes in it where those are cropped. More windows
// than memory is kept for are an error.
func (p *preparer) prepare(img *image.RGB, boxes []encode.Box) (prepared, error) {
	out := prepared{height: img.H, width: img.W}
	if p.Features == Crop {
		for _, b := range boxes {
			out.crops = append(out.crops, p.crop(img, b)...)
		}
		return out, nil
	}
	h, w := p.sizeOf(img.H, img.W)
	out.read = [2]int{h, w}
	if h != img.H || w != img.W {
		img = image.Resize(img, w, h, image.Bilinear)
	}
	if p.Features != Window {
		out.picture = p.filled(img)
		return out, nil
	}
	out.windows = p.windowCount(h, w)
	size, n := p.cfg.ImageSize(), out.windows[0]*out.windows[1]
	if most := mostValues / (3 * size * size); n > most {
		return out, fmt.Errorf("%d windows, and %d of a picture are read at most (a larger stride, or smaller sides)",
			n, most)
	}
	out.crops = make([]float32, 0, n*3*size*size)
	for i := range n {
		y, x := i/out.windows[1]*p.Stride, i%out.windows[1]*p.Stride
		out.crops = append(out.crops, p.square(img, x, y, size)...)
	}
	return out, nil
}

// filled is a picture's pixels with the mean at the right and below, up to a bucket.
func (p *preparer) filled(img *image.RGB) encode.Picture {
	step := bucket(p.cfg)
	up := func(n int) int { return (n + step - 1) / step * step }
	out := encode.Picture{Height: up(img.H), Width: up(img.W)}
	pixels := make([]float32, 3*img.W*img.H)
	image.Normalize(img, p.mean, p.std, pixels)
	if out.Height == img.H && out.Width == img.W {
		out.Pixels = pixels
		return out
	}
	out.Pixels = make([]float32, 3*out.Height*out.Width)
	for i := range 3 * img.H {
		copy(out.Pixels[(i/img.H*out.Height+i%img.H)*out.Width:], pixels[i*img.W:(i+1)*img.W])
	}
	return out
}

// square is the pixels of a square at a place as a tower reads an image; what lies outside of the
// picture has the mean colour.
func (p *preparer) square(img *image.RGB, x, y, side int) []float32 {
	part := image.New(side, side)
	for i := range part.Pix {
		part.Pix[i] = uint8(math.Round(255 * float64(p.mean[i%3])))
	}
	for row := max(y, 0); row < min(y+side, img.H); row++ {
		left, right := max(x, 0), min(x+side, img.W)
		if left < right {
			copy(part.Pix[((row-y)*side+left-x)*3:], img.Pix[(row*img.W+left)*3:(row*img.W+right)*3])
		}
	}
	pixels := make([]float32, 3*p.cfg.ImageSize()*p.cfg.ImageSize())
	p.norm.Normalize(part, p.mean, p.std, pixels)
	return pixels
}

// crop is the square around a box.
func (p *preparer) crop(img *image.RGB, b encode.Box) []float32 {
	side := float64(max(b[2]-b[0], b[3]-b[1])) * (1 + p.Margin)
	n := max(1, int(math.Round(side)))
	left := float64(b[0]+b[2])/2 - side/2
	top := float64(b[1]+b[3])/2 - side/2
	return p.square(img, int(math.Round(left)), int(math.Round(top)), n)
}

// windowCount is the rows and columns of windows of the tower's own size in a picture that is read at
// a size; the last of a row or a column may reach beyond it.
func (p *preparer) windowCount(height, width int) [2]int {
	size := p.cfg.ImageSize()
	along := func(side int) int { return max(0, side-size+p.Stride-1)/p.Stride + 1 }
	return [2]int{along(height), along(width)}
}

// mostValues bounds the windows of one picture that are in memory at a time: 1 GiB.
const mostValues = 1 << 28

// windowTaps are the weights of a picture's pixels by its windows, rows then columns.
func (p *preparer) windowTaps(of *prepared) (rows, columns resample.Taps) {
	size := p.cfg.ImageSize()
	along := func(i int) resample.Taps { return resample.Windows(of.windows[i], size, p.Stride, of.read[i]) }
	return along(0), along(1)
}

// check says why a model cannot be read so.
func (r Reading) check(cfg clip.Config) error {
	if r = r.of(cfg); r.Features == Crop || r.Features == Window {
		return nil
	}
	return encode.CanRead(cfg, r.Features)
}
