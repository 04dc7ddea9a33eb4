package results

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
)

// Curve is a line of a Chart.
type Curve struct {
	Name string    `json:"name"`
	X    []float64 `json:"x"` // ascends
	Y    []float64 `json:"y"` // as many
}

// Chart is a drawing of curves over a number, such as losses over steps.
type Chart struct {
	Title  string  `json:"title"` // what a reader who cannot see the drawing is told
	X      string  `json:"x"`     // what the axes show
	Y      string  `json:"y"`
	Curves []Curve `json:"curves"`
}

// The chart's measures, in pixels.
const (
	chartWidth, chartHeight = 700, 260
	chartLeft, chartTop     = 56, 16
	chartRight, chartBottom = 260, 44 // right: the names
)

// axes maps values to pixels between round numbers that enclose them.
type axes struct {
	lowX, highX, stepX, lowY, highY, stepY float64
	width, height, left, top               float64
}

func newAxes(x, y []float64) axes {
	a := axes{width: chartWidth - chartLeft - chartRight, height: chartHeight - chartTop - chartBottom, left: chartLeft, top: chartTop}
	a.lowX, a.highX, a.stepX = enclose(x)
	a.lowY, a.highY, a.stepY = enclose(y)
	return a
}

// enclose gives round ends and the step between ticks for some values.
func enclose(values []float64) (low, high, step float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if isFinite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if math.IsInf(low, 0) {
		low, high = 0, 1
	}
	if high-low < 1e-9*max(1, math.Abs(high)) {
		low, high = low-0.5*max(math.Abs(low), 1e-3), high+0.5*max(math.Abs(high), 1e-3)
	}
	step = roundStep((high - low) / 5)
	return step * math.Floor(low/step+1e-9), step * math.Ceil(high/step-1e-9), step
}

func (a axes) x(v float64) float64 { return a.left + (v-a.lowX)/(a.highX-a.lowX)*a.width }
func (a axes) y(v float64) float64 { return a.top + (a.highY-v)/(a.highY-a.lowY)*a.height }

// ticks are the round numbers of an axis.
func ticks(low, high, step float64) []float64 {
	var out []float64
	for i := range int(math.Round((high-low)/step)) + 1 {
		out = append(out, low+float64(i)*step)
	}
	return out
}

// tickText writes a tick with the decimals that the step needs.
func tickText(v, step float64) string {
	s := strconv.FormatFloat(v, 'f', max(0, -int(math.Floor(math.Log10(step*(1+1e-9))))), 64)
	return minus(s)
}

func (a axes) draw(out io.Writer, x, y string) {
	bottom := a.top + a.height
	for _, v := range ticks(a.lowY, a.highY, a.stepY) {
		fmt.Fprintf(out, `<path d="M%s %sh%s" stroke="#ddd" stroke-width="0.7"/><text x="%s" y="%s" text-anchor="end">%s</text>`+"\n",
			px(a.left), px(a.y(v)), px(a.width), px(a.left-5), px(a.y(v)+textDrop), tickText(v, a.stepY))
	}
	fmt.Fprintf(out, `<path d="M%s %sv%sh%s" fill="none" stroke="#222"/>`+"\n", px(a.left), px(a.top), px(a.height), px(a.width))
	for _, v := range ticks(a.lowX, a.highX, a.stepX) {
		fmt.Fprintf(out, `<text x="%s" y="%s" text-anchor="middle">%s</text>`+"\n", px(a.x(v)), px(bottom+15), tickText(v, a.stepX))
	}
	fmt.Fprintf(out, `<text x="%s" y="%s" text-anchor="middle" fill="#555">%s</text>`+"\n", px(a.left+a.width/2), px(bottom+32), escape(x))
	fmt.Fprintf(out, `<text transform="translate(12 %s) rotate(-90)" text-anchor="middle" fill="#555">%s</text>`+"\n", px(a.top+a.height/2), escape(y))
}

