package writers

import (
	"strings"
	"testing"

	"react/results/grid"
	"react/results/internal/modes"
	"react/results/internal/sample"
)

func TestLabelsUnitsDigits(t *testing.T) {
	spec := sample.Table()
	spec.Metrics = append(spec.Metrics, "pairs/unique")
	spec.Labels = map[string]string{"tune.mode": "Mode", "task/acc@1": "Task", "full": "Full", "base": "Base model", "retrieve.k": "K", "random": "Random pairs"}
	spec.Units = map[string]string{"pairs/unique": "pairs"}
	spec.Digits = map[string]int{"task/acc@1": 2, "pairs/unique": 1}
	g := sample.Build(t, spec, modes.Rows(), sample.Options())
	text := textOf(t, g, 0)
	for _, want := range []string{"Mode", "Task (%)", "Others acc. (%)", "Unique pairs (pairs)", "Full ", "Random pairs", "K = 8", "Difference to Base model", "41.25 ", "256.0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, bad := range []string{"tune.mode", "k=8", "task/acc@1"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is printed:\n%s", bad, text)
		}
	}
	if csv := written(t, g, CSV); !strings.Contains(csv, "tune.mode") || !strings.Contains(csv, "task/acc@1") {
		t.Error("CSV does not keep the spec's names")
	}
}

func TestGroups(t *testing.T) {
	spec := grid.Table{Name: "grouped", Rows: grid.Names{"pairs.control", "retrieve.k"}, Metrics: grid.Names{"task/acc@1"}, Group: "pairs.control",
		Filter: map[string]any{"tune.mode": "gated-image", "label": []any{"", "random"}}}
	g := sample.Build(t, spec, modes.Rows(), grid.Options{})
	sample.Golden(t, "grouped.txt", textOf(t, g, 0))
	sample.Golden(t, "grouped.md", written(t, g, Markdown))
	sample.Golden(t, "grouped.tex", written(t, g, LaTeX))
}

// TestLaTeXDifferences: where the differences stand is the spec's choice, else by width.
func TestLaTeXDifferences(t *testing.T) {
	narrow := sample.Table()
	narrow.Columns, narrow.Metrics = nil, grid.Names{"task/acc@1"}
	narrow.Filter = map[string]any{"retrieve.k": 4}
	wide := sample.Table()
	for name, tt := range map[string]struct {
		spec   grid.Table
		choice string
		inCell bool
		env    string
	}{
		"narrow":        {narrow, "", true, "table"},
		"narrow, apart": {narrow, "table", false, "table"},
		"wide":          {wide, "", false, "table*"},
		"wide, in cell": {wide, "cell", true, "table*"},
	} {
		tt.spec.Differences = tt.choice
		tex := written(t, sample.Build(t, tt.spec, modes.Rows(), sample.Options()), LaTeX)
		checkLaTeX(t, tex)
		if in := strings.Contains(tex, "Below the values"); in != tt.inCell || strings.Contains(tex, "tab:modes-differences") == in {
			t.Errorf("%s: differences in cells: %v in\n%s", name, in, tex)
		}
		if !strings.Contains(tex, "\\begin{"+tt.env+"}[t]") {
			t.Errorf("%s: no %s in\n%s", name, tt.env, tex)
		}
		for _, line := range strings.Split(tex, "\n") {
			if strings.Contains(line, "Warning:") && !strings.HasPrefix(line, "% ") {
				t.Errorf("%s: a warning in the table: %s", name, line)
			}
		}
		if !strings.Contains(tex, "% Warning: only 3 seeds") {
			t.Errorf("%s: the warning is lost in\n%s", name, tex)
		}
	}
}

// TestLongTables: what is longer than a page is cut, and keeps all lines.
func TestLongTables(t *testing.T) {
	s := modes.Study{}
	for i := range 100 {
		s.Add("", -1, 0.5, "tune.steps", i+1)
	}
	tex := written(t, sample.Build(t, grid.Table{Name: "long", Rows: grid.Names{"tune.steps"}, Metrics: grid.Names{"task/acc@1"}}, s.Rows, grid.Options{}), LaTeX)
	checkLaTeX(t, tex)
	for what, n := range map[string]int{"\\begin{table}": 3, "50.0 \\\\": 100, "\\label{tab:long-3}": 1, "Part 2 of 3.": 1} {
		if strings.Count(tex, what) != n {
			t.Errorf("%q: got %d times, want %d in\n%s", what, strings.Count(tex, what), n, tex)
		}
	}
}

// TestWideNames: names that leave no room for numbers are broken into lines.
func TestWideNames(t *testing.T) {
	s := modes.Study{}
	s.Add(strings.Repeat("a long name ", 12), -1, 0.5, "tune.mode", "full")
	s.Add("base", -1, 0.4, "tune.mode", "full")
	spec := grid.Table{Name: "names", Rows: grid.Names{"label"}, Metrics: grid.Names{"task/acc@1"}}
	if tex := written(t, sample.Build(t, spec, s.Rows, grid.Options{}), LaTeX); !strings.Contains(tex, "p{231pt}") {
		t.Errorf("no broken names in\n%s", tex)
	}
}
