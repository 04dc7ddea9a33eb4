package render

import (
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"git.sr.ht/~sbinet/gg"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
)

// Scale is how many pixels of a PNG go to one of the drawing: at the drawing's
// size in print that is 288 dots per inch.
const Scale = 3

// PNG writes a drawing at Scale.
func PNG(w io.Writer, svg []byte) error {
	d, err := parse(svg)
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	p := pngPen{gg.NewContext(int(math.Ceil(d.width*Scale)), int(math.Ceil(d.height*Scale))), map[text]font.Face{}}
	p.SetColor(color.White)
	p.Clear()
	for _, s := range d.shapes {
		if s.text.value == "" {
			p.path(s)
		} else if err := p.text(s); err != nil {
			return err
		}
	}
	if err := png.Encode(w, p.Image()); err != nil {
		return fmt.Errorf("drawing as PNG: %w", err)
	}
	return nil
}

type pngPen struct {
	*gg.Context
	faces map[text]font.Face // by size and weight
}

func rgb(c *colour) color.Color { return color.RGBA{c.r, c.g, c.b, 255} }

func (p pngPen) path(s shape) {
	at := func(q point) (float64, float64) { return q.x * Scale, q.y * Scale }
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
			p.CubicTo(ax, ay, bx, by, x, y)
		case 'Z':
			p.ClosePath()
		}
	}
	if s.fill != nil {
		p.SetColor(rgb(s.fill))
		p.FillPreserve()
	}
	if s.stroke != nil {
		dashes := make([]float64, len(s.dashes))
		for i, v := range s.dashes {
			dashes[i] = v * Scale
		}
		p.SetDash(dashes...)
		p.SetLineCapButt()
		p.SetLineWidth(s.width * Scale)
		p.SetColor(rgb(s.stroke))
		p.StrokePreserve()
	}
	p.ClearPath()
}

// text writes the characters, over a rim of copies around them where there is
// one.
func (p pngPen) text(s shape) error {
	f, err := p.face(s.text)
	if err != nil {
		return err
	}
	p.SetFontFace(f)
	x, y := s.text.at.x*Scale, s.text.at.y*Scale
	p.Push()
	defer p.Pop()
	if s.text.turned {
		p.RotateAbout(-math.Pi/2, x, y)
	}
	width, _ := p.MeasureString(s.text.value)
	x -= map[string]float64{"start": 0, "middle": 0.5, "end": 1}[s.text.anchor] * width
	if s.stroke != nil {
		p.SetColor(rgb(s.stroke))
		const copies = 16
		for i := range copies {
			angle := 2 * math.Pi * float64(i) / copies
			p.DrawString(s.text.value, x+s.width/2*Scale*math.Cos(angle), y+s.width/2*Scale*math.Sin(angle))
		}
	}
	if s.fill != nil {
		p.SetColor(rgb(s.fill))
		p.DrawString(s.text.value, x, y)
	}
	return nil
}

// fonts are the two weights, read once.
var fonts = sync.OnceValues(func() ([2]*opentype.Font, error) {
	regular, err := opentype.Parse(liberationsansregular.TTF)
	if err != nil {
		return [2]*opentype.Font{}, err
	}
	bold, err := opentype.Parse(liberationsansbold.TTF)
	return [2]*opentype.Font{regular, bold}, err
})

func (p pngPen) face(t text) (font.Face, error) {
	key := text{size: t.size, bold: t.bold}
	if f := p.faces[key]; f != nil {
		return f, nil
	}
	both, err := fonts()
	if err != nil {
		return nil, fmt.Errorf("font: %w", err)
	}
	weight := both[0]
	if t.bold {
		weight = both[1]
	}
	f, err := opentype.NewFace(weight, &opentype.FaceOptions{Size: t.size * Scale, DPI: pointsPerInch, Hinting: font.HintingNone})
	p.faces[key] = f
	return f, err
}
