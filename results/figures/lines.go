// Package figures draws: tables as lines, bars or heat maps, and the curves, histograms and moves
// of a report. It knows what is drawn where; how strokes and letters become a file is package
// render's.
package figures

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"react/results"
	"react/results/grid"
	"react/results/plain"
	"react/results/render"
)

const px = render.Pixel

// The measures of panels.
const (
	panelWidth, panelHeight = 300 * px, 210 * px
	panelHead, panelMargin  = 24 * px, 12 * px
	panelsPerRow            = 3
)

// series is one line of a figure: a value for each place along x, nil where there is none.
type series struct {
	name  string
	cells []*grid.Cell
}

// panel is one metric of a figure.
type panel struct {
	metric     grid.Metric
	x          []string // places
	lines      []series
	references []series // one cell each: labelled cases, over the whole width
	names      []string // of all panels' lines: a name has one colour in all
	axis
}

// Drawing draws the table (Table.Figure): a panel for each metric, along x the
// values of the last row path, a line for each value of the other row paths and
// each column, bars of ± one standard deviation over seeds, and labelled cases
// as dashed levels. Values that are missing leave a gap.
//
// As "bars" each line of the table is a bar, as "heatmap" each cell a square; as "points", and
// where the table says nothing, each difference to the baseline is a point with its interval.
func Drawing(g *grid.Grid) (render.Drawing, error) {
	switch g.Table.Figure {
	case "bars":
		return bars(g), nil
	case "heatmap":
		return heatmap(g), nil
	case "points", "":
		return points(g), nil
	}
	return curves(g)
}

// SVG writes the table's drawing as SVG.
func SVG(w io.Writer, g *grid.Grid) error {
	d, err := Drawing(g)
	if err == nil {
		_, err = w.Write(d.SVG())
	}
	return err
}

func curves(g *grid.Grid) (render.Drawing, error) {
	panels := panelsOf(g)
	if len(panels) == 0 {
		return render.Drawing{}, g.Table.NoAxis()
	}
	columns := min(len(panels), panelsPerRow)
	plots := make([][]*plot.Plot, (len(panels)+columns-1)/columns)
	for i := range plots {
		plots[i] = make([]*plot.Plot, columns)
		for j := range min(columns, len(panels)-i*columns) {
			_, axis := g.Table.ShownPath(g.Stub[len(g.Stub)-1])
			plots[i][j] = panels[i*columns+j].plot(axis)
		}
	}
	width := vg.Length(columns) * panelWidth
	key := render.Key{}
	if names := panels[0].names; len(names) > 1 { // a single line needs none
		key = render.NewKey(names, width-2*panelMargin, true)
	}
	height := key.Height + vg.Length(len(plots))*panelHeight
	return titled(g, width, height, func(c draw.Canvas) {
		key.Draw(c, c.Min.X+panelMargin, c.Max.Y-2*px)
		tiles := draw.Tiles{Rows: len(plots), Cols: columns,
			PadTop: key.Height + panelHead, PadY: panelHead, PadX: 1.5 * panelMargin,
			PadLeft: panelMargin / 2, PadRight: panelMargin, PadBottom: panelMargin / 2}
		for i, areas := range plot.Align(plots, tiles, c) {
			for j, area := range areas {
				if plots[i][j] != nil {
					plots[i][j].Draw(area)
				}
			}
		}
	}), nil
}

// titled is a figure of the grid with its title.
func titled(g *grid.Grid, width, height vg.Length, paint func(draw.Canvas)) render.Drawing {
	title := plain.Line(cmp.Or(g.Table.Caption, g.Table.Name))
	return render.Drawing{Title: title, Width: width, Height: height, Draw: paint}
}

// panelsOf arranges the grid's cells by metric, line and place along x.
func panelsOf(g *grid.Grid) (panels []*panel) {
	x, at := g.Along(), map[string]int{}
	if len(x) == 0 {
		return nil
	}
	for i, name := range x {
		at[name], x[i] = i, g.ShownAlong(name)
	}
	for m, metric := range g.Metrics {
		p := &panel{metric: metric, x: x}
		for i := range g.Lines {
			p.add(&g.Lines[i], m, g.Columns, at)
		}
		p.scale()
		panels = append(panels, p)
	}
	names := seriesNames(panels)
	for _, p := range panels {
		p.names = names
	}
	return panels
}

