// Package render draws the figures of package figures: one Drawing gives SVG,
// PDF and PNG that show the same, in the same bytes each time.
//
// Layout, axes and PNG are gonum's. SVG and PDF are written here, because
// gonum's SVG has no title for screen readers and no fonts to fall back on, and
// its PDF shows γ, ± and − as other characters, holds whole fonts and the time.
// All three measure texts in Liberation Sans, which has the widths of the
// Helvetica that the SVG asks for; PDF embeds the characters that it shows.
package render

import (
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Pixel is the unit of a drawing's measures: 96 to the inch, as in SVG.
const Pixel = vg.Inch / 96

// Scale is how many pixels of a PNG go to one of the drawing: at the drawing's
// size in print that is 288 dots per inch.
const Scale = 3

// Drawing is a figure: its size, and what draws it on a white canvas. Draw is
// called for each format.
type Drawing struct {
	Title         string // what a reader who cannot see the drawing is told
	Width, Height vg.Length
	Draw          func(draw.Canvas)
}

// PNG writes the drawing at Scale.
func (d Drawing) PNG(w io.Writer) error {
	canvas := vgimg.NewWith(vgimg.UseWH(d.Width, d.Height), vgimg.UseDPI(96*Scale))
	d.Draw(draw.NewCanvas(canvas, d.Width, d.Height))
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(w); err != nil {
		return fmt.Errorf("drawing as PNG: %w", err)
	}
	return nil
}

// pen is what the writers of SVG and PDF share: the state of a canvas, and
// places on the page with the origin at its top left.
type pen struct {
	vg.Canvas // nil: scales, moves and pictures are in no figure
	state
	stack  []state
	height vg.Length // of the page
	unit   vg.Length // of the numbers that are written
}

type state struct {
	ink    color.Color
	width  vg.Length
	dashes []vg.Length
	turn   float64 // of the axes about the origin, in radians
}

func (p *pen) SetColor(ink color.Color)                       { p.ink = ink }
func (p *pen) SetLineWidth(width vg.Length)                   { p.width = width }
func (p *pen) SetLineDash(dashes []vg.Length, offs vg.Length) { p.dashes = dashes }
func (p *pen) Rotate(angle float64)                           { p.turn += angle }
func (p *pen) Push()                                          { p.stack = append(p.stack, p.state) }

func (p *pen) Pop() {
	last := len(p.stack) - 1
	p.state, p.stack = p.stack[last], p.stack[:last]
}

// at is where a point of the canvas is on the page.
func (p *pen) at(q vg.Point) (x, y float64) {
	sin, cos := math.Sincos(p.turn)
	x, y = float64(q.X/p.unit), float64(q.Y/p.unit)
	return x*cos - y*sin, float64(p.height/p.unit) - x*sin - y*cos
}

// path hands each step of a path to the writer; figures have no arcs.
func (p *pen) path(path vg.Path, write func(op byte, numbers ...float64)) {
	for _, step := range path {
		x, y := p.at(step.Pos)
		switch step.Type {
		case vg.MoveComp:
			write('M', x, y)
		case vg.LineComp:
			write('L', x, y)
		case vg.CurveComp:
			ax, ay := p.at(step.Control[0])
			bx, by := p.at(step.Control[1])
			write('C', ax, ay, bx, by, x, y)
		case vg.CloseComp:
			write('Z')
		default:
			panic(fmt.Sprintf("render: step %d of a path is an arc", step.Type))
		}
	}
}

// rgba splits a colour into parts up to 255 and opacity up to 1.
func rgba(ink color.Color) (r, g, b int, opacity float64) {
	c := color.NRGBAModel.Convert(ink).(color.NRGBA)
	return int(c.R), int(c.G), int(c.B), float64(c.A) / 255
}
