package image

import (
	"math"
	"math/rand/v2"
)

// Augment makes random views for training. The zero value changes nothing: its
// view is Preprocess.
type Augment struct {
	// Crop is the range of the view's share of the image's area; 0 and 0: no
	// random crop.
	Crop [2]float64 `json:"crop"`
	// Ratio is the range of the crop's width over its height, drawn evenly on a
	// logarithmic scale; 0 and 0: 3/4 to 4/3.
	Ratio [2]float64 `json:"ratio"`
	// Flip is the probability of a horizontal flip.
	Flip float64 `json:"flip"`
	// Color is the strength s of jitter: brightness, contrast and saturation
	// are each multiplied by a number from 1-s to 1+s.
	Color float64 `json:"color"`
	// RandAugment is a setting in timm's notation, such as REACT's
	// rand-m9-mstd0.5-inc1; empty: none. timm drops jitter beside it, here both
	// are done when both are asked for.
	RandAugment string `json:"randAugment,omitempty"`
	// Erasing is the probability of random erasing, which only View does: the
	// noise is of the normalised values.
	Erasing float64 `json:"erasing,omitempty"`
}

// Validate says what is wrong with RandAugment, which is a text.
func (a Augment) Validate() error {
	_, err := parsePolicy(a.RandAugment)
	return err
}

// View draws a normalised view [3, p.Size, p.Size] into dst: Apply with mean as the
// colour that warped images leave behind, Normalize, random erasing. It is a
// function of the image, the fields, the numbers given and the state of rng:
// seeded by (seed, position in the run), and so by (seed, sample, epoch), it is
// the same in every run. Augment must be valid.
func (a Augment) View(img *RGB, p Preparation, mean, std [3]float32, rng *rand.Rand, dst []float32) {
	Normalize(a.apply(img, p, fillColor(mean), rng), mean, std, dst)
	erase(dst, p.Size, a.Erasing, rng)
}

// fillColor is timm's: the mean as a colour.
func fillColor(mean [3]float32) (fill [3]uint8) {
	for c, m := range mean {
		fill[c] = uint8(min(max(math.RoundToEven(255*float64(m)), 0), 255))
	}
	return fill
}

// Apply draws a view of size x size pixels, without erasing; a warped image
// leaves grey behind. It is a function of the image, the fields, the size and
// the state of rng. The result shares no memory with img. Augment must be valid.
func (a Augment) Apply(img *RGB, size int, rng *rand.Rand) *RGB {
	return a.apply(img, Preparation{Size: size}, [3]uint8{128, 128, 128}, rng)
}

// apply prepares the image as p says; a random crop is resized as open_clip does,
// whatever else p says, in the order of its Pillow.
func (a Augment) apply(img *RGB, p Preparation, fill [3]uint8, rng *rand.Rand) *RGB {
	var out *RGB
	if a.Crop == [2]float64{} {
		out = p.Apply(img)
	} else {
		x, y, w, h := a.box(img.W, img.H, rng)
		out = Preparation{Size: p.Size, Mode: Squash, Pillow: p.Pillow}.Apply(view(img, x, y, w, h))
	}
	if a.Flip > 0 && rng.Float64() < a.Flip {
		flip(out)
	}
	if a.Color > 0 {
		a.jitter(out, rng)
	}
	if p, err := parsePolicy(a.RandAugment); err != nil {
		panic(err) // Validate has not been called
	} else if p != nil {
		out = p.apply(out, fill, rng)
	}
	return out
}

// view is the part of an image, cut out where it is not the whole.
func view(img *RGB, x, y, w, h int) *RGB {
	if w == img.W && h == img.H {
		return img
	}
	return crop(img, x, y, w, h)
}

// box is torchvision's RandomResizedCrop.get_params: ten tries, then the
// largest centred box whose ratio is in range.
func (a Augment) box(width, height int, rng *rand.Rand) (x, y, w, h int) {
	ratio := a.Ratio
	if ratio == [2]float64{} {
		ratio = [2]float64{3.0 / 4, 4.0 / 3}
	}
	for range 10 {
		area := float64(width*height) * uniform(rng, a.Crop[0], a.Crop[1])
		r := math.Exp(uniform(rng, math.Log(ratio[0]), math.Log(ratio[1])))
		w = int(math.RoundToEven(math.Sqrt(area * r)))
		h = int(math.RoundToEven(math.Sqrt(area / r)))
		if 0 < w && w <= width && 0 < h && h <= height {
			return rng.IntN(width - w + 1), rng.IntN(height - h + 1), w, h
		}
	}
	w, h = width, height
	if in := float64(width) / float64(height); in < ratio[0] {
		h = max(1, int(math.RoundToEven(float64(w)/ratio[0])))
	} else if in > ratio[1] {
		w = max(1, int(math.RoundToEven(float64(h)*ratio[1])))
	}
	return (width - w) / 2, (height - h) / 2, w, h
}

func uniform(rng *rand.Rand, lo, hi float64) float64 { return lo + float64((hi-lo)*rng.Float64()) }

// flip mirrors left and right in place.
func flip(img *RGB) {
	for y := range img.H {
		row := img.Pix[y*img.W*3:][:img.W*3]
		for i, j := 0, len(row)-3; i < j; i, j = i+3, j-3 {
			row[i], row[j] = row[j], row[i]
			row[i+1], row[j+1] = row[j+1], row[i+1]
			row[i+2], row[j+2] = row[j+2], row[i+2]
		}
	}
}

// jitter changes brightness, contrast and saturation, in this order, in place.
func (a Augment) jitter(img *RGB, rng *rand.Rand) {
	factor := func() float64 { return uniform(rng, max(0, 1-a.Color), 1+a.Color) }
	brightness, contrast, saturation := factor(), factor(), factor()
	var table [256]uint8
	for v := range table {
		table[v] = clampByte(float64(v) * brightness)
	}
	var sum int
	for i := 0; i < len(img.Pix); i += 3 {
		p := img.Pix[i : i+3 : i+3]
		p[0], p[1], p[2] = table[p[0]], table[p[1]], table[p[2]]
		sum += luma(p)
	}
	mean := float64(sum) / float64(len(img.Pix)/3)
	for v := range table {
		table[v] = clampByte(mean + float64((float64(v)-mean)*contrast))
	}
	for i := 0; i < len(img.Pix); i += 3 {
		p := img.Pix[i : i+3 : i+3]
		p[0], p[1], p[2] = table[p[0]], table[p[1]], table[p[2]]
		grey := float64(luma(p))
		for c, v := range p {
			p[c] = clampByte(grey + float64((float64(v)-grey)*saturation))
		}
	}
}

func clampByte(v float64) uint8 { return uint8(min(max(v+0.5, 0), 255)) }

// luma is Pillow's grey of a pixel.
func luma(p []uint8) int {
	return (int(p[0])*19595 + int(p[1])*38470 + int(p[2])*7471 + 1<<15) >> 16
}
