package image

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// noise is the image of testdata/make_prepare.py.
func noise(w, h int) *RGB {
	img := New(w, h)
	for y := range h {
		for x := range w {
			for c := range 3 {
				img.Pix[(y*w+x)*3+c] = uint8((x*x*7 + y*y*13 + x*y*5 + c*101) % 251)
			}
		}
	}
	return img
}

// TestPreparationEqualsPillow holds every way to make a square to the bytes of
// Pillow 12 and 13.
func TestPreparationEqualsPillow(t *testing.T) {
	raw, err := os.ReadFile("testdata/prepare.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != 432 {
		t.Fatalf("%d lines", len(lines))
	}
	differ := map[string]string{}
	for _, line := range lines {
		var w, h int
		var filter, rounding, want string
		p := Preparation{Fill: 7}
		if _, err := fmt.Sscan(line, &w, &h, &p.Size, &p.Mode, &filter, &rounding, &p.Pillow, &want); err != nil {
			t.Fatal(err)
		}
		p.Filter = map[string]Filter{"bicubic": Bicubic, "bilinear": Bilinear}[filter]
		p.FloorCrop = rounding == "floor"
		out := p.Apply(noise(w, h))
		if got := fmt.Sprintf("%x", sha256.Sum256(out.Pix))[:16]; got != want || out.W != p.Size || out.H != p.Size {
			t.Errorf("%s: got %s", line, got)
		}
		key := strings.Join(strings.Fields(line)[:6], " ")
		if first, ok := differ[key]; ok && first == want {
			delete(differ, key)
		} else if !ok {
			differ[key] = want
		}
	}
	if len(differ) < 50 { // or the versions are not told apart
		t.Errorf("the versions differ on %d images only", len(differ))
	}
}

// TestZeroPreparation is what every stage did before there was a choice.
func TestZeroPreparation(t *testing.T) {
	for _, size := range [][2]int{{33, 200}, {200, 33}, {40, 41}} {
		img := noise(size[0], size[1])
		a, b := Preprocess(img, 16), Preparation{Size: 16, Mode: Shortest, Pillow: TallFirst - 1}.Apply(img)
		if string(a.Pix) != string(b.Pix) {
			t.Errorf("%v: the default is not Pillow 12's", size)
		}
	}
}

// TestNormalizeInSpareImage gives the square's values whatever a recycled image held.
func TestNormalizeInSpareImage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	modes, got, want := []string{Shortest, Longest, Squash}, make([]float32, 3*40*40), make([]float32, 3*40*40)
	for i := range 200 {
		img := random(1+rng.IntN(90), 1+rng.IntN(90), rng.Uint64())
		if i%4 == 0 {
			img = random(40, 1+rng.IntN(90), rng.Uint64()) // one axis stays, or both
		}
		p := Preparation{Size: 40, Mode: modes[i%3], Fill: 7, Pillow: 12 + i%2}
		dirty := New(100, 100)
		for j := range dirty.Pix {
			dirty.Pix[j] = 255
		}
		recycle(dirty)
		p.Normalize(img, clipMean, clipStd, got)
		Normalize(p.Apply(img), clipMean, clipStd, want)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v of %dx%d: differs from Apply and Normalize", p, img.W, img.H)
		}
	}
}
