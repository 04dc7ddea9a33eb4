package render

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"

	xfont "golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// SVG is the drawing with its texts as texts, fit to stand within a page.
func (d Drawing) SVG() []byte {
	p := &svgPen{pen: pen{height: d.Height, unit: Pixel}}
	width, height := short(float64(d.Width/Pixel)), short(float64(d.Height/Pixel))
	fmt.Fprintf(&p.out, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s"`+
		` viewBox="0 0 %[1]s %[2]s" role="img" font-family="%s">`+"\n",
		width, height, "Helvetica, Arial, 'Liberation Sans', sans-serif")
	fmt.Fprintf(&p.out, "<title>%s</title>\n", xmlText(d.Title))
	fmt.Fprintf(&p.out, `<rect width="%s" height="%s" fill="#fff"/>`+"\n", width, height)
	d.Draw(draw.NewCanvas(p, d.Width, d.Height))
	p.out.WriteString("</svg>\n")
	return p.out.Bytes()
}

type svgPen struct {
	pen
	out bytes.Buffer
}

func (p *svgPen) Fill(path vg.Path) {
	fmt.Fprintf(&p.out, `<path d="%s"%s/>`+"\n", p.steps(path), p.paint("fill"))
}

func (p *svgPen) Stroke(path vg.Path) {
	if p.width <= 0 {
		return
	}
	dashes := ""
	if len(p.dashes) > 0 {
		dashes = fmt.Sprintf(` stroke-dasharray="%s"`, p.lengths(p.dashes...))
	}
	fmt.Fprintf(&p.out, `<path d="%s" fill="none"%s stroke-width="%s"%s/>`+"\n",
		p.steps(path), p.paint("stroke"), p.lengths(p.width), dashes)
}

// FillString writes the width of the text too, which a font of another width
// then keeps; where a character is not in ours, only the reader's font knows.
func (p *svgPen) FillString(f font.Face, at vg.Point, text string) {
	var more string
	if f.Font.Weight == xfont.WeightBold {
		more = ` font-weight="bold"`
	}
	if covers(f, text) {
		more += fmt.Sprintf(` textLength="%s"`, p.lengths(f.Width(text)))
	}
	x, y := p.at(at)
	place := fmt.Sprintf(`x="%s" y="%s"`, short(x), short(y))
	if p.turn != 0 {
		degrees := -p.turn * 180 / math.Pi
		place = fmt.Sprintf(`transform="translate(%s %s) rotate(%s)"`, short(x), short(y), short(degrees))
	}
	fmt.Fprintf(&p.out, `<text %s font-size="%s"%s%s>%s</text>`+"\n",
		place, p.lengths(f.Font.Size), p.paint("fill"), more, xmlText(text))
}

// xmlText escapes a text, with U+FFFD for what XML cannot hold.
func xmlText(text string) string {
	var out strings.Builder
	xml.EscapeText(&out, []byte(text)) // a Builder takes all
	return out.String()
}

// covers says whether the font has every character of a text.
func covers(f font.Face, text string) bool {
	var buf sfnt.Buffer
	return !strings.ContainsFunc(text, func(r rune) bool {
		glyph, err := f.Face.GlyphIndex(&buf, r)
		return err != nil || glyph == 0
	})
}

func (p *svgPen) steps(path vg.Path) string {
	var d strings.Builder
	p.path(path, func(op byte, numbers ...float64) {
		d.WriteByte(op)
		for i, n := range numbers {
			if i > 0 {
				d.WriteByte(' ')
			}
			d.WriteString(short(n))
		}
	})
	return d.String()
}

// paint is the ink as the attribute of that name.
func (p *svgPen) paint(name string) string {
	r, g, b, opacity := rgba(p.ink)
	s := fmt.Sprintf(` %s="#%02x%02x%02x"`, name, r, g, b)
	if opacity < 1 {
		s += fmt.Sprintf(` %s-opacity="%s"`, name, short(opacity))
	}
	return s
}

func (p *svgPen) lengths(lengths ...vg.Length) string {
	var words []string
	for _, l := range lengths {
		words = append(words, short(float64(l/p.unit)))
	}
	return strings.Join(words, " ")
}

// short writes a number to a hundredth.
func short(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100+0, 'f', -1, 64) // + 0: never "-0"
}
