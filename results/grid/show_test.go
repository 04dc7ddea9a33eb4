package grid

import (
	"math"
	"strings"
	"testing"

	"react/results"
	"react/results/internal/modes"
	"react/results/stat"
)

// crossed are rows of two modes by two K by three seeds, whose mode moves a
// param of its own; K=8 of mode b lacks a seed when holed.
func crossed(holed bool) []results.Row {
	var rows []results.Row
	for m, mode := range []string{"a", "b"} {
		for k, K := range []int{4, 8} {
			for seed := range 3 {
				if holed && mode == "b" && K == 8 && seed == 2 {
					continue
				}
				params := map[string]any{"tune.mode": mode, "tune.lr": 0.1 * float64(m+1), "retrieve.k": K}
				rows = append(rows, results.Row{Trial: mode + string(rune('0'+K)) + string(rune('0'+seed)), Set: "task", Metric: "acc@1", Params: params, Seed: results.Seed(seed),
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
	if d := lineOf(t, g, "b").Differences[0][0]; d == nil || d.N != 3 || d.NoTest != whyNotStored {
		t.Errorf("difference: got %+v", d)
	}
	if text, want := said(g), "over the same 2 combinations of K."; !strings.Contains(text, want) || len(g.Trials) != 12 {
		t.Errorf("no %q, or not of 12 trials but %d, in\n%s", want, len(g.Trials), text)
	}
}

func TestMainEffectIsBalanced(t *testing.T) {
	spec := Table{Name: "effect", Rows: Names{"tune.mode"}, Metrics: Names{"task/acc@1"}, Effect: "tune.mode"}
	g := mustBuild(t, spec, crossed(true), Options{})
	for _, want := range []string{"over the same 1 combination of", "1 other has not all values"} {
		if !strings.Contains(said(g), want) {
			t.Errorf("no %q in\n%s", want, said(g))
		}
	}
	if len(g.Trials) != 6 {
		t.Errorf("of %d trials, want 6", len(g.Trials))
	}
	var none []results.Row
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

func TestConfidenceInterval(t *testing.T) {
	spec := modesTable()
	spec.Spread = "ci95"
	g := mustBuild(t, spec, modes.Rows(), Options{})
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
	text := said(g)
	if want := "Mean ± half the 95 % interval of the mean (Student's t) over 3 seeds"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	c := cellOf(t, g, "full", 0, 0)
	// scipy.stats.t.ppf(.975, 2)
	half := g.Metrics[0].FormatSpread(4.302652729911275 * c.Std / math.Sqrt(3))
	if _, got, _ := c.Parts(g.Metrics[0], "ci95"); got != "± "+half {
		t.Errorf("got %s, want ± %s", got, half)
	}
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func TestPublished(t *testing.T) {
	spec := modesTable()
	spec.Published = []Published{{Row: "gated-image", Column: "k=8", Ref: "react/imagenet/clip-b32/gated-image/laion400m"}, {Row: "base", Ref: "react/imagenet/clip-b32/none"}}
	g := mustBuild(t, spec, modes.Rows(), Options{})
	if len(g.Beside) != 2 {
		t.Fatalf("got %d published figures, want 2", len(g.Beside))
	}
	b := g.Beside[0]
	if want := cellOf(t, g, "gated-image", 0, 3).Mean - 0.686; math.Abs(b.Difference-want) > 1e-12 {
		t.Errorf("difference: got %v, want %v", b.Difference, want)
	}
	differs := strings.Join(b.Differs, ", ")
	for _, want := range []string{"pool: none or not said here, LAION-400M there", "protocol: none or not said here, zeroshot, 80 templates there"} {
		if !strings.Contains(differs, want) {
			t.Errorf("no %q in %s", want, differs)
		}
	}
	if strings.Contains(differs, "mode:") {
		t.Errorf("the same mode is told as a difference: %s", differs)
	}
	for name, p := range map[string]Published{
		`no reference value has the id "react/imagenet/x"`:     {Row: "base", Ref: "react/imagenet/x"},
		`"bse" is no line of the table (did you mean "base"?)`: {Row: "bse", Ref: "react/imagenet/clip-b32/none"},
		`no column "k=9"`: {Row: "base", Column: "k=9", Ref: "react/imagenet/clip-b32/none"},
	} {
		spec.Published = []Published{p}
		if _, err := Build(spec, modes.Rows(), Options{}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

// TestOneStageHasNoSpread: seeds that share a stage have no deviation to show; zero over several
// stages is shown.
func TestOneStageHasNoSpread(t *testing.T) {
	for _, c := range []struct {
		keys [2]string
		want string
	}{{[2]string{"a", "a"}, ""}, {[2]string{"a", "b"}, "± 0.0"}} {
		var rows []results.Row
		for seed, key := range c.keys {
			rows = append(rows, results.Row{Trial: key + string(rune('0'+seed)), Set: "pairs", Metric: "precision", Value: 0.5, N: 10,
				Params: map[string]any{"tune.mode": "full"}, Seed: results.Seed(seed), Key: key})
		}
		g := mustBuild(t, Table{Name: "t", Rows: Names{"tune.mode"}, Metrics: Names{"pairs/precision"}}, rows, Options{})
		if main, spread, _ := g.Lines[0].Cells[0][0].Parts(g.Metrics[0], ""); main != "50.0" || spread != c.want {
			t.Errorf("keys %v: got %s %s, want %s", c.keys, main, spread, c.want)
		}
	}
}

func TestShownBaseline(t *testing.T) {
	for _, c := range []struct {
		baseline string
		labels   map[string]string
		want     string
	}{
		{"base", nil, "base"},
		{"base", map[string]string{"base": "Base model"}, "Base model"},
		{"tune.mode=full", nil, "Mode = full"},
		{"full", nil, "full"},
	} {
		spec := modesTable()
		spec.Baseline, spec.Labels = c.baseline, c.labels
		if got := mustBuild(t, spec, modes.Rows(), Options{}).ShownBaseline(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.baseline, got, c.want)
		}
	}
}

// TestMetricsToldApart: a figure of a stage and one of an evaluation of pairs have the same words.
func TestMetricsToldApart(t *testing.T) {
	var rows []results.Row
	for _, set := range []string{"pairs", "found"} {
		rows = append(rows, results.Row{Trial: "a", Set: set, Metric: "unique", Value: 5, N: 10, Params: map[string]any{"tune.mode": "full"}})
	}
	for _, c := range []struct {
		metrics Names
		want    string
	}{{Names{"pairs/unique", "found/unique"}, "Pairs unique pairs, Found unique pairs"}, {Names{"found/unique"}, "Unique pairs"}} {
		var shown []string
		for _, m := range mustBuild(t, Table{Name: "t", Rows: Names{"tune.mode"}, Metrics: c.metrics}, rows, Options{}).Metrics {
			shown = append(shown, m.Shown)
		}
		if got := strings.Join(shown, ", "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
