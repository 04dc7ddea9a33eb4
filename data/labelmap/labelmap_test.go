package labelmap

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// encode is a PNG of a picture.
func encode(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func grey(width int, pixels ...uint8) image.Image {
	m := image.NewGray(image.Rect(0, 0, width, len(pixels)/width))
	copy(m.Pix, pixels)
	return m
}

func paletted(colours, width int, pixels ...uint8) image.Image {
	palette := make(color.Palette, colours)
	for i := range palette {
		palette[i] = color.RGBA{uint8(i * 37), uint8(i * 11), uint8(255 - i), 255}
	}
	m := image.NewPaletted(image.Rect(0, 0, width, len(pixels)/width), palette)
	copy(m.Pix, pixels)
	return m
}

func grey16(width int, pixels ...uint16) image.Image {
	m := image.NewGray16(image.Rect(0, 0, width, len(pixels)/width))
	for i, v := range pixels {
		m.SetGray16(i%width, i/width, color.Gray16{Y: v})
	}
	return m
}

// TestNumbersAreRead: the same numbers by palettes of 8 and 4 bits and grey of 8 and 16 bits.
func TestNumbersAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		picture image.Image
		scheme  string
		want    []uint8
	}{
		"VOC with background":    {paletted(256, 3, 0, 1, 20, 255, 5, 0), "voc-21", []uint8{0, 1, 20, 255, 5, 0}},
		"VOC without":            {paletted(256, 3, 0, 1, 20, 255, 5, 0), "voc-20", []uint8{255, 0, 19, 255, 4, 255}},
		"a small palette":        {paletted(16, 3, 0, 1, 15, 2, 5, 0), "voc-21", []uint8{0, 1, 15, 2, 5, 0}},
		"ADE20K":                 {grey(2, 0, 1, 150, 255), "ade20k-150", []uint8{255, 0, 149, 255}},
		"Context, 59":            {grey(2, 0, 1, 59, 255), "pascal-context-59", []uint8{255, 0, 58, 255}},
		"Context, 60":            {grey(2, 0, 1, 59, 255), "pascal-context-60", []uint8{0, 1, 59, 255}},
		"Stuff of 16 bits":       {grey16(2, 0, 170, 255, 7), "coco-stuff", []uint8{0, 170, 255, 7}},
		"Stuff's own ids":        {grey(4, 0, 10, 12, 24, 26, 27, 30, 181), "coco-stuff-raw", []uint8{0, 10, 11, 23, 24, 25, 26, 170}},
		"Stuff's 10,000 edition": {grey(2, 0, 1, 171, 255), "coco-stuff-10k", []uint8{255, 0, 170, 255}},
	} {
		s, err := SchemeOf(c.scheme)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Decode(encode(t, c.picture), s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(m.Labels, c.want) || m.Width != c.picture.Bounds().Dx() {
			t.Errorf("%s: got %v, want %v", name, m.Labels, c.want)
		}
	}
}

// TestGreyOfFewBits: grey of two bits, which Go stretches, is read as 0 to 3.
func TestGreyOfFewBits(t *testing.T) {
	// a picture of 4×1 pixels and two bits with the numbers 0 to 3
	raw := []byte("\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x04" +
		"\x00\x00\x00\x01\x02\x00\x00\x00\x00\x96\xe7\x48\xb0\x00\x00\x00\x0a\x49\x44\x41" +
		"\x54\x78\x9c\x63\x90\x06\x00\x00\x1d\x00\x1c\x8e\xf4\xf5\x21\x00\x00\x00\x00\x49" +
		"\x45\x4e\x44\xae\x42\x60\x82")
	m, err := Decode(raw, Scheme{Classes: 4})
	if err != nil || !slices.Equal(m.Labels, []uint8{0, 1, 2, 3}) {
		t.Errorf("got %v, %v", m, err)
	}
}

func TestSchemes(t *testing.T) {
	for _, name := range Schemes() {
		s, _ := SchemeOf(name)
		labels := s.table()
		values, err := s.values()
		if err != nil {
			t.Fatal(err)
		}
		for label := range s.Classes {
			if int(labels[values[label]]) != label {
				t.Errorf("%s: label %d is written as %d, which is read as %d", name, label, values[label], labels[values[label]])
			}
		}
	}
	if _, err := SchemeOf("voc"); err == nil || !strings.Contains(err.Error(), `no scheme of label maps "voc" (there are ["ade20k-150"`) {
		t.Error(err)
	}
}

func TestWriteAndRead(t *testing.T) {
	for _, name := range Schemes() {
		s, _ := SchemeOf(name)
		m := &Map{Height: 2, Width: 2, Labels: []uint8{0, uint8(s.Classes - 1), Ignored, 1}}
		path := filepath.Join(t.TempDir(), "a.png")
		if err := Write(path, m, s); err != nil {
			t.Fatal(err)
		}
		again, err := Read(path, s)
		if err != nil || !slices.Equal(again.Labels, m.Labels) || again.CheckSize(2, 2) != nil {
			t.Errorf("%s: got %v, %v", name, again, err)
		}
	}
	if err := Encode(&bytes.Buffer{}, &Map{1, 1, []uint8{30}}, Scheme{Classes: 20}); err == nil || err.Error() != "label 30, want 0 to 19 or 255" {
		t.Error(err)
	}
}

func TestBadMaps(t *testing.T) {
	voc, _ := SchemeOf("voc-21")
	raw, _ := SchemeOf("coco-stuff-raw")
	for name, c := range map[string]struct {
		picture image.Image
		scheme  Scheme
		want    string
	}{
		"a value": {grey(2, 0, 0, 0, 21), voc, "pixel (1, 1) has the value 21, want 0 to 20 or 255"},
		"16 bits": {grey16(2, 0, 300), voc, "pixel (1, 0) has the value 300, want 0 to 20 or 255"},
		"a gap":   {grey(2, 0, 11), raw, "pixel (1, 0) has the value 11, want 0 to 181 or 255, without the gaps [11 25"},
		"colours": {image.NewRGBA(image.Rect(0, 0, 2, 2)), voc, "a picture in colours, want numbers of classes: a palette or grey"},
	} {
		if _, err := Decode(encode(t, c.picture), c.scheme); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	want := "label map of 2×3 pixels (height by width), and its picture has 3×2"
	if err := (&Map{Height: 2, Width: 3}).CheckSize(3, 2); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FuzzDecode: no bytes make the reader panic, and what is read has labels of the scheme alone.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, grey(2, 0, 1, 20, 255)))
	f.Add(encode(f, paletted(4, 2, 0, 1, 2, 3)))
	f.Add(encode(f, grey16(2, 0, 20)))
	s := schemes["voc-21"]
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Decode(raw, s)
		if err != nil {
			return
		}
		if len(m.Labels) != m.Height*m.Width {
			t.Errorf("%d labels of %d×%d pixels", len(m.Labels), m.Height, m.Width)
		}
		for _, label := range m.Labels {
			if label > 20 && label != Ignored {
				t.Fatalf("label %d", label)
			}
		}
	})
}