// add puts a line of the table into the panel: one value of the series of its
// name and column, or a level.
func (p *panel) add(l *grid.Line, metric int, columns []grid.Column, at map[string]int) {
	for c, cell := range l.Cells[metric] {
		if cell.Status != grid.Done {
			continue
		}
		if l.Label != "" {
			if !grid.Shared(l.Cells[metric], c, max(0, c-1)) || c == 0 {
				name := strings.Join(plain.NonEmpty(l.Title(), columnOf(cell, columns[c])), ", ")
				p.references = append(p.references, series{name, []*grid.Cell{cell}})
			}
			continue
		}
		others := strings.Join(l.Shown[:len(l.Shown)-1], ", ")
		name := strings.Join(plain.NonEmpty(others, columns[c].Shown), ", ")
		i := slices.IndexFunc(p.lines, func(s series) bool { return s.name == name })
		if i < 0 {
			i = len(p.lines)
			p.lines = append(p.lines, series{name, make([]*grid.Cell, len(at))})
		}
		p.lines[i].cells[at[l.Names[len(l.Names)-1]]] = cell
	}
}

// columnOf names a cell's column, unless it holds for several.
func columnOf(cell *grid.Cell, c grid.Column) string {
	if cell.Spans {
		return ""
	}
	return c.Shown
}

// scale takes the range of the means and their bars.
func (p *panel) scale() {
	var values []float64
	for _, s := range slices.Concat(p.lines, p.references) {
		for _, c := range s.cells {
			if c != nil {
				values = append(values, c.Mean-spreadOf(c), c.Mean+spreadOf(c))
			}
		}
	}
	p.axis = enclose(values, 4)
}

func spreadOf(c *grid.Cell) float64 {
	if math.IsNaN(c.Std) {
		return 0
	}
	return c.Std
}

