package clip

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Resize is the checkpoint for images of another side, in pixels, and captions
// of another number of tokens; 0 keeps what it has. Only positional embeddings
// change, as open_clip does it at loading (resize_pos_embed,
// resize_text_pos_embed): the image tower's are an image of its grid, resampled
// bicubically with antialiasing, the class token's apart; the text tower's are
// resampled linearly. A ResNet's attention pool is treated as the image tower of
// a ViT, which open_clip leaves alone. The receiver is left as it is, and its
// other tensors are shared. A side that the tower cannot take is an error.
func (c *Checkpoint) Resize(imageSize, context int) (*Checkpoint, error) {
	cfg := c.Config.withSizes(imageSize, context)
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("resize: %w", err)
	}
	if _, err := c.Weights.Check(c.Config); err != nil {
		return nil, fmt.Errorf("resize: %w", err)
	}
	w := &Weights{names: c.Weights.Names(), tensors: maps.Clone(c.Weights.tensors)}
	v := cfg.Model.Vision
	if old := c.Config.Model.Vision.grid(); old != v.grid() {
		name := v.positions()
		w.Put(name, []int{v.Tokens(), v.Features()}, resizeGrid(w.At(name).Data, old, v.grid()))
	}
	if old, n := c.Config.ContextLength(), cfg.ContextLength(); old != n {
		const name = "positional_embedding"
		width := cfg.Model.Text.Width
		w.Put(name, []int{n, width}, resample(w.At(name).Data, width, 1, linearTaps(old, n)))
	}
	return &Checkpoint{Config: cfg, Weights: w}, nil
}

func (c Config) withSizes(imageSize, context int) Config {
	if imageSize != 0 {
		c.Model.Vision.ImageSize = imageSize
	}
	if context != 0 {
		c.Model.Text.ContextLength = context
	}
	return c
}

// positions is the parameter that has a row for each token of the image tower.
func (v Vision) positions() string {
	if v.ResNet() {
		return AttentionPool + ".positional_embedding"
	}
	return "visual.positional_embedding"
}

// resizeGrid resamples embeddings of a token and a grid, [1+from*from, D], to
// [1+to*to, D].
func resizeGrid(x []float32, from, to int) []float32 {
	width := len(x) / (1 + from*from)
	t := bicubicTaps(from, to)
	rows := resample(x[width:], width, from, t) // [from, to, D]
	grid := resample(rows, to*width, 1, t)      // [to, to, D]
	return slices.Concat(x[:width:width], grid)
}

// taps are, for each place of the output, the first place of the input that
// counts and the weights from there on, of sum 1.
type taps []struct {
	first   int
	weights []float64
}

// resample weighs the middle axis of [count, from, width]: [count, to, width].
func resample(x []float32, width, count int, t taps) []float32 {
	from := len(x) / (count * width)
	out := make([]float32, 0, count*len(t)*width)
	for i := range count {
		for _, place := range t {
			at := (i*from + place.first) * width
			for d := range width {
				sum := 0.0
				for k, weight := range place.weights {
					sum += weight * float64(x[at+k*width+d])
				}
				out = append(out, float32(sum))
			}
		}
	}
	return out
}

// bicubicTaps are PyTorch's with antialias, which are Pillow's: Keys' kernel of
// a = -0.5, widened where there is less output than input.
func bicubicTaps(from, to int) taps {
	t := make(taps, to)
	scale := float64(from) / float64(to)
	wide := max(scale, 1)
	for i := range t {
		centre := scale * (float64(i) + 0.5)
		first := max(int(centre-2*wide+0.5), 0)
		end := min(int(centre+2*wide+0.5), from)
		weights := make([]float64, end-first)
		sum := 0.0
		for j := range weights {
			weights[j] = cubic((float64(first+j) + 0.5 - centre) / wide)
			sum += weights[j]
		}
		for j := range weights {
			weights[j] /= sum
		}
		t[i].first, t[i].weights = first, weights
	}
	return t
}

// cubic is Keys' kernel of a = -0.5.
func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return a * (((x-5)*x+8)*x - 4)
	}
	return 0
}

// linearTaps are PyTorch's without antialias and without aligned corners.
func linearTaps(from, to int) taps {
	t := make(taps, to)
	for i := range t {
		at := max(float64(from)/float64(to)*(float64(i)+0.5)-0.5, 0)
		first := int(at)
		if first >= from-1 {
			t[i].first, t[i].weights = from-1, []float64{1}
			continue
		}
		t[i].first, t[i].weights = first, []float64{1 - (at - float64(first)), at - float64(first)}
	}
	return t
}
