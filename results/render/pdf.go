package render

import (
	"fmt"
	"io"
	"time"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"codeberg.org/go-pdf/fpdf"
)

// inch is how many CSS pixels and how many points go into one.
const pixelsPerInch, pointsPerInch = 96, 72

// face is the name of the font within PDF.
const face = "sans"

// PDF writes a drawing as one page of its size, with its title as the
// document's.
func PDF(w io.Writer, svg []byte) error {
	d, err := parse(svg)
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	const unit = pointsPerInch / float64(pixelsPerInch)
	doc := fpdf.NewCustom(&fpdf.InitType{UnitStr: "pt", Size: fpdf.SizeType{Wd: d.width * unit, Ht: d.height * unit}})
	doc.SetCatalogSort(true) // with the dates, what would differ between two runs
	doc.SetCreationDate(time.Unix(0, 0).UTC())
	doc.SetModificationDate(time.Unix(0, 0).UTC())
	doc.SetProducer("runner", true)
	doc.SetTitle(d.title, true)
	doc.SetMargins(0, 0, 0)
	doc.SetAutoPageBreak(false, 0)
	doc.AddUTF8FontFromBytes(face, "", liberationsansregular.TTF)
	doc.AddUTF8FontFromBytes(face, "B", liberationsansbold.TTF)
	doc.AddPage()
	p := pdfPen{doc, unit}
	for _, s := range d.shapes {
		if s.text.value != "" {
			p.text(s)
		} else {
			p.path(s)
		}
	}
	if err := doc.Output(w); err != nil {
		return fmt.Errorf("drawing as PDF: %w", err)
	}
	return nil
}

type pdfPen struct {
	*fpdf.Fpdf
	unit float64 // points of a pixel
}

// style sets colours and line, and says what is to be painted, as PDF calls it:
// "D", "F", "FD" or nothing.
func (p pdfPen) style(s shape) (style string) {
	if s.fill != nil {
		p.SetFillColor(int(s.fill.r), int(s.fill.g), int(s.fill.b))
		p.SetTextColor(int(s.fill.r), int(s.fill.g), int(s.fill.b))
		style = "F"
	}
	if s.stroke != nil {
		p.SetDrawColor(int(s.stroke.r), int(s.stroke.g), int(s.stroke.b))
		p.SetLineWidth(s.width * p.unit)
		dashes := make([]float64, len(s.dashes))
		for i, v := range s.dashes {
			dashes[i] = v * p.unit
		}
		p.SetDashPattern(dashes, 0)
		style += "D"
	}
	return style
}

func (p pdfPen) path(s shape) {
	style := p.style(s)
	if style == "" || len(s.path) == 0 {
		return
	}
	at := func(q point) (float64, float64) { return q.x * p.unit, q.y * p.unit }
	for _, step := range s.path {
		switch step.op {
		case 'M':
			p.MoveTo(at(step.points[0]))
		case 'L':
			p.LineTo(at(step.points[0]))
		case 'C':
			ax, ay := at(step.points[0])
			bx, by := at(step.points[1])
			x, y := at(step.points[2])
			p.CurveBezierCubicTo(ax, ay, bx, by, x, y)
		case 'Z':
			p.ClosePath()
		}
	}
	p.DrawPath(style)
}

// text writes the rim, where there is one, and then the characters.
func (p pdfPen) text(s shape) {
	style := ""
	if s.text.bold {
		style = "B"
	}
	p.SetFont(face, style, s.text.size*p.unit)
	x, y := s.text.at.x*p.unit, s.text.at.y*p.unit
	if s.text.turned {
		p.TransformBegin()
		p.TransformRotate(90, x, y)
	}
	start := x - map[string]float64{"start": 0, "middle": 0.5, "end": 1}[s.text.anchor]*p.GetStringWidth(s.text.value)
	p.style(s)
	if s.stroke != nil {
		const outline = 1
		p.SetTextRenderingMode(outline)
		p.Text(start, y, s.text.value)
	}
	const filled = 0
	p.SetTextRenderingMode(filled)
	p.Text(start, y, s.text.value)
	if s.text.turned {
		p.TransformEnd()
	}
}
