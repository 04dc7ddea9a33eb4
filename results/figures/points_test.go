package figures

import (
	"slices"
	"strings"
	"testing"

	"react/results/grid"
	"react/results/internal/modes"
	"react/results/internal/sample"
)

// testedTable is the study's table with tests of both metrics.
func testedTable(t *testing.T, figure string) *grid.Grid {
	t.Helper()
	spec := sample.Table()
	spec.Figure = figure
	return sample.Build(t, spec, modes.Rows(), grid.Options{Predictions: modes.Predictions(modes.Rows(), 24, "task", "others")})
}

func TestPoints(t *testing.T) {
	var svg strings.Builder
	if err := SVG(&svg, testedTable(t, "")); err != nil {
		t.Fatal(err)
	}
	got := svg.String()
	sample.Golden(t, "points.svg", got)
	wellFormed(t, []byte(got))
	// a row of K = 4 for the control, and of each K for the others
	for what, n := range map[string]int{">random, K = 4<": 1, ">full, K = 1<": 1, ">Task acc.<": 1, ">Others acc.<": 1, ">base": 0,
		">points<": 2, "Difference to base with its 95 % interval": 1} {
		if strings.Count(got, what) != n {
			t.Errorf("%q: got %d times, want %d", what, strings.Count(got, what), n)
		}
	}
}

// TestDrawn: the main result has a figure without being asked for, and one only.
func TestDrawn(t *testing.T) {
	plainTable := sample.Build(t, sample.Table(), modes.Rows(), grid.Options{}) // no intervals
	main, other, bars, none := testedTable(t, ""), testedTable(t, ""), testedTable(t, "bars"), testedTable(t, "none")
	for _, tt := range []struct{ grids, want []*grid.Grid }{
		{[]*grid.Grid{plainTable, main, other, bars}, []*grid.Grid{main, bars}},
		{[]*grid.Grid{bars, main}, []*grid.Grid{bars}},
		{[]*grid.Grid{none, main}, nil},
		{[]*grid.Grid{plainTable}, nil},
	} {
		if got := Drawn(tt.grids); !slices.Equal(got, tt.want) {
			t.Errorf("got %d figures, want %d", len(got), len(tt.want))
		}
	}
}
