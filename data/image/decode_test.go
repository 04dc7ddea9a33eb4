package image

import (
	"bytes"
	"encoding/binary"
	stdimage "image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"runtime"
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
			if differ > 0 {
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
		{"text", []byte("<html>404</html>"), `not an image that is read (jpeg, png, gif, webp, bmp, tiff, ppm): starts with "<html>40"`},
		{"jpeg header alone", jpg[:20], "jpeg: "},
		{"jpeg cut in the scan", jpg[:len(jpg)-100], "jpeg: Premature end of JPEG file"},
		{"jpeg without end mark", jpg[:len(jpg)-2], "jpeg: Premature end of JPEG file"},
		{"jpeg of 4 gigapixels", hugeJPG, "image of 60000x60000 pixels is over 178 million"},
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

// TestBombs: files of few bytes that claim more than 200 megapixels, or nothing,
// are refused before memory is taken for them.
func TestBombs(t *testing.T) {
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join("testdata", "formats", name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	// resized writes sizes, little-endian of n bytes, or big-endian of -n.
	resized := func(name string, w, h uint32, at, n int) []byte {
		raw := read(name)
		put := func(b []byte, v uint32) {
			for i := range max(n, -n) {
				shift := 8 * i
				if n < 0 {
					shift = 8 * (-n - 1 - i)
				}
				b[i] = byte(v >> shift)
			}
		}
		put(raw[at:], w)
		put(raw[at+max(n, -n):], h)
		return raw
	}
	sof := bytes.Index(read("444.jpg"), []byte{0xff, 0xc0}) + 5
	tiffSize := func(w, h uint32) []byte {
		raw := read("lzw.tiff")
		at := int(binary.LittleEndian.Uint32(raw[4:]))
		for i := range int(binary.LittleEndian.Uint16(raw[at:])) {
			e := raw[at+2+12*i:]
			for tag, v := range map[uint16]uint32{256: w, 257: h} {
				if binary.LittleEndian.Uint16(e) == tag {
					binary.LittleEndian.PutUint16(e[2:], 4) // long
					binary.LittleEndian.PutUint32(e[8:], v)
				}
			}
		}
		return raw
	}
	animation := read("animated.webp")
	copy(animation[24:], []byte{0xff, 0x3f, 0, 0xff, 0x3f, 0})
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"jpeg":             {resized("444.jpg", 20000, 20000, sof, -2), "image of 20000x20000 pixels is over 178 million"},
		"jpeg of no width": {resized("444.jpg", 16, 0, sof, -2), "jpeg: "},
		// its checksum is wrong now
		"png":             {resized("rgba.png", 20000, 20000, 16, -4), "png: "},
		"gif":             {resized("interlaced.gif", 65535, 65535, 6, 2), "gif: image of 65535x65535 pixels is over 178 million"},
		"gif of no size":  {resized("interlaced.gif", 0, 0, 6, 2), "gif: "},
		"bmp":             {resized("rgb.bmp", 20000, 20000, 18, 4), "bmp: image of 20000x20000 pixels is over 178 million"},
		"tiff":            {tiffSize(1<<20, 1<<20), "tiff: image of 1048576x1048576 pixels is over 178 million"},
		"tiff of no size": {tiffSize(0, 13), "tiff: "},
		"webp":            {animation, "webp: image of 16384x16384 pixels is over 178 million"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			img, err := Decode(c.raw)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want %q", img, err, c.want)
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 8<<20 {
				t.Errorf("%d MiB taken for %d bytes", taken>>20, len(c.raw))
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
	f.Add([]byte("P6\n# a\n2 1\n255\n\x01\x02\x03\x04\x05\x06"))
	f.Add([]byte("P5 1 2 255 ab"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, onWhite := range []bool{false, true} {
			// A header may claim 178 million pixels; that takes memory, not care.
			small := newBounds(1_000_000, maxBytes, maxBytes)
			c := claim{bounds: &small}
			img, err := decode(raw, onWhite, &c)
			c.release()
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

// Decode drops alpha: the colour under it stays.
func Decode(b []byte) (*RGB, error) { return decodeAlone(b, false) }
