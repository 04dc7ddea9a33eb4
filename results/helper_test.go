package results

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// modesRows are the rows of a small study as runner makes them: a base without
// seeds and K, a random control, three modes at four K, three seeds, two sets,
// and the number of pairs. It is deterministic.
func modesRows() []Row {
	rng := rand.New(rand.NewPCG(1, 2))
	var rows []Row
	add := func(label, mode, control string, k, seed int, task, others float64) {
		params := map[string]any{"tune.mode": mode, "index.kind": "flat"}
		id := fmt.Sprintf("%s-%s", label, mode)
		var s *int
		if mode != "none" {
			params["retrieve.k"], params["pairs.control"], params["tune.gamma"] = k, control, 0.9
			id = fmt.Sprintf("%s-k%d-s%d", id, k, seed)
			s = Seed(seed)
		}
		row := func(set, metric string, value float64, n int) {
			rows = append(rows, Row{Trial: id, Label: label, Set: set, Metric: metric, Params: params, Seed: s, Value: value, N: n, Engine: "onnx", Key: "key-" + id + set})
		}
		row("task", "acc@1", task, 480)
		row("others", "acc@1", others, 600)
		if mode != "none" {
			row("pairs", "unique", float64(40*k-k*k), 40*k-k*k)
		}
	}
	add("base", "none", "none", 0, 0, 0.4125, 0.605)
	gains := map[string]float64{"full": 0.06, "locked-text": 0.08, "gated-image": 0.075}
	for _, k := range []int{1, 2, 4, 8} {
		for seed := range 3 {
			noise := func() float64 { return float64(rng.IntN(13)-6) / 480 }
			if k == 4 {
				add("random", "gated-image", "random", k, seed, 0.4125+noise(), 0.6+noise())
			}
			for _, mode := range []string{"full", "locked-text", "gated-image"} {
				add("", mode, "none", k, seed, 0.4125+gains[mode]*float64(k)/8+noise(), 0.605-gains[mode]/2+noise())
			}
		}
	}
	return rows
}

func modesTable() Table {
	return Table{Name: "modes", Caption: "Modes and K on the quickstart's world", Rows: Names{"tune.mode"}, Columns: Names{"retrieve.k"},
		Metrics: Names{"task/acc@1", "others/acc@1"}, Baseline: "base"}
}

func mustBuild(t testing.TB, spec Table, rows []Row, opts Options) *Grid {
	t.Helper()
	g, err := Build(spec, rows, opts)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func text(t testing.TB, g *Grid, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := g.Text(&b, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
