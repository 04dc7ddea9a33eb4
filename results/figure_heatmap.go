package results

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// The heat map's measures, in pixels.
const (
	tileHeight, tileLeast = 26, 46
	mapTop, mapBottom     = 46, 34
	mapGap                = 18
)

// cividis are stops of the colour map of that name (Nuñez et al., 2018): its
// lightness rises evenly, so that it reads the same in grey and to the
// colour-blind.
var cividis = [][3]float64{{0, 34, 78}, {53, 69, 108}, {102, 105, 112}, {148, 142, 119}, {200, 184, 102}, {254, 232, 56}}

// shade is the colour of a place between 0 and 1, and that of text on it.
func shade(at float64) (fill, text string) {
	at = min(max(at, 0), 1) * float64(len(cividis)-1)
	i := min(int(at), len(cividis)-2)
	var c [3]float64
	for j := range c {
		c[j] = cividis[i][j] + (at-float64(i))*(cividis[i+1][j]-cividis[i][j])
	}
	text = "#fff"
	if 0.2126*c[0]+0.7152*c[1]+0.0722*c[2] > 125 {
		text = "#000"
	}
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]+0.5), int(c[1]+0.5), int(c[2]+0.5)), text
}

// heatmap draws a map for each metric, lines by columns, with the mean in each
// tile; a line that spans columns has one tile over them. What has no number
// says why.
func (g *Grid) heatmap(w io.Writer) error {
	out := bufio.NewWriter(w)
	left, tile := 0, tileLeast
	for i := range g.Lines {
		left = max(left, 14+6*wide(clean(g.Lines[i].title())))
	}
	for _, c := range g.Columns {
		tile = max(tile, 10+6*wide(clean(c.Shown)))
	}
	mapWidth := left + max(tile*len(g.Columns), 120) + mapGap
	height := mapTop + tileHeight*len(g.Lines) + mapBottom
	openSVG(out, mapWidth*len(g.Metrics), height, g.figureTitle())
	for m := range g.Metrics {
		fmt.Fprintf(out, `<g transform="translate(%d 0)">`+"\n", m*mapWidth)
		g.drawMap(out, m, left, tile)
		fmt.Fprintln(out, "</g>")
	}
	fmt.Fprintln(out, "</svg>")
	return out.Flush()
}

func (g *Grid) drawMap(out io.Writer, metric, left, tile int) {
	m := g.Metrics[metric]
	fmt.Fprintf(out, `<text x="%d" y="16" font-weight="bold">%s</text>`+"\n", left, html.EscapeString(clean(m.title())))
	for c, column := range g.Columns {
		fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", left+c*tile+tile/2, mapTop-8, html.EscapeString(clean(column.Shown)))
	}
	low, high := g.rangeOf(metric)
	for i := range g.Lines {
		l, y := &g.Lines[i], mapTop+i*tileHeight
		fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-6, y+tileHeight/2+textDrop, html.EscapeString(clean(l.title())))
		for c := 0; c < len(g.Columns); {
			end := c + 1
			for end < len(g.Columns) && shared(l.Cells[metric], end, c) {
				end++
			}
			drawTile(out, m, l.Cells[metric][c], tileBox{left + c*tile, y, (end - c) * tile, low, high})
			c = end
		}
	}
	drawScale(out, m, tileBox{left, mapTop + len(g.Lines)*tileHeight + 12, max(tile*len(g.Columns), 120), low, high})
}

// tileBox is where a tile stands and the range of its map.
type tileBox struct {
	x, y, width int
	low, high   float64
}

// rangeOf is the least and largest mean of a metric.
func (g *Grid) rangeOf(metric int) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	g.eachCell(func(m int, _ *Line, c *Cell) {
		if m == metric && !math.IsNaN(c.Mean) {
			low, high = min(low, c.Mean), max(high, c.Mean)
		}
	})
	return low, high
}

