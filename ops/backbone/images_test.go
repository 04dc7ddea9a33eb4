package backbone

import (
	"slices"
	"testing"

	"react/data/image"
)

// TestSourceKeepsItsImages reads each image twice: what it keeps is not overwritten by the next
// image, which may be decoded into the same memory.
func TestSourceKeepsItsImages(t *testing.T) {
	var files [][]byte
	for v := range 8 {
		img := image.New(8, 8)
		for i := range img.Pix {
			img.Pix[i] = uint8(30 * v)
		}
		raw, err := image.EncodeJPEG(img, 90)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, raw)
	}
	source := &Source{N: len(files), Read: func(i int) ([]byte, error) { return files[i], nil }}
	norm := Normalization{Preparation: image.Preparation{Size: 8}, std: [3]float32{1, 1, 1}}
	first, again := make([]float32, norm.values()), make([]float32, norm.values())
	decoded := make([][]float32, len(files))
	for i := range files {
		if err := source.load(i, norm, first); err != nil {
			t.Fatal(err)
		}
		decoded[i] = slices.Clone(first)
	}
	for i := range files {
		if err := source.load(i, norm, again); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again, decoded[i]) {
			t.Errorf("image %d: got %v, want %v", i, again[0], decoded[i][0])
		}
	}
}
