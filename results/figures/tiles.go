package figures

import (
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"react/results/grid"
	"react/results/plain"
	"react/results/render"
)

// The measures of heat maps.
const (
	tileHeight, tileLeast = 26 * px, 46 * px
	mapTop, mapBottom     = 46 * px, 38 * px
	mapLeast, mapGap      = 120 * px, 18 * px
	nameGap               = 6 * px
)

// cividis are stops of the colour map of that name (Nuñez et al., 2018): its
// lightness rises evenly, so that it reads the same in grey and to the
// colour-blind.
var cividis = [][3]float64{
	{0, 34, 78}, {53, 69, 108}, {102, 105, 112}, {148, 142, 119}, {200, 184, 102}, {254, 232, 56},
}

// shade is the colour of a place between 0 and 1, and that of text on it.
func shade(at float64) (fill, text color.NRGBA) {
	at = min(max(at, 0), 1) * float64(len(cividis)-1)
	i := min(int(at), len(cividis)-2)
	var c [3]float64
	for j := range c {
		c[j] = cividis[i][j] + (at-float64(i))*(cividis[i+1][j]-cividis[i][j])
	}
	text = render.White
	if 0.2126*c[0]+0.7152*c[1]+0.0722*c[2] > 125 {
		text = render.RGB(0)
	}
	return color.NRGBA{uint8(c[0] + 0.5), uint8(c[1] + 0.5), uint8(c[2] + 0.5), 255}, text
}

// heatmap draws a map for each metric, lines by columns, with the mean in each
// tile; a line that spans columns has one tile over them. What has no number
// says why.
func heatmap(g *grid.Grid) render.Drawing {
	var names, heads []string
	for i := range g.Lines {
		names = append(names, plain.Line(g.Lines[i].Title()))
	}
	for _, c := range g.Columns {
		heads = append(heads, plain.Line(c.Shown))
	}
	style := render.Text(render.TextSize, render.Ink, draw.XLeft)
	left := render.Widest(style, names) + mapGap
	tile := max(tileLeast, render.Widest(style, heads)+10*px)
	width := left + max(tile*vg.Length(len(heads)), mapLeast)
	height := mapTop + tileHeight*vg.Length(len(names)) + mapBottom
	return titled(g, width*vg.Length(len(g.Metrics))+mapGap/2, height, func(c draw.Canvas) {
		for m := range g.Metrics {
			area := heatArea{Canvas: c, Metric: g.Metrics[m], tile: tile}
			area.left = c.Min.X + vg.Length(m)*width + left
			area.low, area.high = rangeOf(g, m)
			area.draw(g, m, names, heads)
		}
	})
}

// heatArea is where the map of one metric stands, and its range.
type heatArea struct {
	draw.Canvas
	grid.Metric
	left, tile vg.Length
	low, high  float64
}

func (a heatArea) draw(g *grid.Grid, metric int, names, heads []string) {
	render.Put(a.Canvas, render.Head(), a.left, a.Max.Y-12*px, plain.Line(a.Title()))
	style := render.Text(render.TextSize, render.Ink, draw.XCenter)
	for i, head := range heads {
		middle := a.left + (vg.Length(i)+0.5)*a.tile
		render.Put(a.Canvas, style, middle, a.Max.Y-mapTop+12*px, head)
	}
	style.XAlign = draw.XRight
	top := a.Max.Y - mapTop
	for i := range g.Lines {
		render.Put(a.Canvas, style, a.left-nameGap, top-tileHeight/2, names[i])
		cells := g.Lines[i].Cells[metric]
		for c := 0; c < len(heads); {
			end := c + 1
			for end < len(heads) && grid.Shared(cells, end, c) {
				end++
			}
			a.drawTile(cells[c], a.left+vg.Length(c)*a.tile, top, vg.Length(end-c)*a.tile)
			c = end
		}
		top -= tileHeight
	}
	a.drawScale(top-12*px, max(a.tile*vg.Length(len(heads)), mapLeast))
}

// rangeOf is the least and largest mean of a metric.
func rangeOf(g *grid.Grid, metric int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	g.EachCell(func(m int, _ *grid.Line, c *grid.Cell) {
		if m == metric && !math.IsNaN(c.Mean) {
			low, high = min(low, c.Mean), max(high, c.Mean)
		}
	})
	return low, high
}

func (a heatArea) drawTile(c *grid.Cell, left, top, width vg.Length) {
	if c.Status == grid.Empty {
		return
	}
	fill, ink, word := render.RGB(0xeeeeee), render.Grey, string(c.Status)
	if !math.IsNaN(c.Mean) {
		at := 0.5
		if a.high > a.low {
			at = (c.Mean - a.low) / (a.high - a.low)
		}
		fill, ink = shade(at)
		word = plain.Minus(a.FormatMean(c.Mean))
	}
	const rim = px / 2
	render.Box(a.Canvas, left+rim, top-rim, width-2*rim, tileHeight-2*rim, fill)
	style := render.Text(render.TextSize, ink, draw.XCenter)
	render.Put(a.Canvas, style, left+width/2, top-tileHeight/2, word)
}

