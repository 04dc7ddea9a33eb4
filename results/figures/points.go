package figures

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"react/results"
	"react/results/grid"
	"react/results/plain"
	"react/results/render"
)

// The measures of points: a figure is as wide as the text of a page with two columns.
const (
	pointsWidth            = 660 * px
	pointHeight            = 17 * px
	pointsHead, pointsFoot = 26 * px, 38 * px
	pointsLegend           = 20 * px
)

// Drawn are the grids that have a figure: those whose table asks for one, and the first with
// intervals against its baseline, the main result, as points.
func Drawn(grids []*grid.Grid) (drawn []*grid.Grid) {
	main := false
	for _, g := range grids {
		byDefault := g.Table.Figure == "" && !main && hasIntervals(g)
		main = main || hasIntervals(g)
		if len(g.Lines) > 0 && (byDefault || g.Table.Figure != "" && g.Table.Figure != "none") {
			drawn = append(drawn, g)
		}
	}
	return drawn
}

func hasIntervals(g *grid.Grid) bool {
	return slices.ContainsFunc(g.Lines, func(l grid.Line) bool {
		return slices.ContainsFunc(slices.Concat(l.Differences...), func(d *grid.Difference) bool {
			return d != nil && !math.IsNaN(d.Low)
		})
	})
}

// pointRow is one row of points: a line of the table and a column of it.
type pointRow struct {
	text        string
	differences []*grid.Difference // by metric
}

// pointRows are the lines and columns that have a difference in any metric.
func pointRows(g *grid.Grid) (rows []pointRow) {
	for i := range g.Lines {
		l := &g.Lines[i]
		for c := range g.Columns {
			row := pointRow{text: plain.Line(l.Title())}
			whole := len(g.Columns) > 1 // one difference for all columns
			for m := range l.Differences {
				d := l.Differences[m][c]
				if c > 0 && grid.Shared(l.Differences[m], c, c-1) {
					d = nil
				}
				row.differences = append(row.differences, d)
				whole = whole && (d == nil || d == l.Differences[m][len(g.Columns)-1])
			}
			if !slices.ContainsFunc(row.differences, func(d *grid.Difference) bool { return d != nil }) {
				continue
			}
			if !whole {
				row.text = plain.Line(strings.Join(plain.NonEmpty(l.Title(), g.Columns[c].Shown), ", "))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// points draws the differences to the baseline with their intervals, a panel for each metric that
// has any.
func points(g *grid.Grid) render.Drawing {
	rows := pointRows(g)
	var metrics []int
	var names []string
	for m := range g.Metrics {
		if slices.ContainsFunc(rows, func(r pointRow) bool { return r.differences[m] != nil }) {
			metrics = append(metrics, m)
		}
	}
	for _, r := range rows {
		names = append(names, r.text)
	}
	style := render.Text(render.TextSize, render.Ink, draw.XLeft)
	left := render.Widest(style, names) + panelMargin + nameGap
	beside := max(1, min(len(metrics), panelsPerRow))
	deep := (len(metrics) + beside - 1) / beside
	width := max(pointsWidth, left+vg.Length(beside)*120*px)
	panelWide := (width - left) / vg.Length(beside)
	panelDeep := pointsHead + pointHeight*vg.Length(len(rows)) + pointsFoot
	return titled(g, width, vg.Length(deep)*panelDeep+pointsLegend, func(c draw.Canvas) {
		for i, m := range metrics {
			x, y := left+vg.Length(i%beside)*panelWide, vg.Length(i/beside)*panelDeep
			size := c.Max.Sub(c.Min)
			area := draw.Crop(c, x, x+panelWide-2*panelMargin-size.X, size.Y-y-panelDeep, -y-pointsHead)
			pointsPanel{g.Metrics[m], m, rows, i%beside == 0}.plot().Draw(area)
		}
		small := render.Text(render.SmallSize, render.Grey, draw.XLeft)
		render.Put(c, small, c.Min.X+panelMargin, c.Min.Y+10*px, plain.Line("Difference to "+g.ShownBaseline()+
			" with its 95 % interval; filled: p < 0.05 after correction"))
	})
}

// pointsPanel is one metric of points.
type pointsPanel struct {
	grid.Metric
	at    int // the metric's index
	rows  []pointRow
	named bool // with the names of the rows
}

// plot is the panel between its axes.
func (p pointsPanel) plot() *plot.Plot {
	q := render.Axes(true)
	values, unit := []float64{0}, 1.0
	for _, r := range p.rows {
		if d := r.differences[p.at]; d != nil {
			values = append(values, d.Value, d.Low, d.High)
		}
	}
	q.X.Label.Text = plain.Line(p.Unit)
	if p.Percent {
		unit, q.X.Label.Text = 100, "points"
	}
	enclose(values, 4).set(&q.X, unit)
	q.Y.Min, q.Y.Max, q.Y.Width, q.Y.Tick.Width = -0.5, float64(len(p.rows))-0.5, 0, 0
	q.Y.Tick.Marker = plot.ConstantTicks{}
	q.Add(p)
	return q
}

// Plot draws the panel's title, the line of no difference, names, intervals and points.
func (p pointsPanel) Plot(c draw.Canvas, q *plot.Plot) {
	x, y := q.Transforms(&c)
	render.Put(c, render.Head(), c.Min.X, c.Max.Y+12*px, plain.Line(p.Shown))
	c.StrokeLine2(render.Line(render.RGB(0x777777), 1, 3, 3), x(0), c.Min.Y, x(0), c.Max.Y)
	for i, r := range p.rows {
		middle := y(float64(len(p.rows) - 1 - i))
		if p.named {
			style := render.Text(render.TextSize, render.Ink, draw.XRight)
			render.Put(c, style, c.Min.X-nameGap, middle, r.text)
		}
		d := r.differences[p.at]
		if d == nil || !results.IsFinite(d.Value) {
			continue
		}
		mark := 4 // hollow and light
		if d.Decided() {
			mark = 0
		}
		if !math.IsNaN(d.Low) { // an end may be infinite
			from, to := x(max(d.Low, q.X.Min)), x(min(d.High, q.X.Max))
			c.StrokeLine2(render.Line(render.Colour(mark), 1.6), from, middle, to, middle)
		}
		render.Mark(c, vg.Point{X: x(d.Value), Y: middle}, mark)
	}
}
