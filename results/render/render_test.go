package render

import (
	"bytes"
	"compress/zlib"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// written is a drawing of pixels in the three formats.
func written(
	t *testing.T, width, height vg.Length, paint func(draw.Canvas),
) (svg string, pdf, picture []byte) {
	t.Helper()
	d := Drawing{Title: "shapes & γ", Width: width * Pixel, Height: height * Pixel, Draw: paint}
	var a, b bytes.Buffer
	if err := d.PDF(&a); err != nil {
		t.Fatal(err)
	}
	if err := d.PNG(&b); err != nil {
		t.Fatal(err)
	}
	return string(d.SVG()), a.Bytes(), b.Bytes()
}

func shapes(c draw.Canvas) {
	at := func(x, y vg.Length) vg.Point { return vg.Point{X: x * Pixel, Y: y * Pixel} }
	Box(c, 10*Pixel, 30*Pixel, 10*Pixel, 10*Pixel, RGB(0xff0000))
	Box(c, 20*Pixel, 30*Pixel, 10*Pixel, 10*Pixel, RGB(0x0000ff))
	half := White
	half.A = 128
	Box(c, 25*Pixel, 30*Pixel, 5*Pixel, 10*Pixel, half)
	Mark(c, at(32, 8), 4)
	c.StrokeLine2(Line(Ink, 1, 10, 10), 0, 15.5*Pixel, 40*Pixel, 15.5*Pixel)
}

// TestPixels looks at places whose colours are known.
func TestPixels(t *testing.T) {
	_, _, picture := written(t, 40, 30, shapes)
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X != 40*Scale || size.Y != 30*Scale {
		t.Errorf("the size is %v", size)
	}
	white, ink := [3]uint32{255, 255, 255}, [3]uint32{0x22, 0x22, 0x22}
	for _, c := range []struct {
		x, y float64 // from the top left
		want [3]uint32
	}{
		{5, 5, white}, {15, 5, [3]uint32{255, 0, 0}}, {22, 5, [3]uint32{0, 0, 255}},
		{27, 5, [3]uint32{128, 128, 255}}, {32, 22, white}, {35, 22, [3]uint32{0x56, 0xb4, 0xe9}},
		{37, 22, white}, {5, 14.5, ink}, {15, 14.5, white}, {25, 14.5, ink},
	} {
		r, g, b, _ := img.At(int(c.x*Scale), int(c.y*Scale)).RGBA()
		for i, got := range []uint32{r >> 8, g >> 8, b >> 8} {
			if math.Abs(float64(got)-float64(c.want[i])) > 1 {
				t.Errorf("at %v, %v: got %v, want %v", c.x, c.y, []uint32{r >> 8, g >> 8, b >> 8}, c.want)
				break
			}
		}
	}
}

// TestSVG holds the page's coordinates, and what screen readers are told.
func TestSVG(t *testing.T) {
	svg, _, _ := written(t, 40, 30, shapes)
	for _, part := range []string{
		`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30" viewBox="0 0 40 30" role="img"`,
		"<title>shapes &amp; γ</title>",
		`<path d="M10 10L20 10L20 0L10 0Z" fill="#ff0000"/>`, `fill="#ffffff" fill-opacity="0.5"`,
		`<path d="M0 14.5L40 14.5" fill="none" stroke="#222222" stroke-width="1"` +
			` stroke-dasharray="10 10"/>`,
	} {
		if !strings.Contains(svg, part) {
			t.Errorf("no %s in\n%s", part, svg)
		}
	}
}

func texts(c draw.Canvas) {
	end := Head()
	end.XAlign = draw.XRight
	Put(c, end, 78*Pixel, 64*Pixel, "γ ± −1 <b>")
	turned := Text(12*Pixel, RGB(0xff0000), draw.XLeft)
	turned.Rotation = math.Pi / 2
	c.FillText(turned, vg.Point{X: 20 * Pixel, Y: 5 * Pixel}, "turned")
	Put(c, Text(12*Pixel, White, draw.XLeft), 0, 40*Pixel, "猫")
}

// TestText looks for ink where a text stands: left of its end, above its start
// when it is turned.
func TestText(t *testing.T) {
	svg, _, picture := written(t, 80, 80, texts)
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
	end, turned := ink(20, 10, 79, 22), ink(10, 35, 22, 75)
	over, rest := ink(0, 0, 80, 9), ink(26, 30, 80, 80)
	if end < 100 || over > 0 || turned < 100 || rest > 0 {
		t.Errorf("ink: %d, %d, %d, %d", end, over, turned, rest)
	}
	width := short(float64(Head().Width("γ ± −1 <b>") / Pixel))
	for _, part := range []string{
		`font-weight="bold" textLength="` + width + `">γ ± −1 &lt;b&gt;</text>`,
		`rotate(-90)" font-size="12" fill="#ff0000"`, `fill="#ffffff">猫</text>`,
	} {
		if !strings.Contains(svg, part) {
			t.Errorf("no %s in\n%s", part, svg)
		}
	}
}

// TestPDFHoldsTexts reads the page: characters that have no place in the usual
// tables of PDF's fonts must be those that were written.
func TestPDFHoldsTexts(t *testing.T) {
	_, pdf, _ := written(t, 80, 80, texts)
	if ground := "1.000 g\n0.00 60.00 60.00 -60.00 re f"; !bytes.Contains(pageOf(pdf), []byte(ground)) {
		t.Errorf("the PDF has no white ground:\n%.200s", pageOf(pdf))
	}
	for _, text := range []string{"γ ± −1 <b>", "turned"} {
		if !bytes.Contains(pageOf(pdf), units(text)) {
			t.Errorf("the PDF does not hold %q", text)
		}
	}
}

// pageOf is what a PDF packs.
func pageOf(pdf []byte) []byte {
	var page bytes.Buffer
	streams := regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`)
	for _, stream := range streams.FindAllSubmatch(pdf, -1) {
		if r, err := zlib.NewReader(bytes.NewReader(stream[1])); err == nil {
			raw, _ := io.ReadAll(r)
			page.Write(raw)
		}
	}
	return page.Bytes()
}

// units are a text's bytes in UTF-16.
func units(text string) (out []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return out
}

// TestAnyText draws characters that no face has, and bytes that are no text: the PDF says that
// something stands there, and the others go on beside it.
func TestAnyText(t *testing.T) {
	for _, text := range []string{"🙂 γ", "a\xff", "a\xf0\x9f", "\uffff", "👩🏽 \U0010ffff \x01"} {
		d := Drawing{Title: text, Width: 80 * Pixel, Height: 80 * Pixel, Draw: func(c draw.Canvas) {
			Put(c, Head(), 0, 40*Pixel, text)
			Put(c, Text(12*Pixel, Ink, draw.XLeft), 0, 20*Pixel, text)
		}}
		var pdf, picture bytes.Buffer
		if err := errors.Join(d.PDF(&pdf), d.PNG(&picture)); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := xml.Unmarshal(d.SVG(), new(struct{})); err != nil {
			t.Errorf("%q: the SVG: %v", text, err)
		}
		if text == "🙂 γ" && !bytes.Contains(pdf.Bytes(), units("\ufeff"+text)) {
			t.Errorf("the title of the PDF is not %q", text)
		}
		want := strings.NewReplacer("🙂", "\ufffd", "👩🏽", "\ufffd\ufffd",
			"\U0010ffff", "\ufffd", "\xff", "\ufffd", "\xf0\x9f", "\ufffd\ufffd").Replace(text)
		if !bytes.Contains(pageOf(pdf.Bytes()), units(want)) {
			t.Errorf("the PDF of %q does not hold %q", text, want)
		}
	}
}

// TestSeriesDiffer holds that no two of 49 series have one colour and dashes.
func TestSeriesDiffer(t *testing.T) {
	seen := map[string]int{}
	for i := range 49 {
		look := fmt.Sprint(Stroke(i))
		if other, ok := seen[look]; ok {
			t.Errorf("series %d and %d look the same", other, i)
		}
		seen[look] = i
	}
}

// TestKey holds that names go on in another row where the width ends.
func TestKey(t *testing.T) {
	names := []string{"full", "locked-text", "gated-image", "a name as long as the row is wide"}
	k := NewKey(names, 200*Pixel, true)
	if k.Height != 3*keyLine {
		t.Errorf("%v rows", k.Height/keyLine)
	}
	for i, at := range k.at[:3] {
		if at.X+keyStroke+Text(TextSize, Ink, 0).Width(names[i]) > 200*Pixel {
			t.Errorf("%s is cut off", names[i])
		}
	}
	if column := NewKey(names, 0, false); column.Height != 4*keyLine || column.at[3].X != 0 {
		t.Errorf("a column: %v", column)
	}
}
