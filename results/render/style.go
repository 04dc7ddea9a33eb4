package render

import (
	"image/color"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The inks of everything that is no data.
var (
	Ink   = RGB(0x222222)
	Grey  = RGB(0x555555) // names of axes and levels
	faint = RGB(0xdddddd) // lines behind the data
	White = RGB(0xffffff)
)

// RGB is a colour by its usual number, such as 0x0072b2.
func RGB(hex uint32) color.NRGBA {
	return color.NRGBA{uint8(hex >> 16), uint8(hex >> 8), uint8(hex), 255}
}

// The sizes of texts: of most, and of what stands beside marks.
const TextSize, SmallSize = 11 * Pixel, 10 * Pixel

// series are Okabe and Ito's colours, which the colour-blind can tell apart,
// less the yellow, which paper hides; marks and dashes tell them apart in grey.
var series = []uint32{0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x56b4e9, 0xe69f00, 0x000000}

var dashes = [][]vg.Length{nil, {6, 3}, {2, 3}, {8, 3, 2, 3}, {4, 2}, {1, 2}, {10, 4}}

// Colour is that of series i.
func Colour(i int) color.NRGBA { return RGB(series[i%len(series)]) }

// Stroke is the line of series i: the dashes go on by one when the colours
// start again, so that 49 series differ.
func Stroke(i int) draw.LineStyle {
	return Line(Colour(i), 1.6, dashes[(i+i/len(series))%len(dashes)]...)
}

// Line is a style of lines, by the pixels of its width and dashes.
func Line(ink color.Color, width vg.Length, dashes ...vg.Length) draw.LineStyle {
	s := draw.LineStyle{Color: ink, Width: width * Pixel}
	for _, d := range dashes {
		s.Dashes = append(s.Dashes, d*Pixel)
	}
	return s
}

// outlines are the marks that are no discs, in pixels.
var outlines = [][]vg.Point{
	{{X: -3.6, Y: -3.6}, {X: 3.6, Y: -3.6}, {X: 3.6, Y: 3.6}, {X: -3.6, Y: 3.6}},
	{{X: 0, Y: 4.9}, {X: 4.6, Y: -3.3}, {X: -4.6, Y: -3.3}},
	{{X: 0, Y: 5}, {X: 5, Y: 0}, {X: 0, Y: -5}, {X: -5, Y: 0}},
}

// Mark draws the mark of series i: a disc, a square, a triangle or a rhombus,
// filled and then hollow.
func Mark(c draw.Canvas, at vg.Point, i int) {
	shape := func(scale vg.Length) vg.Path { return disc(at, 3.8*scale) }
	if i%4 > 0 {
		shape = func(scale vg.Length) vg.Path { return polygon(at, outlines[i%4-1], scale) }
	}
	fill(c, shape(Pixel), Colour(i))
	if i/4%2 == 1 {
		fill(c, shape(0.65*Pixel), White)
	}
}

// Ring draws a small hollow disc.
func Ring(c draw.Canvas, at vg.Point) {
	fill(c, disc(at, 3.3*Pixel), Grey)
	fill(c, disc(at, 2.3*Pixel), White)
}

func fill(c draw.Canvas, shape vg.Path, ink color.Color) {
	c.SetColor(ink)
	c.Fill(shape)
}

func polygon(at vg.Point, corners []vg.Point, scale vg.Length) (p vg.Path) {
	for i, corner := range corners {
		if corner = at.Add(corner.Scale(scale)); i == 0 {
			p.Move(corner)
		} else {
			p.Line(corner)
		}
	}
	p.Close()
	return p
}

// disc is four quarters of a circle as cubic curves, 0.03 % of the radius off
// at most.
func disc(at vg.Point, radius vg.Length) (p vg.Path) {
	const k = 0.5522847498307936
	put := func(x, y vg.Length) vg.Point { return at.Add(vg.Point{X: x * radius, Y: y * radius}) }
	p.Move(put(1, 0))
	p.CubeTo(put(1, k), put(k, 1), put(0, 1))
	p.CubeTo(put(-k, 1), put(-1, k), put(-1, 0))
	p.CubeTo(put(-1, -k), put(-k, -1), put(0, -1))
	p.CubeTo(put(k, -1), put(1, -k), put(1, 0))
	p.Close()
	return p
}

// Box fills the rectangle whose left and upper edges are given.
func Box(c draw.Canvas, left, top, width, height vg.Length, ink color.Color) {
	low, high := vg.Point{X: left, Y: top - height}, vg.Point{X: left + width, Y: top}
	fill(c, vg.Rectangle{Min: low, Max: high}.Path(), ink)
}

// Text is a style of text that starts, is centred or ends where it is put.
func Text(size vg.Length, ink color.Color, align draw.XAlignment) draw.TextStyle {
	sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	return draw.TextStyle{Color: ink, Font: sans, XAlign: align, Handler: plot.DefaultTextHandler}
}

// Head is the style of a panel's title.
func Head() draw.TextStyle {
	s := Text(TextSize, Ink, draw.XLeft)
	s.Font.Weight = xfont.WeightBold
	return s
}

// Put writes a text with the middle of its capitals at y.
func Put(c draw.Canvas, s draw.TextStyle, x, y vg.Length, text string) {
	const drop = 0.355 + 0.095 // half of a capital, and what the handler lifts the baseline by
	c.FillText(s, vg.Point{X: x, Y: y - drop*s.Font.Size}, text)
}

// Widest is the width of the widest text.
func Widest(s draw.TextStyle, texts []string) (width vg.Length) {
	for _, t := range texts {
		width = max(width, s.Width(t))
	}
	return width
}

// Axes is an empty plot in the style of all figures, with lines behind the data
// at the ticks of y or, across, of x.
func Axes(across bool) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Padding, a.Tick.Length = 0, 0
		a.LineStyle = Line(Ink, 1)
		a.Tick.Label.Font, a.Tick.Label.Color = Text(TextSize, Ink, 0).Font, Ink
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = a.Tick.Label.Font, Grey
	}
	p.Y.Tick.Label.YAlign = -0.6 // the middle of digits, not of the font
	p.X.Tick.Length, p.X.Tick.LineStyle = 4*Pixel, p.X.LineStyle
	p.X.Label.Padding, p.Y.Label.Padding = 3*Pixel, 4*Pixel
	p.Add(behind{across})
	return p
}

