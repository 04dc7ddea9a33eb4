package image

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func readImage(t testing.TB, name string) *RGB {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	img, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestFitAgainstImg2dataset holds each mode to what img2dataset gave: the same
// size, area averages within rounding, Lanczos within rounding but for 3 pixels of
// 100: at the edges OpenCV repeats the last pixel and we leave it out, and beside
// hard edges our overshoot is cut between the two passes.
func TestFitAgainstImg2dataset(t *testing.T) {
	img := readImage(t, "testdata/fit/original.png")
	goldens, _ := filepath.Glob("testdata/fit/*_*.png")
	if len(goldens) != 30 {
		t.Fatalf("%d goldens", len(goldens))
	}
	for _, name := range goldens {
		want := readImage(t, name)
		parts := strings.Split(strings.TrimSuffix(filepath.Base(name), ".png"), "_")
		n := len(parts)
		size, err := strconv.Atoi(parts[n-2])
		if err != nil {
			t.Fatal(err)
		}
		f := Fit{Mode: strings.Join(parts[:n-2], "_"), Size: size, OnlyIfBigger: parts[n-1] == "bigger"}
		if err := f.Validate(); err != nil {
			t.Fatal(err)
		}
		got, err := f.Apply(img)
		if err != nil {
			t.Fatal(err)
		}
		if got.W != want.W || got.H != want.H {
			t.Errorf("%+v: %dx%d, want %dx%d", f, got.W, got.H, want.W, want.H)
			continue
		}
		most := 0
		off := 0
		for i := range got.Pix {
			d := max(int(got.Pix[i])-int(want.Pix[i]), int(want.Pix[i])-int(got.Pix[i]))
			if d > 1 {
				off++
			}
			most = max(most, d)
		}
		larger := got.W > img.W || got.H > img.H
		if most > 1 && !larger || off > len(got.Pix)*3/100 {
			t.Errorf("%+v: a pixel is off by %d, %d of %d by more than 1", f, most, off, len(got.Pix))
		}
	}
}

func TestFitErrors(t *testing.T) {
	for want, f := range map[string]Fit{"is none of no, border": {Mode: "stretch", Size: 1}, "image size 0": {Mode: "border"}, "image size 20000": {Mode: "keep_ratio", Size: 20000}} {
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", f, err, want)
		}
	}
	thin := New(1000, 1)
	if got, err := (Fit{Mode: "keep_ratio_largest", Size: 10}).Apply(thin); err != nil || got.W != 10 || got.H != 1 {
		t.Errorf("a thin image became %dx%d", got.W, got.H)
	}
}

func TestEncodeJPEG(t *testing.T) {
	img := readImage(t, "testdata/fit/original.png")
	size := 0
	for _, quality := range []int{20, 95} {
		raw, err := EncodeJPEG(img, quality)
		if err != nil || !bytes.HasPrefix(raw, []byte("\xff\xd8\xff")) || len(raw) <= size {
			t.Fatalf("quality %d: %d bytes, %v", quality, len(raw), err)
		}
		size = len(raw)
		back, err := Decode(raw)
		if err != nil || back.W != img.W || back.H != img.H {
			t.Fatalf("quality %d: %v", quality, err)
		}
		sum := 0
		for i := range img.Pix {
			d := int(img.Pix[i]) - int(back.Pix[i])
			sum += d * d
		}
		if limit := map[int]int{20: 2500, 95: 500}[quality]; sum/len(img.Pix) > limit {
			t.Errorf("quality %d: mean square error %d", quality, sum/len(img.Pix))
		}
	}
	for want, img := range map[string]*RGB{"0x0 pixels": New(0, 0), "the format ends at 65535": New(70000, 1)} {
		if _, err := EncodeJPEG(img, 90); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := EncodeJPEG(img, 101); err == nil {
		t.Error("quality 101: no error")
	}
}

func TestEncodePNG(t *testing.T) {
	img := readImage(t, "testdata/fit/original.png")
	size := 1 << 30
	for _, effort := range []int{1, 6, 9} {
		raw, err := EncodePNG(img, effort)
		if err != nil || len(raw) > size {
			t.Fatalf("effort %d: %d bytes, %v", effort, len(raw), err)
		}
		size = len(raw)
		if back, err := Decode(raw); err != nil || !bytes.Equal(back.Pix, img.Pix) {
			t.Errorf("effort %d: other pixels, %v", effort, err)
		}
	}
	for effort, want := range map[int]string{0: "effort 0", 10: "effort 10"} {
		if _, err := EncodePNG(img, effort); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := EncodePNG(New(0, 3), 6); err == nil {
		t.Error("an image of no pixels: no error")
	}
}