func drawTile(out io.Writer, m Metric, c *Cell, b tileBox) {
	if c.Status == Empty {
		return
	}
	fill, ink, word := "#eee", "#555", string(c.Status)
	if !math.IsNaN(c.Mean) {
		at := 0.5
		if b.high > b.low {
			at = (c.Mean - b.low) / (b.high - b.low)
		}
		fill, ink = shade(at)
		word = minus(m.formatMean(c.Mean))
	}
	fmt.Fprintf(out, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s" stroke="#fff"/>`, b.x, b.y, b.width, tileHeight, fill)
	fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="middle" fill="%s">%s</text>`+"\n", b.x+b.width/2, b.y+tileHeight/2+textDrop, ink, html.EscapeString(word))
}

// drawScale draws the colours from the least to the largest value.
func drawScale(out io.Writer, m Metric, b tileBox) {
	if b.high <= b.low || math.IsInf(b.low, 0) {
		return
	}
	const steps = 24
	for i := range steps {
		fill, _ := shade(float64(i) / (steps - 1))
		x := b.x + b.width*i/steps
		fmt.Fprintf(out, `<rect x="%d" y="%d" width="%d" height="6" fill="%s"/>`, x, b.y, b.x+b.width*(i+1)/steps-x, fill)
	}
	fmt.Fprintf(out, "\n"+`<text x="%d" y="%d" font-size="10">%s</text><text x="%d" y="%d" font-size="10" text-anchor="end">%s</text>`+"\n",
		b.x, b.y+18, minus(m.formatMean(b.low)), b.x+b.width, b.y+18, minus(m.formatMean(b.high)))
}

// The bars' measures, in pixels.
const (
	barHeight, barRoom   = 15, 190 // room: for bars and what is written beside them
	barTop, barBottom    = 26, 10
	barValueRoom, barGap = 78, 20
	textDrop             = 4 // from the middle of a text to its baseline; renderers differ in what else they know
)

// bars draws a panel for each metric with a bar for each line and column, from
// zero; whiskers are ± one standard deviation over seeds, the baseline is grey.
func (g *Grid) bars(w io.Writer) error {
	out := bufio.NewWriter(w)
	names := g.barNames()
	left := 0
	for _, n := range names {
		left = max(left, 14+6*wide(clean(n.text)))
	}
	panel := left + barRoom + barValueRoom + barGap
	openSVG(out, panel*len(g.Metrics), barTop+barHeight*len(names)+barBottom, g.figureTitle())
	for m := range g.Metrics {
		fmt.Fprintf(out, `<g transform="translate(%d 0)">`+"\n", m*panel)
		g.drawBars(out, m, left, names)
		fmt.Fprintln(out, "</g>")
	}
	fmt.Fprintln(out, "</svg>")
	return out.Flush()
}

// barName is one bar: a line and a column of it.
type barName struct {
	text         string
	line, column int
}

// barNames are the lines and columns that have a bar in any metric.
func (g *Grid) barNames() []barName {
	var names []barName
	for i := range g.Lines {
		l := &g.Lines[i]
		for c := range g.Columns {
			has := func(cells []*Cell) bool {
				return cells[c].Status != Empty && (c == 0 || !shared(cells, c, c-1))
			}
			if !slices.ContainsFunc(l.Cells, has) {
				continue
			}
			names = append(names, barName{strings.Join(nonEmpty(l.title(), columnOf(l.Cells[0][c], g.Columns[c])), ", "), i, c})
		}
	}
	return names
}

func (g *Grid) drawBars(out io.Writer, metric, left int, names []barName) {
	m := g.Metrics[metric]
	most := 0.0
	for _, n := range names {
		if c := g.Lines[n.line].Cells[metric][n.column]; !math.IsNaN(c.Mean) {
			most = max(most, math.Abs(c.Mean)+spreadOf(c))
		}
	}
	fmt.Fprintf(out, `<text x="%d" y="16" font-weight="bold">%s</text>`+"\n", left, html.EscapeString(clean(m.title())))
	for i, n := range names {
		l, y := &g.Lines[n.line], barTop+i*barHeight
		c := l.Cells[metric][n.column]
		fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="end">%s</text>`, left-6, y+barHeight/2+textDrop, html.EscapeString(clean(n.text)))
		if math.IsNaN(c.Mean) || most == 0 {
			fmt.Fprintf(out, `<text x="%d" y="%d" fill="#777">%s</text>`+"\n", left+4, y+barHeight/2+textDrop, html.EscapeString(c.piece(m, "", 0).main))
			continue
		}
		scale := barRoom / most
		fill := colours[0]
		if l.baseline {
			fill = "#999"
		}
		fmt.Fprintf(out, `<rect x="%d" y="%d" width="%s" height="%d" fill="%s"/>`, left, y+2, px(math.Abs(c.Mean)*scale), barHeight-4, fill)
		if s := spreadOf(c); s > 0 {
			fmt.Fprintf(out, `<path d="M%s %dh%s" stroke="#000" stroke-width="1.2"/>`, px(float64(left)+(math.Abs(c.Mean)-s)*scale), y+barHeight/2, px(2*s*scale))
		}
		fmt.Fprintf(out, `<text x="%s" y="%d" font-size="10">%s</text>`+"\n", px(float64(left)+(math.Abs(c.Mean)+spreadOf(c))*scale+4), y+barHeight/2+textDrop,
			html.EscapeString(minus(c.piece(m, g.Table.Spread, 0).figure())))
	}
}

// figure is the piece's number as a figure shows it.
func (p *piece) figure() string { return strings.Join(nonEmpty(p.main, p.spread), " ") }
