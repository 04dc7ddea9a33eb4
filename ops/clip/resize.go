package clip

import (
	"fmt"
	"maps"
	"slices"

	"react/ops/clip/resample"
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
		w.Put(name, []int{n, width}, resample.Linear(old, n).Apply(w.At(name).Data, 1, width))
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
	t := resample.BicubicAntialiased(from, to)
	rows := t.Apply(x[width:], from, width) // [from, to, D]
	grid := t.Apply(rows, 1, to*width)      // [to, to, D]
	return slices.Concat(x[:width:width], grid)
}
