package encode

import (
	"fmt"
	"math"
	"math/rand/v2"

	"react/ops/clip"
	"react/ops/engine"
)

// Parity embeds the same two images and two captions with both checkpoints and
// gives the largest difference of a value of the embeddings, which are of length
// 1. The input is fixed: normal pixels and random tokens before an end of text.
func Parity(e *engine.Engine, a, b *clip.Checkpoint) (image, text float64, err error) {
	if a.Config.ImageSize() != b.Config.ImageSize() || a.Config.ContextLength() != b.Config.ContextLength() || a.Config.VocabSize() != b.Config.VocabSize() {
		return 0, 0, fmt.Errorf("the models do not take the same input: %s, and %s", a.Config.Describe(), b.Config.Describe())
	}
	pixels, ids := parityInput(a.Config)
	imagesA, textsA, err := embedBoth(e, a, pixels, ids)
	if err != nil {
		return 0, 0, err
	}
	imagesB, textsB, err := embedBoth(e, b, pixels, ids)
	if err != nil {
		return 0, 0, err
	}
	return farthest(imagesA, imagesB), farthest(textsA, textsB), nil
}

const parityRows = 2

func parityInput(c clip.Config) (pixels []float32, ids []int32) {
	rng := rand.New(rand.NewPCG(1, 2))
	pixels = make([]float32, parityRows*3*c.ImageSize()*c.ImageSize())
	for i := range pixels {
		pixels[i] = float32(rng.NormFloat64())
	}
	ids = make([]int32, parityRows*c.ContextLength())
	for i := range parityRows {
		row := ids[i*c.ContextLength() : (i+1)*c.ContextLength()]
		end := (i + 1) * (len(row) - 1) / parityRows
		for j := range end {
			row[j] = int32(rng.IntN(c.VocabSize()))
		}
		row[end] = int32(c.VocabSize() - 1)
	}
	return pixels, ids
}

func embedBoth(e *engine.Engine, c *clip.Checkpoint, pixels []float32, ids []int32) (images, texts []float32, err error) {
	enc, err := New(e, c, parityRows)
	if err != nil {
		return nil, nil, err
	}
	defer enc.Close()
	if images, err = enc.Images(pixels, parityRows); err != nil {
		return nil, nil, err
	}
	texts, err = enc.Texts(ids, parityRows)
	return images, texts, err
}

// farthest is the largest difference, infinite where a value is none.
func farthest(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if !(d <= most) {
			most = d
		}
		if math.IsNaN(d) {
			return math.Inf(1)
		}
	}
	return most
}
