package encode

import (
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

func TestTokensBeforePooling(t *testing.T) {
	c := cliptest.Stir(cliptest.SmallModel(1, false))
	pixels, ids := parityInput(c.Config)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		enc, err := New(e, c, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		image, err := enc.ImageTokens(pixels, parityRows)
		if err != nil {
			t.Fatal(err)
		}
		text, err := enc.TextTokens(ids, parityRows)
		if err != nil {
			t.Fatal(err)
		}
		features, _ := enc.Images(pixels, parityRows)
		captions, _ := enc.Texts(ids, parityRows)
		v, x := c.Config.Model.Vision, c.Config.Model.Text
		for i := range parityRows {
			class := image[i*v.Tokens()*v.Width:][:v.Width]
			end := slices.Index(ids[i*x.ContextLength:], int32(x.VocabSize-1))
			last := text[(i*x.ContextLength+end)*x.Width:][:x.Width]
			if err := cliptest.CloseTo(projected(class, c.Weights.At("visual.proj")), features[i*8:(i+1)*8], 1e-5); err != nil {
				t.Errorf("image %d: %v", i, err)
			}
			if err := cliptest.CloseTo(projected(last, c.Weights.At("text_projection")), captions[i*8:(i+1)*8], 1e-5); err != nil {
				t.Errorf("caption %d: %v", i, err)
			}
		}
	})
}

// projected is x·W, scaled to length 1.
func projected(x []float32, w *clip.Tensor) []float32 {
	out := make([]float32, w.Shape[1])
	sum := float32(0)
	for j := range out {
		for i := range x {
			out[j] += x[i] * w.Data[i*len(out)+j]
		}
		sum += out[j] * out[j]
	}
	for j := range out {
		out[j] /= cliptest.Sqrt32(sum)
	}
	return out
}

func TestEncoderErrors(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	enc, err := New(cliptest.OpenEngine(t, "go"), c, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enc.Images(make([]float32, 5), 1); err == nil {
		t.Error("pixels of no image")
	}
	if _, err := enc.Texts([]int32{-1, 0, 0, 0, 0, 0}, 1); err == nil || !strings.Contains(err.Error(), "token id -1") {
		t.Errorf("a negative id: %v", err)
	}
	if x, err := enc.Images(nil, 0); err != nil || len(x) != 0 {
		t.Errorf("no images: %v, %v", x, err)
	}
	w := c.Weights.Clone()
	w.Put("visual.proj", []int{1, 1}, []float32{0})
	if _, err := New(cliptest.OpenEngine(t, "go"), &clip.Checkpoint{Config: c.Config, Weights: w}, 2); err == nil || !strings.Contains(err.Error(), `"visual.proj" is [1 1]`) {
		t.Errorf("a misshapen parameter: %v", err)
	}
}

// TestDevicesEmbedAsOne: batches that several devices take give the bits of one, in their order.
func TestDevicesEmbedAsOne(t *testing.T) {
	c := cliptest.Stir(cliptest.SmallModel(1, false))
	pixels, ids := parityInput(c.Config)
	pixels, ids = slices.Repeat(pixels, 3), slices.Repeat(ids, 3)
	const rows = 3 * parityRows
	embed := func(devices int) (images, texts []float32) {
		enc, err := New(cliptest.OnDevices(t, devices), c, 2)
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		if got, want := enc.AtOnce(), 2*devices; got != want {
			t.Errorf("%d devices: %d rows at once, want %d", devices, got, want)
		}
		if images, err = enc.Images(pixels, rows); err != nil {
			t.Fatal(err)
		}
		if texts, err = enc.Texts(ids, rows); err != nil {
			t.Fatal(err)
		}
		return images, texts
	}
	images, texts := embed(1)
	for _, devices := range []int{2, 4} {
		gotImages, gotTexts := embed(devices)
		if !slices.Equal(gotImages, images) || !slices.Equal(gotTexts, texts) {
			t.Errorf("%d devices give other embeddings than one", devices)
		}
	}
}