// seriesNames lists the names of all panels' lines, in the table's order.
func seriesNames(panels []*panel) []string {
	var names []string
	for _, p := range panels {
		for _, s := range p.lines {
			if name := plain.Line(s.name); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// plot is the panel between its axes.
func (p *panel) plot(axis string) *plot.Plot {
	q := render.Axes(false)
	unit := 1.0
	if p.metric.Percent {
		unit = 100
	}
	p.axis.set(&q.Y, unit)
	q.X.Min, q.X.Max, q.X.Label.Text = -0.5, float64(len(p.x))-0.5, plain.Line(axis)
	const room = panelWidth - 60*px
	widest := render.Widest(q.X.Tick.Label, p.x) + 6*px
	every := 1 + int(widest*vg.Length(len(p.x))/room) // so that names do not run into each other
	var ticks plot.ConstantTicks
	for i := 0; i < len(p.x); i += every {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: plain.Line(p.x[i])})
	}
	q.X.Tick.Marker = ticks
	q.Add(p)
	return q
}

// Plot draws the panel's data: levels, lines, and the names of the levels over
// them.
func (p *panel) Plot(c draw.Canvas, q *plot.Plot) {
	render.Put(c, render.Head(), c.Min.X, c.Max.Y+14*px, plain.Line(p.metric.Title()))
	_, y := q.Transforms(&c)
	var taken []vg.Point
	for _, r := range p.references {
		level := []vg.Point{{X: c.Min.X, Y: y(r.cells[0].Mean)}, {X: c.Max.X, Y: y(r.cells[0].Mean)}}
		c.StrokeLines(render.Line(render.RGB(0x777777), 1, 3, 3), level)
		taken = append(taken, along(level)...)
	}
	for _, s := range p.lines {
		taken = append(taken, p.drawSeries(c, q, s, slices.Index(p.names, plain.Line(s.name)))...)
	}
	for _, r := range p.references {
		taken = append(taken, nameLevel(c, plain.Line(r.name), y(r.cells[0].Mean), taken)...)
	}
}

// nameLevel writes the name of a level over or under it, as far to the right as
// it hides the fewest of the points that are taken. It returns the points that
// it takes itself.
func nameLevel(c draw.Canvas, name string, level vg.Length, taken []vg.Point) (own []vg.Point) {
	style := render.Text(render.SmallSize, render.Grey, draw.XLeft)
	size := vg.Point{X: style.Width(name) + 2*px, Y: 10 * px}
	var best vg.Rectangle
	least := math.MaxInt
	const places = 8
	for i := range 2 * places {
		step := (c.Max.X - c.Min.X - size.X) / places
		corner := vg.Point{X: c.Max.X - size.X - vg.Length(i/2)*step, Y: level + 2*px}
		if i%2 == 1 {
			corner.Y = level - 2*px - size.Y
		}
		box := vg.Rectangle{Min: corner, Max: corner.Add(size)}
		if hidden := within(box, taken); hidden < least && box.Min.Y > c.Min.Y {
			best, least = box, hidden
		}
	}
	render.Box(c, best.Min.X, best.Max.Y, size.X, size.Y, color.NRGBA{255, 255, 255, 200})
	render.Put(c, style, best.Min.X+px, best.Min.Y+size.Y/2, name)
	for i := range 5 {
		y := best.Min.Y + size.Y*vg.Length(i)/4
		own = append(own, along([]vg.Point{{X: best.Min.X, Y: y}, {X: best.Max.X, Y: y}})...)
	}
	return own
}

func within(box vg.Rectangle, points []vg.Point) (n int) {
	for _, p := range points {
		if p.X > box.Min.X && p.X < box.Max.X && p.Y > box.Min.Y && p.Y < box.Max.Y {
			n++
		}
	}
	return n
}

// along are points on the lines between some, close enough for no name to slip
// between.
func along(points []vg.Point) (out []vg.Point) {
	for i := 1; i < len(points); i++ {
		step := points[i].Sub(points[i-1])
		n := 1 + int(max(math.Abs(float64(step.X)), math.Abs(float64(step.Y)))/float64(4*px))
		for j := range n + 1 {
			out = append(out, points[i-1].Add(step.Scale(vg.Length(j)/vg.Length(n))))
		}
	}
	return out
}

// drawSeries draws line i of the names, a little beside the others, so that bars
// do not hide each other. It returns the points that it takes.
func (p *panel) drawSeries(c draw.Canvas, q *plot.Plot, s series, i int) (taken []vg.Point) {
	x, y := q.Transforms(&c)
	beside := vg.Length(3*(float64(i)-float64(len(p.names)-1)/2)) * px
	var runs [][]vg.Point
	gap := true
	for place, cell := range s.cells {
		if cell == nil {
			gap = true
			continue
		}
		if gap {
			runs, gap = append(runs, nil), false
		}
		run := &runs[len(runs)-1]
		*run = append(*run, vg.Point{X: x(float64(place)) + beside, Y: y(cell.Mean)})
	}
	c.StrokeLines(render.Stroke(i), runs...)
	marks := slices.Concat(runs...)
	for _, cell := range s.cells {
		if cell == nil {
			continue
		}
		at := marks[0]
		if b := spreadOf(cell); b > 0 {
			bar := []vg.Point{{X: at.X, Y: y(cell.Mean - b)}, {X: at.X, Y: y(cell.Mean + b)}}
			c.StrokeLines(render.Line(render.Colour(i), 1), bar)
			taken = append(taken, along(bar)...)
		}
		render.Mark(c, at, i)
		taken, marks = append(taken, at, at, at, at), marks[1:] // a mark counts more than a line
	}
	for _, run := range runs {
		taken = append(taken, along(run)...)
	}
	return taken
}

// axis is a range between round numbers, with the step between ticks.
type axis struct{ low, high, step float64 }

// enclose gives the round ends around some values, about parts steps apart.
func enclose(values []float64, parts float64) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if results.IsFinite(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	if math.IsInf(low, 0) {
		low, high = 0, 1
	}
	if high-low < 1e-9*max(1, math.Abs(high)) {
		low, high = low-0.5*max(math.Abs(low), 1e-3), high+0.5*max(math.Abs(high), 1e-3)
	}
	step := roundStep((high - low) / parts)
	return axis{step * math.Floor(low/step+1e-9), step * math.Ceil(high/step-1e-9), step}
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

// set gives an axis of a plot this range.
func (a axis) set(to *plot.Axis, unit float64) {
	to.Min, to.Max, to.Tick.Marker = a.low, a.high, a.ticks(unit)
}

// ticks are written in the unit, with the decimals that the step needs.
func (a axis) ticks(unit float64) (ticks plot.ConstantTicks) {
	decimals := max(0, -int(math.Floor(math.Log10(unit*a.step*(1+1e-9)))))
	for i := range int(math.Round((a.high-a.low)/a.step)) + 1 {
		v := a.low + float64(i)*a.step
		label := plain.Minus(strconv.FormatFloat(unit*v, 'f', decimals, 64))
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	return ticks
}

// Files are a drawing as NAME.svg, .pdf and .png.
func Files(name string, d render.Drawing) ([]results.File, error) {
	name = results.FileName(name)
	var pdf, png bytes.Buffer
	if err := errors.Join(d.PDF(&pdf), d.PNG(&png)); err != nil {
		return nil, fmt.Errorf("figure %s: %w", name, err)
	}
	return []results.File{{Path: name + ".svg", Data: d.SVG()}, {Path: name + ".pdf", Data: pdf.Bytes()},
		{Path: name + ".png", Data: png.Bytes()}}, nil
}
