package render

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"codeberg.org/go-pdf/fpdf"
	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// face is the name of the font within PDF.
const face = "sans"

// PDF writes the drawing as one page of its size, with its title as the
// document's.
func (d Drawing) PDF(w io.Writer) error {
	size := fpdf.SizeType{Wd: d.Width.Points(), Ht: d.Height.Points()}
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: size})
	doc.SetCatalogSort(true) // with the dates, what would differ between two runs
	doc.SetCreationDate(time.Unix(0, 0).UTC())
	doc.SetModificationDate(time.Unix(0, 0).UTC())
	doc.SetProducer("runner", true)
	doc.SetTitle(titleText(d.Title), false)
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.AddUTF8FontFromBytes(face, "", liberationsansregular.TTF)
	doc.AddUTF8FontFromBytes(face, "B", liberationsansbold.TTF)
	doc.AddPage()
	doc.SetFillColor(255, 255, 255) // so that a dark page shows the figure
	doc.Rect(0, 0, size.Wd, size.Ht, "F")
	d.Draw(draw.NewCanvas(&pdfPen{pen{height: d.Height, unit: vg.Points(1)}, doc}, d.Width, d.Height))
	if err := doc.Output(w); err != nil {
		return fmt.Errorf("drawing as PDF: %w", err)
	}
	return nil
}

type pdfPen struct {
	pen
	doc *fpdf.Fpdf
}

func (p *pdfPen) Fill(path vg.Path) { p.paint(path, "F") }

func (p *pdfPen) Stroke(path vg.Path) {
	if p.width <= 0 {
		return
	}
	dashes := make([]float64, len(p.dashes))
	for i, d := range p.dashes {
		dashes[i] = d.Points()
	}
	p.doc.SetDashPattern(dashes, 0)
	p.doc.SetLineWidth(p.width.Points())
	p.paint(path, "D")
}

func (p *pdfPen) paint(path vg.Path, style string) {
	p.colour()
	p.path(path, func(op byte, v ...float64) {
		switch op {
		case 'M':
			p.doc.MoveTo(v[0], v[1])
		case 'L':
			p.doc.LineTo(v[0], v[1])
		case 'C':
			p.doc.CurveBezierCubicTo(v[0], v[1], v[2], v[3], v[4], v[5])
		case 'Z':
			p.doc.ClosePath()
		}
	})
	p.doc.DrawPath(style)
}

func (p *pdfPen) colour() {
	r, g, b, opacity := rgba(p.ink)
	p.doc.SetFillColor(r, g, b)
	p.doc.SetDrawColor(r, g, b)
	p.doc.SetTextColor(r, g, b)
	if now, _ := p.doc.GetAlpha(); now != opacity {
		p.doc.SetAlpha(opacity, "Normal")
	}
}

func (p *pdfPen) FillString(f font.Face, at vg.Point, text string) {
	style := ""
	if f.Font.Weight == xfont.WeightBold {
		style = "B"
	}
	p.colour()
	p.doc.SetFont(face, style, f.Font.Size.Points())
	x, y := p.at(at)
	if p.turn != 0 {
		p.doc.TransformBegin()
		p.doc.TransformRotate(p.turn*180/math.Pi, x, y)
		defer p.doc.TransformEnd()
	}
	p.doc.Text(x, y, basic(text))
}

// basic is a text with U+FFFD for what fpdf cannot write: characters above U+FFFF, such as emoji,
// which are in neither face, and bytes that are no UTF-8.
func basic(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xFFFF {
			return utf8.RuneError
		}
		return r
	}, text)
}

// titleText is a text of the document's properties, UTF-16 with its mark: fpdf's own cuts
// characters above U+FFFF in two.
func titleText(text string) string {
	out := []byte{0xFE, 0xFF}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.BigEndian.AppendUint16(out, unit)
	}
	return string(out)
}
