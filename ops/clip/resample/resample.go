// Package resample has the weights by which places of one axis are made of places of another:
// resizing of positions, of maps of logits and of windows, and RoIAlign. A plane is resampled along
// its two axes one after the other, so that on a device it is two products with these weights.
//
// Not here: resizing of pictures as Pillow does it (data/image).
package resample

import "math"

// Taps are, for each place of the output, the places of the input that it is made of.
type Taps []Tap

// Tap is one place of an output: the first place of the input that counts, and the weights from
// there on.
type Tap struct {
	First   int
	Weights []float64
}

// Apply weighs the middle axis of [count, from, width]: [count, len(t), width].
func (t Taps) Apply(x []float32, count, width int) []float32 {
	from := len(x) / (count * width)
	out := make([]float32, 0, count*len(t)*width)
	for i := range count {
		for _, place := range t {
			at := (i*from + place.First) * width
			for d := range width {
				sum := 0.0
				for k, weight := range place.Weights {
					sum += weight * float64(x[at+k*width+d])
				}
				out = append(out, float32(sum))
			}
		}
	}
	return out
}

// Matrix is the same as rows of weights [len(t), from], for a product.
func (t Taps) Matrix(from int) [][]float32 {
	rows := make([][]float32, len(t))
	for i, place := range t {
		rows[i] = make([]float32, from)
		for k, weight := range place.Weights {
			rows[i][place.First+k] += float32(weight)
		}
	}
	return rows
}

// After is t on the output of another resampling: both in one.
func (t Taps) After(before Taps) Taps {
	out := make(Taps, len(t))
	for i, place := range t {
		first, end := math.MaxInt, 0
		for k := range place.Weights {
			b := before[place.First+k]
			first, end = min(first, b.First), max(end, b.First+len(b.Weights))
		}
		weights := make([]float64, end-first)
		for k, weight := range place.Weights {
			b := before[place.First+k]
			for j, inner := range b.Weights {
				weights[b.First-first+j] += weight * inner
			}
		}
		out[i] = Tap{first, weights}
	}
	return out
}

// BicubicAntialiased are PyTorch's bicubic weights with antialias, which are Pillow's: Keys' kernel
// of a = -0.5, widened where there is less output than input. Checkpoints are resized with it.
func BicubicAntialiased(from, to int) Taps {
	t := make(Taps, to)
	scale := float64(from) / float64(to)
	wide := max(scale, 1)
	for i := range t {
		centre := scale * (float64(i) + 0.5)
		first := max(int(centre-2*wide+0.5), 0)
		end := min(int(centre+2*wide+0.5), from)
		weights := make([]float64, end-first)
		sum := 0.0
		for j := range weights {
			weights[j] = cubic((float64(first+j)+0.5-centre)/wide, -0.5)
			sum += weights[j]
		}
		for j := range weights {
			weights[j] /= sum
		}
		t[i] = Tap{first, weights}
	}
	return t
}

// Bicubic are PyTorch's bicubic weights without antialias: Keys' kernel of a = -0.75, with the
// first and the last place repeated beyond the edges. What is published of detection and
// segmentation resizes positions so.
func Bicubic(from, to int) Taps {
	t := make(Taps, to)
	for i := range t {
		at := float64(from)/float64(to)*(float64(i)+0.5) - 0.5
		low := int(math.Floor(at))
		inside := func(place int) int { return min(max(place, 0), from-1) }
		first := inside(low - 1)
		weights := make([]float64, inside(low+2)-first+1)
		for place := low - 1; place <= low+2; place++ {
			weights[inside(place)-first] += cubic(float64(place)-at, -0.75)
		}
		t[i] = Tap{first, weights}
	}
	return t
}

// cubic is Keys' kernel.
func cubic(x, a float64) float64 {
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return a * (((x-5)*x+8)*x - 4)
	}
	return 0
}

// Linear are PyTorch's bilinear weights without antialias and without aligned corners.
func Linear(from, to int) Taps {
	t := make(Taps, to)
	for i := range t {
		t[i] = between(from, float64(from)/float64(to)*(float64(i)+0.5)-0.5)
	}
	return t
}

// Windows are the weights of so many pixels by the windows that slide over them: each pixel lies
// between the centres of two, and beyond the first and the last centre it takes that window.
func Windows(windows, side, stride, pixels int) Taps {
	t := make(Taps, pixels)
	for i := range t {
		t[i] = between(windows, (float64(i)+0.5-float64(side)/2)/float64(stride))
	}
	return t
}

// between weighs the two places around a point, and takes the first or the last beyond them.
func between(from int, at float64) Tap {
	at = max(at, 0)
	first := int(at)
	if first >= from-1 {
		return Tap{from - 1, []float64{1}}
	}
	return Tap{first, []float64{1 - (at - float64(first)), at - float64(first)}}
}
