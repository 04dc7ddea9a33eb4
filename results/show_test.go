package results

import (
	"math"
	"strings"
	"testing"

	"react/results/stat"
)

// crossed are rows of two modes by two K by three seeds, whose mode moves a
// param of its own; K=8 of mode b lacks a seed when holed.
func crossed(holed bool) []Row {
	var rows []Row
	for m, mode := range []string{"a", "b"} {
		for k, K := range []int{4, 8} {
			for seed := range 3 {
				if holed && mode == "b" && K == 8 && seed == 2 {
					continue
				}
				params := map[string]any{"tune.mode": mode, "tune.lr": 0.1 * float64(m+1), "retrieve.k": K}
				rows = append(rows, Row{Trial: mode + string(rune('0'+K)) + string(rune('0'+seed)), Set: "task", Metric: "acc@1", Params: params, Seed: Seed(seed),
					Value: 0.4 + 0.1*float64(m) + 0.02*float64(k) + 0.003*float64(seed*(m+k+1)), N: 100, Engine: "go", Key: "key"})
			}
		}
	}
	return rows
}

func TestMainEffect(t *testing.T) {
	spec := Table{Name: "effect", Rows: Names{"tune.mode"}, Metrics: Names{"task/acc@1"}, Effect: "tune.mode", Baseline: "tune.mode=a"}
	rows := crossed(false)
	g := mustBuild(t, spec, rows, Options{})
	for m, mode := range []string{"a", "b"} {
		var bySeed [3]float64
		for _, r := range rows {
			if r.Params["tune.mode"] == mode {
				bySeed[*r.Seed] += r.Value / 2
			}
		}
		c := cellOf(t, g, mode, 0, 0)
		if math.Abs(c.Mean-stat.Mean(bySeed[:])) > 1e-12 || math.Abs(c.Std-stat.Std(bySeed[:])) > 1e-12 || c.Seeds != 3 {
			t.Errorf("%s: got %v ± %v over %d seeds, want %v ± %v", mode, c.Mean, c.Std, c.Seeds, stat.Mean(bySeed[:]), stat.Std(bySeed[:]))
		}
		if len(c.Residue) > 0 {
			t.Errorf("line %d: residue %v", m, c.Residue)
		}
	}
	if d := lineOf(t, g, "b").Differences[0][0]; d == nil || d.N != 3 || d.why != whyNotStored {
		t.Errorf("difference: got %+v", d)
	}
	text := textOf(t, g, 0)
	for _, want := range []string{"over the same 2 combinations of retrieve.k.", "# 12 trials"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestMainEffectIsBalanced(t *testing.T) {
	spec := Table{Name: "effect", Rows: Names{"tune.mode"}, Metrics: Names{"task/acc@1"}, Effect: "tune.mode"}
	text := textOf(t, mustBuild(t, spec, crossed(true), Options{}), 0)
	for _, want := range []string{"over the same 1 combination of", "1 other has not all values", "# 6 trials"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var none []Row
	for _, r := range crossed(false) {
		if (r.Params["tune.mode"] == "a") == (r.Params["retrieve.k"] == 4) {
			none = append(none, r)
		}
	}
	_, err := Build(spec, none, Options{})
	if want := `table "effect": effect: no combination of`; err != nil && !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLabelsUnitsDigits(t *testing.T) {
	spec := modesTable()
	spec.Metrics = append(spec.Metrics, "pairs/unique")
	spec.Labels = map[string]string{"tune.mode": "Mode", "task/acc@1": "Task", "full": "Full", "base": "Base model", "retrieve.k": "K", "random": "Random pairs"}
	spec.Units = map[string]string{"pairs/unique": "pairs"}
	spec.Digits = map[string]int{"task/acc@1": 2, "pairs/unique": 1}
	g := mustBuild(t, spec, modesRows(), modesOptions())
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
	if csv := written(t, g.CSV); !strings.Contains(csv, "tune.mode") || !strings.Contains(csv, "task/acc@1") {
		t.Error("CSV does not keep the spec's names")
	}
}

func TestGroups(t *testing.T) {
	spec := Table{Name: "grouped", Rows: Names{"pairs.control", "retrieve.k"}, Metrics: Names{"task/acc@1"}, Group: "pairs.control",
		Filter: map[string]any{"tune.mode": "gated-image", "label": []any{"", "random"}}}
	g := mustBuild(t, spec, modesRows(), Options{})
	golden(t, "grouped.txt", textOf(t, g, 0))
	golden(t, "grouped.md", written(t, g.Markdown))
	golden(t, "grouped.tex", written(t, g.LaTeX))
}

func TestConfidenceInterval(t *testing.T) {
	spec := modesTable()
	spec.Spread = "ci95"
	g := mustBuild(t, spec, modesRows(), Options{})
	for _, l := range g.Lines {
		for _, c := range l.Cells[0] {
			low, high := stat.MeanInterval(valuesOf(c.Points))
			if c.Seeds == 0 {
				low, high = math.NaN(), math.NaN()
			}
			if !same(c.Low, low) || !same(c.High, high) {
				t.Errorf("%s: got [%v, %v], want [%v, %v]", l.Name, c.Low, c.High, low, high)
			}
		}
	}
	text := textOf(t, g, 0)
	if want := "Mean ± half the 95 % interval of the mean (Student's t) over 3 seeds"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	c := cellOf(t, g, "full", 0, 0)
	half := g.Metrics[0].formatSpread(4.302652729911275 * c.Std / math.Sqrt(3)) // scipy.stats.t.ppf(.975, 2)
	if got := c.piece(g.Metrics[0], "ci95", 3).spread; got != "± "+half {
		t.Errorf("got %s, want ± %s", got, half)
	}
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestPublished(t *testing.T) {
	spec := modesTable()
	spec.Published = []Published{{Row: "gated-image", Column: "k=8", Ref: "react/imagenet/clip-b32/gated-image/laion400m"}, {Row: "base", Ref: "react/imagenet/clip-b32/none"}}
	g := mustBuild(t, spec, modesRows(), Options{})
	if len(g.Beside) != 2 {
		t.Fatalf("got %d published figures, want 2", len(g.Beside))
	}
	b := g.Beside[0]
	if want := cellOf(t, g, "gated-image", 0, 3).Mean - 0.686; math.Abs(b.Difference-want) > 1e-12 {
		t.Errorf("difference: got %v, want %v", b.Difference, want)
	}
	text := textOf(t, g, 0)
	for _, want := range []string{"Beside published figures", "REACT gated, CLIP ViT-B/32", "68.6", "Published: REACT gated, CLIP ViT-B/32: REACT, README of microsoft/react",
		"pool: none or not said here, LAION-400M there", "protocol: none or not said here, zeroshot, 80 templates there"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "mode: gated-image here, gated-image there") {
		t.Error("the same mode is told as a difference")
	}
	for name, p := range map[string]Published{
		`no reference value has the id "react/imagenet/x"`:     {Row: "base", Ref: "react/imagenet/x"},
		`"bse" is no line of the table (did you mean "base"?)`: {Row: "bse", Ref: "react/imagenet/clip-b32/none"},
		`no column "k=9"`: {Row: "base", Column: "k=9", Ref: "react/imagenet/clip-b32/none"},
	} {
		spec.Published = []Published{p}
		if _, err := Build(spec, modesRows(), Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}
