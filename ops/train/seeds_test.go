package train

import (
	"bytes"
	"context"
	stdimage "image"
	"image/png"
	"slices"
	"testing"

	"react/data/image"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/internal/optest"
)

// TestSeedsReachWhatTheyVary looks at each thing that a seed is for alone: where one is the same
// for all seeds, the others hide it.
func TestSeedsReachWhatTheyVary(t *testing.T) {
	b := &backbone.Backbone{Checkpoint: &clip.Checkpoint{Config: optest.SmallModel(t), Weights: clip.Init(optest.SmallModel(t), 1)}}
	var gates [][]float32
	for seed := range int64(3) {
		c, err := gated(b, TuneParams{Mode: clip.GatedImage, GatedDepth: 1, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.Weights.Names() {
			if b.Checkpoint.Weights.At(name) == nil && len(c.Weights.At(name).Data) > 32*32 {
				gates = append(gates, c.Weights.At(name).Data)
				break
			}
		}
	}
	if len(gates) != 3 || slices.Equal(gates[0], gates[1]) || slices.Equal(gates[1], gates[2]) {
		t.Errorf("gates of three seeds are the same, or are not there: %d", len(gates))
	}
	first := viewOf(t, 1)
	if slices.Equal(first, viewOf(t, 2)) {
		t.Error("two seeds see the same view of an image")
	}
	if !slices.Equal(first, viewOf(t, 1)) {
		t.Error("one seed sees two views of the same step")
	}
}

// viewOf is what the first step of a seed sees of the only image.
func viewOf(t *testing.T, seed uint64) []float32 {
	t.Helper()
	img := stdimage.NewGray(stdimage.Rect(0, 0, 40, 40))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * i)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	source := &backbone.Source{N: 1, Read: func(int) ([]byte, error) { return file.Bytes(), nil }}
	training := &Training{Images: source, Norm: backbone.NormalizationOf(optest.SmallModel(t)), Batch: 1, Seed: seed, Steps: 1,
		context: 4, tokens: make([]int32, 4), Augment: image.Augment{Crop: [2]float64{0.2, 0.9}, Ratio: [2]float64{0.75, 1.33}}}
	b := training.newBatch()
	if err := training.fill(context.Background(), 1, newSampler(1, seed), b); err != nil {
		t.Fatal(err)
	}
	return b.batch.Pixels
}
