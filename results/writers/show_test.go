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
	for _, want := range []string{"Mode", "Task (%)", "others/acc@1 (%)", "pairs/unique (pairs)", "Full ", "Random pairs", "K = 8", "Difference to Base model", "41.25 ", "256.0"} {
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
