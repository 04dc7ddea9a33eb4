package image

import (
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPHashIsImagehash: the hashes of the same files are those of Python's imagehash, bit for bit
// (testdata/make_phash.py).
func TestPHashIsImagehash(t *testing.T) {
	raw, err := os.ReadFile("testdata/phash.txt")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for line := range strings.Lines(string(raw)) {
		name, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		file, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := DecodeOnWhite(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := fmt.Sprintf("%016x", PHash(img)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		compared++
	}
	if compared < 15 {
		t.Errorf("%d hashes compared", compared)
	}
}

// TestPHashOfTheSamePicture: another size changes few bits, another picture many.
func TestPHashOfTheSamePicture(t *testing.T) {
	picture := func(name string) *RGB {
		file, err := os.ReadFile(filepath.Join("testdata/preprocess", name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := Decode(file)
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	a, b := picture("00_RGB_640x480.jpg"), picture("03_RGB_1000x225.jpg")
	if d := bits.OnesCount64(PHash(a) ^ PHash(Resize(a, 160, 120, Bicubic))); d > 4 {
		t.Errorf("a quarter of the size: %d bits differ", d)
	}
	if d := bits.OnesCount64(PHash(a) ^ PHash(b)); d < 16 {
		t.Errorf("another picture: %d bits differ", d)
	}
}