// behind draws the lines behind the data.
type behind struct{ across bool }

func (b behind) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	line := Line(faint, 0.7)
	if b.across {
		for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
			c.StrokeLine2(line, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
		}
		return
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if t.Value > p.Y.Min { // there is the axis
			c.StrokeLine2(line, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}
}

// Key names the series of a figure beside their strokes.
type Key struct {
	Width, Height vg.Length
	marked        bool
	names         []string
	at            []vg.Point // of each entry, from the top left
}

// The measures of a key.
const keyLine, keyStroke, keyGap = 18 * Pixel, 18 * Pixel, 15 * Pixel

// NewKey lays names out in rows of at most the width; of no width, each is a row.
func NewKey(names []string, width vg.Length, marked bool) Key {
	k := Key{marked: marked, names: names}
	style, left := Text(TextSize, Ink, draw.XLeft), vg.Length(0)
	for _, name := range names {
		entry := keyStroke + 5*Pixel + style.Width(name)
		if left > 0 && left+entry > width {
			left, k.Height = 0, k.Height+keyLine
		}
		k.at = append(k.at, vg.Point{X: left, Y: k.Height})
		left += entry + keyGap
		k.Width = max(k.Width, left-keyGap)
	}
	if len(names) > 0 {
		k.Height += keyLine
	}
	return k
}

// Draw draws the key with its top left at a point.
func (k Key) Draw(c draw.Canvas, left, top vg.Length) {
	style := Text(TextSize, Ink, draw.XLeft)
	for i, name := range k.names {
		x, y := left+k.at[i].X, top-k.at[i].Y-keyLine/2
		c.StrokeLine2(Stroke(i), x, y, x+keyStroke, y)
		if k.marked {
			Mark(c, vg.Point{X: x + keyStroke/2, Y: y}, i)
		}
		Put(c, style, x+keyStroke+5*Pixel, y, name)
	}
}
