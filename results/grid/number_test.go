package grid

import "testing"

// TestUnitAndBest: a metric's unit and direction are the table's of what is measured; a spec may
// show more as percent; and of plain numbers only a loss has a best.
func TestUnitAndBest(t *testing.T) {
	for name, want := range map[string]struct {
		percent bool
		best    int
	}{
		"task/acc@5":       {true, 1},
		"task/agreement":   {true, 0},
		"tune/loss":        {false, -1},
		"task/ece":         {false, -1},
		"found/t2i-recall": {false, 0},
		"found/t2t-recall": {true, 1}, // shown as percent below
		"found/overlap":    {true, 0},
		"pairs/precision":  {true, 0},
		"pairs/unique":     {false, 0},
		"task/of-a-later":  {false, 0},
	} {
		b := &builder{spec: Table{Metrics: Names{name}, Percent: Names{"t2t-rec*", "overlap"}}, grid: &Grid{}}
		b.makeMetrics()
		if m := b.grid.Metrics[0]; m.Percent != want.percent || m.Best != want.best {
			t.Errorf("%s: got percent %v, best %d, want %v, %d", name, m.Percent, m.Best, want.percent, want.best)
		}
	}
}
