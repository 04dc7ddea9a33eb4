package grid

import (
	"testing"
)

// Fractions of the field's metrics are printed as percentages wherever they come from.
func TestWhatIsPercent(t *testing.T) {
	for name, want := range map[string]struct {
		percent bool
		best    int
	}{
		"task/acc@5":             {true, 1},
		"flickr/i2t-recall@1":    {true, 1},
		"flickr/t2i-recall@10":   {true, 1},
		"coco/i2t-set-recall@5":  {true, 1},
		"memes/roc-auc":          {true, 1},
		"voc/mAP-elevater":       {true, 1},
		"pets/mean-per-class":    {true, 1},
		"task/agreement":         {true, 0},
		"pairs/share-of-pool":    {true, 0},
		"task/loss":              {false, -1},
		"task/ece":               {false, -1},
		"pairs/unique":           {false, 0},
		"kinds/recall@16-median": {true, 1},
	} {
		b := &builder{spec: Table{Metrics: Names{name}}, grid: &Grid{}}
		b.makeMetrics()
		if m := b.grid.Metrics[0]; m.Percent != want.percent || m.Best != want.best {
			t.Errorf("%s: got percent %v, best %d, want %v, %d", name, m.Percent, m.Best, want.percent, want.best)
		}
	}
}