// drawScale draws the colours from the least to the largest value. Each lies
// over the last up to the right end, so that no seams show.
func (a heatArea) drawScale(top, width vg.Length) {
	if a.high <= a.low || math.IsInf(a.low, 0) {
		return
	}
	const steps = 48
	for i := range steps {
		fill, _ := shade(float64(i) / (steps - 1))
		from := width * vg.Length(i) / steps
		render.Box(a.Canvas, a.left+from, top, width-from, 6*px, fill)
	}
	style := render.Text(render.SmallSize, render.Ink, draw.XLeft)
	render.Put(a.Canvas, style, a.left, top-14*px, plain.Minus(a.FormatMean(a.low)))
	style.XAlign = draw.XRight
	render.Put(a.Canvas, style, a.left+width, top-14*px, plain.Minus(a.FormatMean(a.high)))
}

// The measures of bars.
const (
	barHeight, barRoom = 15 * px, 190 * px // room: for bars and whiskers
	barTop, barBottom  = 26 * px, 10 * px
	barGap             = 20 * px
)

// bars draws a panel for each metric with a bar for each line and column, from
// zero; whiskers are ± one standard deviation over seeds, the baseline is grey.
func bars(g *grid.Grid) render.Drawing {
	bars := barNames(g)
	var names, values []string
	for _, b := range bars {
		names = append(names, b.text)
		for m := range g.Metrics {
			values = append(values, barValue(g, m, b))
		}
	}
	left := render.Widest(render.Text(render.TextSize, render.Ink, draw.XLeft), names) + 2*nameGap
	small := render.Text(render.SmallSize, render.Ink, draw.XLeft)
	width := left + barRoom + render.Widest(small, values) + barGap
	height := barTop + barHeight*vg.Length(len(bars)) + barBottom
	return titled(g, width*vg.Length(len(g.Metrics)), height, func(c draw.Canvas) {
		for m := range g.Metrics {
			drawBars(g, c, m, c.Min.X+vg.Length(m)*width+left, bars)
		}
	})
}

// barName is one bar: a line and a column of it.
type barName struct {
	text         string
	line, column int
}

// barNames are the lines and columns that have a bar in any metric.
func barNames(g *grid.Grid) []barName {
	var names []barName
	for i := range g.Lines {
		l := &g.Lines[i]
		for c := range g.Columns {
			has := func(cells []*grid.Cell) bool {
				return cells[c].Status != grid.Empty && (c == 0 || !grid.Shared(cells, c, c-1))
			}
			if !slices.ContainsFunc(l.Cells, has) {
				continue
			}
			text := strings.Join(plain.NonEmpty(l.Title(), columnOf(l.Cells[0][c], g.Columns[c])), ", ")
			names = append(names, barName{plain.Line(text), i, c})
		}
	}
	return names
}

// barValue is what is written beside a bar, or in place of one.
func barValue(g *grid.Grid, metric int, b barName) string {
	c := g.Lines[b.line].Cells[metric][b.column]
	main, spread, _ := c.Parts(g.Metrics[metric], g.Table.Spread)
	if math.IsNaN(c.Mean) {
		return main
	}
	return plain.Minus(strings.Join(plain.NonEmpty(main, spread), " "))
}

func drawBars(g *grid.Grid, c draw.Canvas, metric int, left vg.Length, bars []barName) {
	most := 0.0
	for _, b := range bars {
		if cell := g.Lines[b.line].Cells[metric][b.column]; !math.IsNaN(cell.Mean) {
			most = max(most, math.Abs(cell.Mean)+spreadOf(cell))
		}
	}
	render.Put(c, render.Head(), left, c.Max.Y-12*px, plain.Line(g.Metrics[metric].Title()))
	for i, b := range bars {
		y := c.Max.Y - barTop - (vg.Length(i)+0.5)*barHeight
		render.Put(c, render.Text(render.TextSize, render.Ink, draw.XRight), left-nameGap, y, b.text)
		cell := g.Lines[b.line].Cells[metric][b.column]
		if math.IsNaN(cell.Mean) || most == 0 {
			style := render.Text(render.TextSize, render.RGB(0x777777), draw.XLeft)
			render.Put(c, style, left+4*px, y, barValue(g, metric, b))
			continue
		}
		fill := render.Colour(0)
		if g.Lines[b.line].Baseline {
			fill = render.RGB(0x999999)
		}
		at := func(v float64) vg.Length { return left + vg.Length(v/most)*barRoom }
		mean, spread := math.Abs(cell.Mean), spreadOf(cell)
		render.Box(c, left, y+barHeight/2-2*px, at(mean)-left, barHeight-4*px, fill)
		if spread > 0 {
			c.StrokeLine2(render.Line(render.RGB(0), 1.2), at(mean-spread), y, at(mean+spread), y)
		}
		small := render.Text(render.SmallSize, render.Ink, draw.XLeft)
		render.Put(c, small, at(mean+spread)+4*px, y, barValue(g, metric, b))
	}
}
