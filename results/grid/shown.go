package grid

import (
	"math"
	"slices"
	"strings"
)

// Parts are what the cell shows, in the metric's unit: its mean and what follows ± (kind is
// Table.Spread), or a word in place of a number.
func (c *Cell) Parts(m Metric, kind string) (main, spread string, word bool) {
	switch c.Status {
	case Empty:
		return None, "", true
	case Failed, Pending:
		return string(c.Status), "", true
	case NotANum:
		return "NaN", "", true
	}
	v := c.Std
	if kind == "ci95" {
		v = (c.High - c.Low) / 2
	}
	if v > 0 || !math.IsNaN(v) && m.Percent && !c.oneStage() {
		spread = "± " + m.FormatSpread(v)
	}
	return m.FormatMean(c.Mean), spread, false
}

// oneStage reports whether all seeds have the figure from one stage, which then knows of none.
func (c *Cell) oneStage() bool {
	return !slices.ContainsFunc(c.Points, func(p Point) bool { return p.Key != c.Points[0].Key })
}

// Along are the values of the last row path, as places along the axis of a figure: numbers ascend,
// others come in the table's order. Lines of cases have none.
func (g *Grid) Along() []string {
	var along []Value
	for _, l := range g.Lines {
		if v := l.Values[len(l.Values)-1]; l.Label == "" && !slices.Contains(along, v) {
			along = append(along, v)
		}
	}
	if !slices.ContainsFunc(along, func(v Value) bool { return v.kind != isNumber }) {
		slices.SortFunc(along, compareValues)
	}
	var names []string
	for _, v := range along {
		names = append(names, v.String())
	}
	return names
}

// ColumnNames are the columns' names as the spec has them.
func (g *Grid) ColumnNames() []string {
	names := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		names[i] = c.Name
	}
	return names
}

// ShownColumns are the heads of the columns as printed.
func (g *Grid) ShownColumns() []string {
	names := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		names[i] = c.Shown
	}
	return names
}

// ShownStub are the heads of the lines' names as printed; two that would be the same are long.
func (g *Grid) ShownStub() []string {
	names := make([]string, len(g.Stub))
	for i, path := range g.Stub {
		names[i], _ = g.Table.ShownPath(path)
	}
	for i, path := range g.Stub {
		if slices.Index(names, names[i]) < i {
			_, names[i] = g.Table.ShownPath(path)
		}
	}
	return names
}

// ShownAlong is one of Along as printed.
func (g *Grid) ShownAlong(name string) string { return g.Table.shownValue(g.Stub[len(g.Stub)-1], name) }

// ShownBaseline is what the others are compared with, as printed.
func (g *Grid) ShownBaseline() string {
	path, value, isMatch := strings.Cut(g.Baseline, "=")
	for i := range g.Lines {
		switch l := &g.Lines[i]; {
		case !l.Baseline:
		case l.Label == g.Baseline:
			return g.Table.shown(g.Baseline)
		case l.Name == g.Baseline:
			return l.Title()
		case isMatch && path == g.Table.Paired:
			return g.Table.shownValue(path, value)
		case isMatch:
			short, _ := g.Table.ShownPath(path)
			return short + " = " + g.Table.shownValue(path, value)
		}
	}
	return g.Table.shown(g.Baseline)
}

// Title is the line's name as printed.
func (l *Line) Title() string { return l.title }

// ShownLine is a line's name as printed, by its name.
func (g *Grid) ShownLine(name string) string {
	for i := range g.Lines {
		if l := &g.Lines[i]; l.Name == name {
			return l.Title()
		}
	}
	return name
}

// ShownColumn is a column's name as printed, by its name.
func (g *Grid) ShownColumn(name string) string {
	for _, c := range g.Columns {
		if c.Name == name {
			return c.Shown
		}
	}
	return name
}

// HasBest reports whether any cell is marked.
func (g *Grid) HasBest() bool {
	found := false
	g.EachCell(func(_ int, _ *Line, c *Cell) { found = found || c.Best })
	return found
}

// DifferenceTitle is the metric as the head of a column of differences.
func (m Metric) DifferenceTitle() string {
	if m.Percent {
		return m.Shown + " (points)"
	}
	return m.Title()
}

// LongTitle is the metric in full, with what its numbers are in: a unit, "%" or "points".
func (m Metric) LongTitle(percent string) string {
	unit := m.Unit
	if m.Percent {
		unit = percent
	}
	if unit == "" {
		return m.long
	}
	return m.long + " (" + unit + ")"
}

// Differs reports whether correction changes what is said of a difference.
func (d *Difference) Differs() bool { return !math.IsNaN(d.P) && d.Level < significance }

// Decided reports whether the corrected test finds a difference.
func (d *Difference) Decided() bool { return d.Adjusted < significance }
