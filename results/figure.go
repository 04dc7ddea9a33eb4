package results

import (
	"bufio"
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The figure's measures, in pixels at its natural size.
const (
	panelWidth, panelHeight   = 300, 210
	panelLeft, panelTop       = 46, 30
	panelRight, panelBottom   = 12, 44
	panelsPerRow              = 3
	legendHeight, markerWidth = 22, 18
)

// colours are Okabe and Ito's, which the colour-blind can tell apart, less the yellow, which paper hides; markers and dashes tell them apart in
// grey.
var (
	colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"}
	dashes  = []string{"", "6 3", "2 3", "8 3 2 3", "4 2", "1 2", "10 4"}
)

// series is one line of a figure: a value for each place along x, nil where there is none.
type series struct {
	name  string
	cells []*Cell
}

// panel is one metric of a figure.
type panel struct {
	metric     Metric
	lines      []series
	references []series // one cell each: labelled cases, over the whole width
	low, high  float64
	step       float64 // between ticks
}

// SVG draws the table (Table.Figure): a panel for each metric, along x the values of the last row path, a line for each value of the other row
// paths and each column, bars of ± one standard deviation over seeds, and labelled cases as dashed levels. Values that are missing leave a
// gap. The bytes are the same for the same grid.
//
// As "bars" each line of the table is a bar, as "heatmap" each cell a square.
func (g *Grid) SVG(w io.Writer) error {
	switch g.Table.Figure {
	case "bars":
		return g.bars(w)
	case "heatmap":
		return g.heatmap(w)
	}
	return g.curves(w)
}

func (g *Grid) curves(w io.Writer) error {
	x, panels := g.panels()
	if len(x) == 0 {
		return g.Table.errorf("figure: no line of the table has a value of %s", g.Stub[len(g.Stub)-1])
	}
	out := bufio.NewWriter(w)
	columns := min(len(panels), panelsPerRow)
	names := seriesNames(panels)
	top := 0
	if len(names) > 1 {
		top = legendHeight
	}
	width, height := columns*panelWidth, top+(len(panels)+columns-1)/columns*panelHeight
	openSVG(out, width, height, g.figureTitle())
	drawLegend(out, names)
	for i, p := range panels {
		fmt.Fprintf(out, `<g transform="translate(%d %d)">`+"\n", i%columns*panelWidth, top+i/columns*panelHeight)
		p.draw(out, x, g.Table.shown(g.Stub[len(g.Stub)-1]), names)
		fmt.Fprintln(out, "</g>")
	}
	fmt.Fprintln(out, "</svg>")
	return out.Flush()
}

// figureTitle is what a reader who cannot see the figure is told.
func (g *Grid) figureTitle() string { return cmp.Or(g.Table.Caption, g.Table.Name) }

func openSVG(out io.Writer, width, height int, title string) {
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" font-family="Helvetica, Arial, sans-serif" font-size="11" fill="#222">`+"\n",
		width, height, width, height)
	fmt.Fprintf(out, "<title>%s</title>\n", html.EscapeString(clean(title)))
	fmt.Fprintf(out, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
}

// panels arranges the grid's cells by metric, line and place along x: numbers ascend, other values come in the table's order.
func (g *Grid) panels() (x []string, panels []panel) {
	var along []value
	for _, l := range g.Lines {
		if v := l.values[len(l.values)-1]; l.Label == "" && !slices.Contains(along, v) {
			along = append(along, v)
		}
	}
	if !slices.ContainsFunc(along, func(v value) bool { return v.kind != isNumber }) {
		slices.SortFunc(along, compareValues)
	}
	at := map[string]int{}
	for i, v := range along {
		x = append(x, v.String())
		at[v.String()] = i
	}
	for m, metric := range g.Metrics {
		p := panel{metric: metric}
		for i := range g.Lines {
			p.add(&g.Lines[i], m, g.Columns, at)
		}
		p.scale()
		panels = append(panels, p)
	}
	return x, panels
}

// add puts a line of the table into the panel: one value of the series of its name and column, or a level.
func (p *panel) add(l *Line, metric int, columns []Column, at map[string]int) {
	for c, cell := range l.Cells[metric] {
		if cell.Status != Done {
			continue
		}
		if l.Label != "" {
			if !shared(l.Cells[metric], c, max(0, c-1)) || c == 0 {
				name := strings.Join(nonEmpty(l.title(), columnOf(cell, columns[c])), ", ")
				p.references = append(p.references, series{name, []*Cell{cell}})
			}
			continue
		}
		name := strings.Join(nonEmpty(strings.Join(l.Shown[:len(l.Shown)-1], ", "), columns[c].Shown), ", ")
		i := slices.IndexFunc(p.lines, func(s series) bool { return s.name == name })
		if i < 0 {
			i = len(p.lines)
			p.lines = append(p.lines, series{name, make([]*Cell, len(at))})
		}
		p.lines[i].cells[at[l.Names[len(l.Names)-1]]] = cell
	}
}

// columnOf names a cell's column, unless it holds for several.
func columnOf(cell *Cell, c Column) string {
	if cell.Spans {
		return ""
	}
	return c.Shown
}

// scale takes the range of the means and their bars, and ticks at round numbers that enclose it.
func (p *panel) scale() {
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range slices.Concat(p.lines, p.references) {
		for _, c := range s.cells {
			if c != nil {
				low, high = min(low, c.Mean-spreadOf(c)), max(high, c.Mean+spreadOf(c))
			}
		}
	}
	if math.IsInf(low, 0) {
		low, high = 0, 1
	}
	if high-low < 1e-9*max(1, math.Abs(high)) {
		low, high = low-0.5*max(math.Abs(low), 1e-3), high+0.5*max(math.Abs(high), 1e-3)
	}
	p.step = roundStep((high - low) / 4)
	p.low, p.high = p.step*math.Floor(low/p.step), p.step*math.Ceil(high/p.step)
}

func spreadOf(c *Cell) float64 {
	if math.IsNaN(c.Std) {
		return 0
	}
	return c.Std
}

// roundStep is the least of 1, 2 and 5 times a power of ten that is not under v.
func roundStep(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*unit >= v*(1-1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

// seriesNames lists the names of all panels' lines, in the table's order: a name has one colour in all.
func seriesNames(panels []panel) []string {
	var names []string
	for _, p := range panels {
		for _, s := range p.lines {
			if !slices.Contains(names, s.name) {
				names = append(names, s.name)
			}
		}
	}
	return names
}

// drawLegend writes the names over the panels; a single line needs none.
func drawLegend(out io.Writer, names []string) {
	if len(names) < 2 {
		return
	}
	left := panelLeft
	for i, name := range names {
		fmt.Fprintf(out, `<path d="M%d 11h%d" %s/>`, left, markerWidth, stroke(i))
		drawMarker(out, float64(left)+markerWidth/2, 11, i)
		fmt.Fprintf(out, `<text x="%d" y="15">%s</text>`+"\n", left+markerWidth+5, html.EscapeString(clean(name)))
		left += markerWidth + 20 + 6*wide(name)
	}
}

func stroke(i int) string {
	s := fmt.Sprintf(`fill="none" stroke="%s" stroke-width="1.6"`, colours[i%len(colours)])
	if d := dashes[i%len(dashes)]; d != "" {
		s += ` stroke-dasharray="` + d + `"`
	}
	return s
}

// drawMarker draws the mark of series i: a disc, a square, a triangle or a rhombus, filled and then hollow.
func drawMarker(out io.Writer, x, y float64, i int) {
	colour := colours[i%len(colours)]
	fill := colour
	if i/4%2 == 1 {
		fill = "#fff"
	}
	shape := []string{"M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z", "M-3 -3h6v6h-6z", "M0 -3.8l3.6 6.4h-7.2z", "M0 -4.2l4.2 4.2l-4.2 4.2l-4.2 -4.2z"}[i%4]
	fmt.Fprintf(out, `<path d="%s" transform="translate(%s %s)" fill="%s" stroke="%s" stroke-width="1.2"/>`, shape, px(x), px(y), fill, colour)
}

// px writes a coordinate to a tenth of a pixel.
func px(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// y is where a value stands in the panel.
func (p *panel) y(v float64) float64 {
	return panelHeight - panelBottom - (v-p.low)/(p.high-p.low)*(panelHeight-panelTop-panelBottom)
}

func xAt(i, n int) float64 {
	return panelLeft + (float64(i)+0.5)/float64(n)*(panelWidth-panelLeft-panelRight)
}

func (p *panel) draw(out io.Writer, x []string, axis string, names []string) {
	fmt.Fprintf(out, `<text x="%d" y="18" font-weight="bold">%s</text>`+"\n", panelLeft, html.EscapeString(clean(p.metric.title())))
	p.drawAxes(out, x, axis)
	for _, r := range p.references {
		fmt.Fprintf(out, `<path d="M%d %sH%d" stroke="#777" stroke-width="1" stroke-dasharray="3 3"/>`, panelLeft, px(p.y(r.cells[0].Mean)), panelWidth-panelRight)
	}
	for _, s := range p.lines {
		p.drawSeries(out, s, slices.Index(names, s.name), len(names))
	}
	for i, r := range p.references { // over the lines, with a white rim
		anchor, at := "end", panelWidth-panelRight-2
		if p.namedLeft(i) {
			anchor, at = "start", panelLeft+3
		}
		fmt.Fprintf(out, `<text x="%d" y="%s" text-anchor="%s" font-size="10" fill="#555" stroke="#fff" stroke-width="3" paint-order="stroke">%s</text>`+"\n",
			at, px(p.y(r.cells[0].Mean)-3), anchor, html.EscapeString(clean(r.name)))
	}
}

// namedLeft says whether the name of a level stands better at its left end:
// neighbours do not stand on each other, and one alone not on a line's mark.
func (p *panel) namedLeft(level int) bool {
	if len(p.references) > 1 {
		return level%2 == 1
	}
	y := p.y(p.references[level].cells[0].Mean) - 6 // the middle of the name
	room := func(left bool) float64 {
		least := math.Inf(1)
		for _, s := range p.lines {
			c := s.cells[len(s.cells)-1]
			if left {
				c = s.cells[0]
			}
			if c != nil {
				least = min(least, max(0, math.Abs(p.y(c.Mean)-y)-math.Abs(p.y(c.Mean-spreadOf(c))-p.y(c.Mean))))
			}
		}
		return least
	}
	return room(false) < 12 && room(true) > room(false)
}

func (p *panel) drawAxes(out io.Writer, x []string, axis string) {
	for n := range int(math.Round((p.high-p.low)/p.step)) + 1 {
		v := p.low + float64(n)*p.step
		y := p.y(v)
		fmt.Fprintf(out, `<path d="M%d %sH%d" stroke="#ddd" stroke-width="0.7"/><text x="%d" y="%s" text-anchor="end">%s</text>`+"\n",
			panelLeft, px(y), panelWidth-panelRight, panelLeft-5, px(y+textDrop), minus(p.tick(v)))
	}
	bottom := panelHeight - panelBottom
	fmt.Fprintf(out, `<path d="M%d %dV%dH%d" fill="none" stroke="#222" stroke-width="1"/>`+"\n", panelLeft, panelTop, bottom, panelWidth-panelRight)
	widest := 0
	for _, name := range x {
		widest = max(widest, wide(name))
	}
	every := 1 + (6*widest+10)*len(x)/(panelWidth-panelLeft-panelRight) // so that names do not run into each other
	for i, name := range x {
		if i%every == 0 {
			fmt.Fprintf(out, `<text x="%s" y="%d" text-anchor="middle">%s</text>`+"\n", px(xAt(i, len(x))), bottom+15, html.EscapeString(clean(name)))
		}
	}
	fmt.Fprintf(out, `<text x="%d" y="%d" text-anchor="middle" fill="#555">%s</text>`+"\n", (panelLeft+panelWidth-panelRight)/2, bottom+31, html.EscapeString(clean(axis)))
}

// tick writes a value with the decimals that the step needs.
func (p *panel) tick(v float64) string {
	step := p.step
	if p.metric.Percent {
		step, v = 100*step, 100*v
	}
	return strconv.FormatFloat(v, 'f', max(0, -int(math.Floor(math.Log10(step*(1+1e-9))))), 64)
}

// drawSeries draws series i of n, a little beside the others, so that bars do not hide each other.
func (p *panel) drawSeries(out io.Writer, s series, i, n int) {
	at := func(place int) float64 { return xAt(place, len(s.cells)) + 3*(float64(i)-float64(n-1)/2) }
	var d strings.Builder
	pen := "M"
	for place, c := range s.cells {
		if c == nil {
			pen = "M"
			continue
		}
		fmt.Fprintf(&d, "%s%s %s", pen, px(at(place)), px(p.y(c.Mean)))
		pen = "L"
	}
	fmt.Fprintf(out, `<path d="%s" %s/>`+"\n", d.String(), stroke(i))
	for place, c := range s.cells {
		if c == nil {
			continue
		}
		x := at(place)
		if b := spreadOf(c); b > 0 {
			fmt.Fprintf(out, `<path d="M%s %sV%s" stroke="%s" stroke-width="1"/>`, px(x), px(p.y(c.Mean-b)), px(p.y(c.Mean+b)), colours[i%len(colours)])
		}
		drawMarker(out, x, p.y(c.Mean), i)
		fmt.Fprintln(out)
	}
}
