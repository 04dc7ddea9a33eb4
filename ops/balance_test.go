package ops

import (
	"errors"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/shards"
	"react/ops/audit"
	"react/ops/metric"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/retrieve"
)

// balanceOf runs the op on what pairs were made of.
func balanceOf(t *testing.T, w *pairsWorld, pairs string, p audit.BalanceParams) (audit.Balance, []op.MetricRow) {
	t.Helper()
	in := w.in()
	in["pairs"] = pairs
	_, dir := do(t, "balance", p, in, map[string]op.Files{"classes": classesFile(t, "classes", "c.txt", strings.Join(retrieve.ClassNames(w.asked(t)), "\n")+"\n")})
	var b audit.Balance
	if err := op.ReadJSON(filepath.Join(dir, "balance.json"), &b); err != nil {
		t.Fatal(err)
	}
	rows, err := op.ReadRows(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b, rows
}

// TestBalanceCounts: what it says of each class is what its pairs are.
func TestBalanceCounts(t *testing.T) {
	w := spreadWorld(t, 120, 6, 24)
	_, dir := do(t, "pairs", pairs.Params{K: 6, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"}, w.in(), nil)
	list, err := pairs.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, rows := balanceOf(t, w, dir, audit.BalanceParams{Depth: 24, K: 6, Per: "prompt"})
	common := map[[2]string]int{}
	for _, c := range b.Classes {
		var pairs, own, named, right, filled int
		var scores []float64
		for _, p := range list {
			of := map[string]bool{}
			for _, f := range p.Found {
				of[f.Class] = true
				if f.Class == c.Class {
					filled++
					scores = append(scores, float64(f.Score))
				}
			}
			if !of[c.Class] {
				continue
			}
			pairs++
			if len(of) == 1 {
				own++
			}
			if strings.HasSuffix(p.Caption, c.Class) {
				named++
			}
			if p.Label == c.Class {
				right++
			}
			for other := range of {
				common[[2]string{c.Class, other}]++
			}
		}
		n := float64(pairs)
		want := audit.ClassBalance{Class: c.Class, Pairs: pairs, Own: own, Places: 12, Shortfall: float64(12-filled) / 12, NameRate: float64(named) / n, Candidates: c.Candidates, Scores: map[string]metric.Quantiles{"t2t": metric.QuantilesOf(scores)}}
		if c.Precision == nil || math.Abs(*c.Precision-float64(right)/n) > 1e-9 || math.Abs(c.NameRate-want.NameRate) > 1e-9 || math.Abs(c.Shortfall-want.Shortfall) > 1e-9 ||
			c.Pairs != want.Pairs || c.Own != want.Own || c.Places != 12 || c.Dead != 0 || !maps.Equal(c.Scores, want.Scores) || c.Candidates < pairs {
			t.Errorf("got %+v, want %+v", c, want)
		}
	}
	for _, row := range rows {
		if row.Metric == "common" && int(row.Value) != common[[2]string{row.Class, row.Other}] {
			t.Errorf("%s and %s share %v, want %d", row.Class, row.Other, row.Value, common[[2]string{row.Class, row.Other}])
		}
		if row.Class == "" {
			t.Errorf("row %+v is of no class", row)
		}
	}
	if n := len(slices.DeleteFunc(rows, func(r op.MetricRow) bool { return r.Metric != "common" })); n != 36 || len(common) <= 6 {
		t.Errorf("%d rows of the overlap matrix of six classes, %d of them with pairs", n, len(common))
	}
}

// TestBalanceNamesWhatIsDead: candidates without an image are counted for each class, by what the
// parquet beside the shard says of them.
func TestBalanceNamesWhatIsDead(t *testing.T) {
	w := spreadWorld(t, 120, 6, 24)
	_, dir := do(t, "pairs", pairs.Params{K: 6, Per: "prompt", Overfetch: 4, Source: "retrieved"}, w.in(), nil)
	tar, err := shards.Create(filepath.Join(w.pool, "pool", "00000.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		err = errors.Join(err, tar.Put(w.meta[i].Key, "png", pngOf(t, i), "", map[string]any{"key": w.meta[i].Key}))
	}
	if err := errors.Join(err, tar.Close()); err != nil {
		t.Fatal(err)
	}
	notFound := "HTTP Error 404: Not Found"
	states := []fetchState{{URL: "u0", Status: "success"}}
	for i := 100; i < 110; i++ {
		states = append(states, fetchState{URL: w.meta[i].URL, Status: "failed_to_download", Message: &notFound})
	}
	if err := parquet.WriteFile(filepath.Join(w.pool, "pool", "00000.parquet"), states); err != nil {
		t.Fatal(err)
	}
	hits, err := parquet.ReadFile[retrieve.Hit](filepath.Join(w.hits, retrieve.HitsFile))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := balanceOf(t, w, dir, audit.BalanceParams{Depth: 10, K: 6, Per: "prompt"})
	some := 0
	for c, class := range b.Classes {
		rows := map[int64]bool{}
		dead := map[string]int{}
		for _, h := range hits {
			if int(h.Class) != c || h.Rank > 10 || rows[h.Row] {
				continue
			}
			rows[h.Row] = true
			switch {
			case h.Row >= 110:
				dead["never fetched"]++
			case h.Row >= 100:
				dead[notFound]++
			}
		}
		n := dead["never fetched"] + dead[notFound]
		some += dead[notFound]
		if class.Candidates != len(rows) || math.Abs(class.Dead-metric.Share(n, len(rows))) > 1e-9 || !maps.Equal(class.DeadBy, dead) {
			t.Errorf("got %+v, want %d candidates, dead %v", class, len(rows), dead)
		}
	}
	if some == 0 {
		t.Error("no address was not found: the test shows nothing")
	}
}

// fetchState is what img2dataset says of an address.
type fetchState struct {
	URL     string  `parquet:"url,optional"`
	Status  string  `parquet:"status,optional"`
	Message *string `parquet:"error_message,optional"`
}
