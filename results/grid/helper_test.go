package grid

import (
	"slices"
	"strings"
	"testing"

	"react/results"
)

func modesTable() Table {
	return Table{Name: "modes", Rows: Names{"tune.mode"}, Columns: Names{"retrieve.k"},
		Metrics: Names{"task/acc@1", "others/acc@1"}, Baseline: "base"}
}

func mustBuild(t testing.TB, spec Table, rows []results.Row, opts Options) *Grid {
	t.Helper()
	g, err := Build(spec, rows, opts)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// said is what the grid says in sentences: over what its numbers are, tests, warnings, footnotes.
func said(g *Grid) string {
	return strings.Join(slices.Concat(g.Over, g.Remarks, g.Notes), "\n")
}

// cellOf is the cell of a line by name, metric and column by index.
func cellOf(t testing.TB, g *Grid, line string, metric, column int) *Cell {
	t.Helper()
	return lineOf(t, g, line).Cells[metric][column]
}

func lineOf(t testing.TB, g *Grid, name string) *Line {
	t.Helper()
	for i := range g.Lines {
		if g.Lines[i].Name == name {
			return &g.Lines[i]
		}
	}
	t.Fatalf("no line %q; there are %q", name, lineNames(g))
	return nil
}

func lineNames(g *Grid) []string {
	var names []string
	for _, l := range g.Lines {
		names = append(names, l.Name)
	}
	return names
}