// SVG draws the chart. The same chart gives the same bytes.
func (c Chart) SVG() []byte {
	var out bytes.Buffer
	var x, y []float64
	for _, s := range c.Curves {
		x, y = append(x, s.X...), append(y, s.Y...)
	}
	a := newAxes(x, y)
	height := max(chartHeight, chartTop+18*len(c.Curves)+10)
	openSVG(&out, chartWidth, height, c.Title)
	a.draw(&out, c.X, c.Y)
	for i, s := range c.Curves {
		fmt.Fprintf(&out, `<path d="%s" %s/>`+"\n", a.path(s), stroke(i))
		top := chartTop + 18*i
		fmt.Fprintf(&out, `<path d="M%d %dh%d" %s/><text x="%d" y="%d" font-size="10">%s</text>`+"\n", chartWidth-chartRight+12, top+6, markerWidth, stroke(i),
			chartWidth-chartRight+markerWidth+18, top+10, escape(cut(clean(s.Name), 38)))
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// path leaves a gap where a value is no number.
func (a axes) path(s Curve) string {
	var d bytes.Buffer
	pen := "M"
	for i := range s.X {
		if !isFinite(s.Y[i]) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&d, "%s%s %s", pen, px(a.x(s.X[i])), px(a.y(s.Y[i])))
		pen = "L"
	}
	return d.String()
}

// Histogram is a drawing of how values of some groups are distributed.
type Histogram struct {
	Title, X string
	Groups   []Sample
}

// Sample is one group of a Histogram.
type Sample struct {
	Name   string
	Values []float64
}

const histogramBins = 30

// Chart is the share of each group's values in equal bins, as outlines over
// each other.
func (h Histogram) Chart() Chart {
	var all []float64
	for _, g := range h.Groups {
		all = append(all, g.Values...)
	}
	low, high, _ := enclose(all)
	chart := Chart{Title: h.Title, X: h.X, Y: "share of the hits (%)"}
	for _, g := range h.Groups {
		chart.Curves = append(chart.Curves, outline(g, low, high))
	}
	return chart
}

// outline is the group's histogram as a curve of steps, in percent.
func outline(g Sample, low, high float64) Curve {
	counts, total := make([]float64, histogramBins), 0.0
	for _, v := range g.Values {
		if !isFinite(v) {
			continue
		}
		counts[min(histogramBins-1, max(0, int((v-low)/(high-low)*histogramBins)))]++
		total++
	}
	c := Curve{Name: fmt.Sprintf("%s (%d)", g.Name, len(g.Values))}
	put := func(x, y float64) { c.X, c.Y = append(c.X, x), append(c.Y, y) }
	put(low, 0)
	for i, n := range counts {
		share := 100 * n / max(total, 1)
		put(low+(high-low)*float64(i)/histogramBins, share)
		put(low+(high-low)*float64(i+1)/histogramBins, share)
	}
	put(high, 0)
	return c
}

// Move is a class's value before and after, as fractions.
type Move struct {
	Name   string  `json:"name"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// Moves is a drawing of classes before and after, in the order given.
type Moves struct {
	Title   string `json:"title"` // what a reader who cannot see the drawing is told
	X       string `json:"x"`     // what the axis shows
	Classes []Move `json:"classes"`
}

const moveHeight = 14

// SVG draws, for each class, where it was (hollow) and is (filled): to the
// right blue discs, to the left orange squares, so that grey print tells them
// apart too.
func (c Moves) SVG() []byte {
	left := 60
	for _, m := range c.Classes {
		left = max(left, 14+6*wide(clean(cut(m.Name, 32))))
	}
	a := axes{lowX: 0, highX: 100, stepX: 20, width: 340, left: float64(left), top: 8, height: float64(moveHeight * len(c.Classes))}
	var out bytes.Buffer
	openSVG(&out, left+360, moveHeight*len(c.Classes)+52, c.Title)
	for _, v := range ticks(a.lowX, a.highX, a.stepX) {
		fmt.Fprintf(&out, `<path d="M%s %sv%s" stroke="#ddd" stroke-width="0.7"/><text x="%s" y="%s" text-anchor="middle">%s</text>`+"\n",
			px(a.x(v)), px(a.top), px(a.height), px(a.x(v)), px(a.top+a.height+14), tickText(v, a.stepX))
	}
	fmt.Fprintf(&out, `<text x="%s" y="%s" text-anchor="middle" fill="#555">%s</text>`+"\n", px(a.left+a.width/2), px(a.top+a.height+32), escape(c.X))
	for i, m := range c.Classes {
		y := a.top + moveHeight*(float64(i)+0.5)
		series := 0 // a disc in the first colour
		if m.After < m.Before {
			series = 1 // a square in the second
		}
		fmt.Fprintf(&out, `<text x="%d" y="%s" text-anchor="end" font-size="10">%s</text>`, left-8, px(y+textDrop), html.EscapeString(clean(cut(m.Name, 32))))
		from, to := a.x(100*m.Before), a.x(100*m.After)
		fmt.Fprintf(&out, `<path d="M%s %sH%s" stroke="%s" stroke-width="1.6"/><circle cx="%s" cy="%s" r="2.8" fill="#fff" stroke="#555"/>`, px(from), px(y), px(to), colours[series], px(from), px(y))
		drawMarker(&out, to, y, series)
		out.WriteByte('\n')
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// Smooth averages a series over windows of equal length, at most points of
// them: what a curve of thousands of steps needs to be read.
func Smooth(x, y []float64, points int) (sx, sy []float64) {
	if len(x) <= points {
		return slices.Clone(x), slices.Clone(y)
	}
	for i := range points {
		from, to := i*len(x)/points, (i+1)*len(x)/points
		sumX, sumY := 0.0, 0.0
		for j := from; j < to; j++ {
			sumX, sumY = sumX+x[j], sumY+y[j]
		}
		sx, sy = append(sx, sumX/float64(to-from)), append(sy, sumY/float64(to-from))
	}
	return sx, sy
}
