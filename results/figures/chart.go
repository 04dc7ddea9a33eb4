package figures

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"react/results"
	"react/results/plain"
	"react/results/render"
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

// The measures of charts.
const (
	chartWidth, chartHeight = 440 * px, 260 * px // of the plot
	chartTop, chartMargin   = 16 * px, 12 * px
)

// Drawing draws the chart, with the names of its curves on the right.
func (c Chart) Drawing() render.Drawing {
	var x, y []float64
	var names []string
	for _, s := range c.Curves {
		x, y = append(x, s.X...), append(y, s.Y...)
		names = append(names, plain.Cut(plain.Line(s.Name), 38))
	}
	q := render.Axes(false)
	enclose(x, 5).set(&q.X, 1)
	enclose(y, 5).set(&q.Y, 1)
	q.X.Label.Text, q.Y.Label.Text = plain.Line(c.X), plain.Line(c.Y)
	q.Add(c)
	key := render.NewKey(names, 0, false)
	return render.Drawing{Title: plain.Line(c.Title), Width: chartWidth + key.Width + 2*chartMargin,
		Height: max(chartHeight, chartTop+key.Height+chartMargin),
		Draw: func(page draw.Canvas) {
			bottom := page.Max.Y - chartHeight + chartMargin/2 - page.Min.Y
			q.Draw(draw.Crop(page, chartMargin/2, -key.Width-2*chartMargin, bottom, -chartTop))
			key.Draw(page, chartWidth+chartMargin, page.Max.Y-chartTop+4*px)
		}}
}

// Plot draws the curves between the axes of a plot. Where a value is no number
// is a gap, and what lies on the axis is left to the axis.
func (c Chart) Plot(area draw.Canvas, q *plot.Plot) {
	x, y := q.Transforms(&area)
	for i, s := range c.Curves {
		var run []vg.Point
		for j, v := range s.Y {
			point := vg.Point{X: x(s.X[j]), Y: y(v)}
			onAxis := j > 0 && v == q.Y.Min && s.Y[j-1] == v
			if results.IsFinite(v) && !onAxis {
				run = append(run, point)
				continue
			}
			strokeRun(area, i, run)
			if run = nil; onAxis {
				run = []vg.Point{point}
			}
		}
		strokeRun(area, i, run)
	}
}

// strokeRun draws points of curve i that have no gap between them.
func strokeRun(area draw.Canvas, i int, run []vg.Point) {
	if len(run) > 1 {
		area.StrokeLines(render.Stroke(i), run)
	}
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
	ends := enclose(all, 5)
	chart := Chart{Title: h.Title, X: h.X, Y: "share of the hits (%)"}
	for _, g := range h.Groups {
		chart.Curves = append(chart.Curves, outline(g, ends.low, ends.high))
	}
	return chart
}

// outline is the group's histogram as a curve of steps, in percent.
func outline(g Sample, low, high float64) Curve {
	counts, total := make([]float64, histogramBins), 0.0
	for _, v := range g.Values {
		if !results.IsFinite(v) {
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

const moveHeight, movesWidth = 14 * px, 352 * px

// Drawing draws, for each class, where it was (hollow) and is (filled): to the
// right blue discs, to the left orange squares, so that grey print tells them
// apart too.
func (c Moves) Drawing() render.Drawing {
	q := render.Axes(true)
	axis{0, 100, 20}.set(&q.X, 1)
	q.X.Label.Text, q.X.Width, q.X.Tick.Width, q.Y.Width = plain.Line(c.X), 0, 0, 0
	q.Y.Tick.Label.Font.Size = render.SmallSize
	q.Y.Min, q.Y.Max = -0.5, float64(len(c.Classes))-0.5
	var names []string
	var ticks plot.ConstantTicks
	for i, m := range c.Classes {
		names = append(names, plain.Cut(plain.Line(m.Name), 32))
		ticks = append(ticks, plot.Tick{Value: float64(len(c.Classes) - 1 - i), Label: names[i]})
	}
	q.Y.Tick.Marker = ticks
	q.Add(c)
	return render.Drawing{Title: plain.Line(c.Title),
		Width:  render.Widest(q.Y.Tick.Label, names) + movesWidth + 2*chartMargin,
		Height: moveHeight*vg.Length(len(c.Classes)) + 52*px,
		Draw: func(page draw.Canvas) {
			q.Draw(draw.Crop(page, chartMargin/2, -chartMargin, chartMargin/2, -chartMargin))
		}}
}

// Plot draws the moves between the axes of a plot.
func (c Moves) Plot(area draw.Canvas, q *plot.Plot) {
	x, y := q.Transforms(&area)
	for i, m := range c.Classes {
		series := 0 // a disc in the first colour
		if m.After < m.Before {
			series = 1 // a square in the second
		}
		from := vg.Point{X: x(100 * m.Before), Y: y(float64(len(c.Classes) - 1 - i))}
		to := vg.Point{X: x(100 * m.After), Y: from.Y}
		area.StrokeLine2(render.Line(render.Colour(series), 1.6), from.X, from.Y, to.X, to.Y)
		render.Ring(area, from)
		render.Mark(area, to, series)
	}
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
