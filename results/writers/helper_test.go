package writers

import (
	"bytes"
	"io"
	"testing"

	"react/results/grid"
)

// written is what a writer gives.
func written(t testing.TB, g *grid.Grid, write func(io.Writer, *grid.Grid) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// stats writes the grid's part of stats.json.
func stats(w io.Writer, g *grid.Grid) error { return writeIndented(w, statsOf(g)) }

func textOf(t testing.TB, g *grid.Grid, width int) string {
	t.Helper()
	return written(t, g, func(w io.Writer, g *grid.Grid) error { return TextWithin(w, g, width) })
}
