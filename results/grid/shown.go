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
	if !math.IsNaN(v) && (m.Percent || v > 0) {
		spread = "± " + m.FormatSpread(v)
	}
	return m.FormatMean(c.Mean), spread, false
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

// ShownStub are the heads of the lines' names as printed.
func (g *Grid) ShownStub() []string {
	names := make([]string, len(g.Stub))
	for i, path := range g.Stub {
		names[i] = g.Table.Shown(path)
	}
	return names
}

// Title is the line's name as printed.
func (l *Line) Title() string {
	if slices.Equal(l.Names, l.Shown) {
		return l.Name
	}
	return strings.Join(l.Shown, ", ")
}

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

// Differs reports whether correction changes what is said of a difference.
func (d *Difference) Differs() bool { return !math.IsNaN(d.P) && d.Level < significance }
