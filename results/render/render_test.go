package render

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// figures are the committed drawings: every kind that the program draws.
func figures(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("../testdata/*.svg")
	more, bad := filepath.Glob("../tables/*/*.svg")
	if err != nil || bad != nil || len(paths)+len(more) < 5 {
		t.Fatal("no drawings", err, bad, paths, more)
	}
	out := map[string][]byte{}
	for _, path := range append(paths, more...) {
		if out[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func written(t *testing.T, svg []byte) (pdf, picture []byte) {
	t.Helper()
	var a, b bytes.Buffer
	if err := PDF(&a, svg); err != nil {
		t.Fatal(err)
	}
	if err := PNG(&b, svg); err != nil {
		t.Fatal(err)
	}
	return a.Bytes(), b.Bytes()
}

// TestFigures holds that all that is drawn can be rendered, in its size, the
// same each time.
func TestFigures(t *testing.T) {
	for path, svg := range figures(t) {
		d, err := parse(svg)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !strings.Contains(path, "testdata") { // of those, one of each kind
			continue
		}
		pdf, picture := written(t, svg)
		pdfAgain, again := written(t, svg)
		if !bytes.Equal(pdf, pdfAgain) || !bytes.Equal(picture, again) {
			t.Errorf("%s: other bytes the second time", path)
		}
		img, err := png.Decode(bytes.NewReader(picture))
		if err != nil {
			t.Fatal(err)
		}
		if size := img.Bounds().Size(); size.X != int(math.Ceil(d.width*Scale)) || size.Y != int(math.Ceil(d.height*Scale)) {
			t.Errorf("%s: %v pixels for a drawing of %v x %v", path, size, d.width, d.height)
		}
		for _, part := range []string{"%PDF-1.", "/FontFile2", "/CreationDate (D:19700101000000)"} {
			if !bytes.Contains(pdf, []byte(part)) {
				t.Errorf("%s: the PDF lacks %s", path, part)
			}
		}
	}
}

const shapes = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30" viewBox="0 0 40 30" font-size="11" fill="#222"><title>shapes &amp; γ</title>
<rect width="40" height="30" fill="#fff"/><g transform="translate(10 0)"><rect x="0" y="0" width="10" height="10" fill="#f00"/></g>
<circle cx="30" cy="20" r="6" fill="none" stroke="#00ff00" stroke-width="4"/><path d="M2 28V18h4L9 28z" fill="#00f"/><path d="M0 14H40" stroke="#222" stroke-dasharray="10 10" fill="none"/></svg>`

// TestPixels looks at places whose colours are known.
func TestPixels(t *testing.T) {
	_, picture := written(t, []byte(shapes))
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x, y float64
		want [3]uint32
	}{
		{5, 5, [3]uint32{255, 255, 255}}, {15, 5, [3]uint32{255, 0, 0}}, {30, 20, [3]uint32{255, 255, 255}}, {36, 20, [3]uint32{0, 255, 0}}, {30, 26, [3]uint32{0, 255, 0}},
		{4, 24, [3]uint32{0, 0, 255}}, {8, 20, [3]uint32{255, 255, 255}}, {5, 14, [3]uint32{0x22, 0x22, 0x22}}, {15, 14, [3]uint32{255, 255, 255}}, {25, 14, [3]uint32{0x22, 0x22, 0x22}},
	} {
		r, g, b, _ := img.At(int(c.x*Scale), int(c.y*Scale)).RGBA()
		if got := [3]uint32{r >> 8, g >> 8, b >> 8}; got != c.want {
			t.Errorf("at %v, %v: got %v, want %v", c.x, c.y, got, c.want)
		}
	}
}

// TestText looks for ink where a text stands: left of its end, above its start
// when it is turned.
func TestText(t *testing.T) {
	svg := `<svg width="80" height="80" font-size="12" fill="#000"><rect width="80" height="80" fill="#fff"/><text x="78" y="20" text-anchor="end" font-weight="bold">γ = 0.9</text>` +
		`<text transform="translate(20 75) rotate(-90)" fill="#f00" stroke="#fff" stroke-width="3">turned</text></svg>`
	_, picture := written(t, []byte(svg))
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	ink := func(x0, y0, x1, y1 int) (n int) {
		for y := y0 * Scale; y < y1*Scale; y++ {
			for x := x0 * Scale; x < x1*Scale; x++ {
				if _, g, _, _ := img.At(x, y).RGBA(); g < 0x8000 {
					n++
				}
			}
		}
		return n
	}
	if ink(30, 8, 78, 24) < 100 || ink(0, 0, 30, 8) > 0 || ink(10, 35, 22, 75) < 100 || ink(26, 30, 80, 80) > 0 {
		t.Errorf("ink: %d, %d, %d, %d", ink(30, 8, 78, 24), ink(0, 0, 30, 8), ink(10, 35, 22, 75), ink(26, 30, 80, 80))
	}
}

// TestErrors holds that nothing is left out in silence.
func TestErrors(t *testing.T) {
	for body, want := range map[string]string{
		`<line x1="1"/>`:                                 "line",
		`<rect x="one"/>`:                                `x: "one" is not a number`,
		`<rect fill="red"/>`:                             `fill: "red" is not a colour`,
		`<path d="M0 0Q1 1 2 2"/>`:                       "not one that drawings use",
		`<path d="M0 0a3 3 0 1 0 2 0"/>`:                 "not half a circle",
		`<g transform="scale(2)"/>`:                      "transform",
		`<text stroke-width="x">a</text>`:                "stroke-width",
		`<path d="M0 0"`:                                 "XML syntax error",
		`<text transform="translate(1)">a</text>`:        "transform",
		`<path d="M1 1" stroke-dasharray="a"/>`:          "invalid syntax",
		`<text font-size="NaN">a</text>`:                 "font-size",
		`<path transform="translate(1 1) rotate(-90)"/>`: "turned",
	} {
		err := PDF(&bytes.Buffer{}, []byte(`<svg width="9" height="9">`+body+`</svg>`))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", body, err, want)
		}
	}
	if err := PNG(&bytes.Buffer{}, []byte("no drawing")); err == nil {
		t.Error("text is no drawing")
	}
}
