package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	stdimage "image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// pngOf is a grey PNG of these sizes, all black.
func pngOf(t testing.TB, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, stdimage.NewGray(stdimage.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withSize is a PNG that says other sizes than it has.
func withSize(raw []byte, w, h uint32) []byte {
	out := bytes.Clone(raw)
	binary.BigEndian.PutUint32(out[16:], w)
	binary.BigEndian.PutUint32(out[20:], h)
	binary.BigEndian.PutUint32(out[29:], crc32.ChecksumIEEE(out[12:29]))
	return out
}

// TestBudgetIsShared has eight workers with images of which two fit the budget.
func TestBudgetIsShared(t *testing.T) {
	raw := pngOf(t, 100, 100) // 4 bytes a pixel to decode, 3 to hold
	b := newBounds(maxPixels, 45_000, 85_000)
	var now, most, decoded atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				c := claim{bounds: &b}
				err := c.use(raw, true, func(img *RGB) error {
					n := now.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					decoded.Add(1)
					now.Add(-1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if most.Load() > 2 || decoded.Load() != 400 {
		t.Errorf("%d of %d images at a time, want at most 2", most.Load(), decoded.Load())
	}
	if !b.shared.TryAcquire(85_000) {
		t.Error("not all of the budget was given back")
	}
}

// TestBudgetAfterErrors wants all of the budget back from what does not decode,
// from a use that fails, and from one that panics.
func TestBudgetAfterErrors(t *testing.T) {
	b := newBounds(maxPixels, 1<<20, 1<<20)
	whole := pngOf(t, 100, 100)
	jpeg, err := os.ReadFile(filepath.Join("testdata", "formats", "cmyk.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"cut": whole[:len(whole)-20], "short": withSize(whole, 100, 101), "jpeg": jpeg[:len(jpeg)/2], "none": nil} {
		c := claim{bounds: &b}
		if err := c.use(raw, true, func(*RGB) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	wanted := errors.New("no")
	c := claim{bounds: &b}
	if err := c.use(whole, true, func(*RGB) error { return wanted }); err != wanted {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { _ = recover() }()
		c := claim{bounds: &b}
		_ = c.use(whole, true, func(*RGB) error { panic("no") })
	}()
	if !b.shared.TryAcquire(1 << 20) {
		t.Error("not all of the budget was given back")
	}
}

func TestOneImageOverTheBounds(t *testing.T) {
	b := newBounds(10_000, 50_000, 1<<20)
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"pixels":     {withSize(pngOf(t, 1, 1), 101, 100), "png: image of 101x100 pixels is over"},
		"interlaced": {interlaced(withSize(pngOf(t, 1, 1), 100, 100)), ""},
		"bytes":      {wide(withSize(pngOf(t, 1, 1), 100, 100)), "png: image of 100x100 pixels takes"},
	} {
		claim := claim{bounds: &b}
		if _, err := decode(c.raw, true, &claim); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if claim.held != 0 && c.want != "" {
			t.Errorf("%s: %d bytes are held", name, claim.held)
		}
		if name == "interlaced" && claim.held != 50_000 {
			t.Errorf("%s: %d bytes are held, want 3 and 2 a pixel", name, claim.held)
		}
	}
}

func interlaced(raw []byte) []byte { return header(raw, 28, 1) }

// wide is of 16 bits a channel, with alpha.
func wide(raw []byte) []byte { return header(header(raw, 24, 16), 25, 6) }

func header(raw []byte, at int, v byte) []byte {
	out := bytes.Clone(raw)
	out[at] = v
	binary.BigEndian.PutUint32(out[29:], crc32.ChecksumIEEE(out[12:29]))
	return out
}

func TestWebPFrameThatLies(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "formats", "lossless.webp"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(raw, []byte("VP8L"))
	chunk := bytes.Clone(raw[at:])
	bits := binary.LittleEndian.Uint32(chunk[9:])
	binary.LittleEndian.PutUint32(chunk[9:], bits|0x0fffffff) // 16384x16384
	extended := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x10\x00\x00\x00\x10\x00\x00\x0c\x00\x00"), chunk...)
	binary.LittleEndian.PutUint32(extended[4:], uint32(len(extended)-8))
	if _, err := Decode(extended); err == nil || !strings.Contains(err.Error(), "a frame of 16384x16384 pixels on a canvas of 17x13") {
		t.Errorf("got %v", err)
	}
	binary.LittleEndian.PutUint32(extended[39:], bits) // as it was
	if _, err := Decode(extended); err != nil {
		t.Errorf("a canvas of the frame's size: %v", err)
	}
}

// TestAncillaryChunksAreNotUnpacked has a colour profile of a gigabyte.
func TestAncillaryChunksAreNotUnpacked(t *testing.T) {
	raw := pngOf(t, 2, 2)
	for _, kind := range []string{"iCCP", "zTXt", "iTXt"} {
		body := append([]byte("a\x00\x00"), bytes.Repeat([]byte{0x55}, 1000)...) // not even zlib
		chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		chunk = append(append(chunk, kind...), body...)
		chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
		if _, err := Decode(append(append(bytes.Clone(raw[:33]), chunk...), raw[33:]...)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestSize wants what decoding gives, for all formats.
func TestSize(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "formats", "*.*"))
	if err != nil || len(names) < 40 {
		t.Fatal(len(names), err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(name) == ".npy" {
			continue
		}
		img, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if w, h, err := Size(raw); w != img.W || h != img.H || err != nil {
			t.Errorf("%s: %dx%d, %v, want %dx%d", name, w, h, err, img.W, img.H)
		}
	}
	if _, _, err := Size([]byte("\xff\xd8\xff")); err == nil {
		t.Error("a JPEG of three bytes has a size")
	}
	if _, _, err := Size(nil); err == nil {
		t.Error("no bytes have a size")
	}
}

// TestSubsamplingEqualsPillow decodes what TurboJPEG has no name for.
func TestSubsamplingEqualsPillow(t *testing.T) {
	dir := filepath.Join("testdata", "subsampling")
	text, err := os.ReadFile(filepath.Join(dir, "expected.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) < 11 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		name, want, _ := strings.Cut(line, " ")
		raw, err := os.ReadFile(filepath.Join(dir, name+".jpg"))
		if err != nil {
			t.Fatal(err)
		}
		img, err := Decode(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := fmt.Sprintf("%d %d %x", img.W, img.H, sha256.Sum256(img.Pix)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestCoefficientPlanes(t *testing.T) {
	for name, want := range map[string]int{"progressive.jpg": 3, "444.jpg": 0, "grey.jpg": 0, "cmyk.jpg": 0} {
		raw, err := os.ReadFile(filepath.Join("testdata", "formats", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := coefficientPlanes(raw); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestThinImagesAreNotBlownUp(t *testing.T) {
	if _, err := (Fit{Mode: "keep_ratio", Size: 512}).Apply(New(1, 60000)); err == nil || !strings.Contains(err.Error(), "resized to 512: image of 512x30720000 pixels") {
		t.Errorf("got %v", err)
	}
}
