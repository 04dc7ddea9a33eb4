package image

import (
	"bytes"
	"encoding/binary"
	stdimage "image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/data/npy"
)

// TestFormatsEqualPillow decodes images of many kinds (testdata/make_formats.py)
// to the pixels that Pillow gives, plainly and on white.
func TestFormatsEqualPillow(t *testing.T) {
	dir := filepath.Join("testdata", "formats")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	shape, want, err := npy.ReadInts(filepath.Join(dir, "expected.npy"))
	if err != nil {
		t.Fatal(err)
	}
	n, size := 0, shape[2]*shape[3]*shape[4]
	for _, e := range entries { // sorted, as the expected images are
		if filepath.Ext(e.Name()) == ".npy" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for k, decode := range []func([]byte) (*RGB, error){Decode, DecodeOnWhite} {
			img, err := decode(raw)
			if err != nil {
				t.Errorf("%s: %v", e.Name(), err)
				continue
			}
			if img.H != shape[2] || img.W != shape[3] {
				t.Errorf("%s: got %dx%d", e.Name(), img.W, img.H)
				continue
			}
			differ, worst := 0, 0
			for i, v := range want[(2*n+k)*size:][:size] {
				if d := max(v-int(img.Pix[i]), int(img.Pix[i])-v); d > 0 {
					differ++
					worst = max(worst, d)
				}
			}
			// The standard library forgets the colour of a GIF's transparent pixels.
			if isKnown := e.Name() == "transparent.gif" && k == 0; (differ > 0) != isKnown {
				t.Errorf("%s, on white %v: %d of %d values differ, by up to %d", e.Name(), k == 1, differ, size, worst)
			}
		}
		n++
	}
	if n != shape[0] {
		t.Errorf("%d files, %d expected images", n, shape[0])
	}
}

func TestSixteenBitKeepsHighBytes(t *testing.T) {
	src := stdimage.NewNRGBA64(stdimage.Rect(0, 0, 1, 1))
	src.SetNRGBA64(0, 0, color.NRGBA64{R: 0x12ff, G: 0xff00, B: 0x00ff, A: 0x8000})
	var buf bytes.Buffer
	if err := png.Encode(&buf, src); err != nil {
		t.Fatal(err)
	}
	img, err := Decode(buf.Bytes())
	if err != nil || !bytes.Equal(img.Pix, []byte{0x12, 0xff, 0}) {
		t.Errorf("got %v, %v", img, err)
	}
}

func TestDecodeErrors(t *testing.T) {
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join("testdata", "formats", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	jpg, pngFile := read("444.jpg"), read("rgba.png")
	huge := bytes.Clone(pngFile)
	binary.BigEndian.PutUint32(huge[16:], 1<<20)
	binary.BigEndian.PutUint32(huge[20:], 1<<20)
	hugeJPG := bytes.Clone(jpg)
	sof := bytes.Index(jpg, []byte{0xff, 0xc0})
	copy(hugeJPG[sof+5:], []byte{0xea, 0x60, 0xea, 0x60})
	for _, tc := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"no bytes", nil, "image of no bytes"},
		{"text", []byte("<html>404</html>"), `not an image that is read (jpeg, png, gif, webp, bmp, tiff): starts with "<html>40"`},
		{"jpeg header alone", jpg[:20], "jpeg: "},
		{"jpeg cut in the scan", jpg[:len(jpg)-100], "jpeg: Premature end of JPEG file"},
		{"jpeg without end mark", jpg[:len(jpg)-2], "jpeg: Premature end of JPEG file"},
		{"jpeg of 4 gigapixels", hugeJPG, "image of 60000x60000 pixels is over 200 million"},
		{"png cut", pngFile[:len(pngFile)/2], "png: invalid format"},
		{"png with a wrong checksum", append(bytes.Clone(pngFile[:45]), bytes.Repeat([]byte{7}, 400)...), "png: "},
		{"png of a terapixel", huge, "png: "},
		{"webp cut", read("lossy.webp")[:40], "webp: "},
		{"gif cut", read("transparent.gif")[:60], "gif: "},
		{"bmp cut", read("rgb.bmp")[:100], "bmp: "},
		{"tiff cut", read("lzw.tiff")[:100], "tiff: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			img, err := DecodeOnWhite(tc.raw)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, %v, want %q", img, err, tc.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join("testdata", "formats", "*.*"))
	for _, name := range files {
		if raw, err := os.ReadFile(name); err == nil && filepath.Ext(name) != ".npy" {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, onWhite := range []bool{false, true} {
			// A header may claim 200 million pixels; that takes memory, not care.
			img, err := decode(raw, onWhite, 1_000_000)
			if err != nil {
				continue
			}
			if img.W <= 0 || img.H <= 0 || len(img.Pix) != img.W*img.H*3 {
				t.Errorf("%dx%d with %d bytes", img.W, img.H, len(img.Pix))
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"formats/444.jpg", "formats/rgba.png", "preprocess/00_RGB_640x480.jpg"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(filepath.Base(name), func(b *testing.B) {
			for b.Loop() {
				if _, err := Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
