package grid

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"react/results"
	"react/results/internal/modes"
	"react/results/stat"
)

var byMode = Table{Name: "t", Rows: Names{"tune.mode"}, Metrics: Names{"task/acc@1"}}

func TestBuildAgreesWithPlainComputation(t *testing.T) {
	rows := modes.Rows()
	g := mustBuild(t, modesTable(), rows, Options{})
	if got, want := lineNames(g), []string{"base", "random", "full", "gated-image", "locked-text"}; !slices.Equal(got, want) {
		t.Fatalf("lines: got %q, want %q", got, want)
	}
	for i, k := range []int{1, 2, 4, 8} {
		for m, set := range []string{"task", "others"} {
			var x []float64
			var base float64
			for _, r := range rows {
				if r.Set == set && r.Label == "" && r.Params["tune.mode"] == "full" && r.Params["retrieve.k"] == k {
					x = append(x, r.Value)
				}
				if r.Set == set && r.Label == "base" {
					base = r.Value
				}
			}
			c := cellOf(t, g, "full", m, i)
			if c.Mean != stat.Mean(x) || c.Std != stat.Std(x) || c.Seeds != 3 {
				t.Errorf("full, k=%d, %s: got %v ± %v over %d, want %v ± %v over 3", k, set, c.Mean, c.Std, c.Seeds, stat.Mean(x), stat.Std(x))
			}
			d := lineOf(t, g, "full").Differences[m][i]
			if math.Abs(d.Value-(c.Mean-base)) > 1e-12 || d.Std != c.Std || d.N != 3 {
				t.Errorf("difference: got %v ± %v over %d, want %v ± %v over 3", d.Value, d.Std, d.N, c.Mean-base, c.Std)
			}
		}
	}
}

func TestSpan(t *testing.T) {
	g := mustBuild(t, modesTable(), modes.Rows(), Options{})
	base := lineOf(t, g, "base")
	for c := range g.Columns {
		if base.Cells[0][c] != base.Cells[0][0] || !base.Cells[0][c].Spans {
			t.Errorf("column %s: the base's cell does not span", g.Columns[c].Name)
		}
	}
	var names []string
	for _, c := range g.Columns {
		names = append(names, c.Name)
	}
	if want := []string{"k=1", "k=2", "k=4", "k=8"}; !slices.Equal(names, want) {
		t.Errorf("columns: got %q, want %q", names, want)
	}
}

func TestSpanOneOfTwoColumns(t *testing.T) {
	s := modes.Study{}
	for _, by := range []string{"t2i", "t2t"} {
		for _, k := range []int{1, 2} {
			s.Add("", -1, 0.5, "tune.mode", "full", "retrieve.by", []any{by}, "retrieve.k", k)
		}
		s.Add("c", -1, 0.3, "tune.mode", "full", "retrieve.by", by)
	}
	s.Add("d", -1, 0.2, "tune.mode", "full", "retrieve.k", 2)
	spec := byMode
	spec.Columns, spec.Baseline = Names{"retrieve.by", "retrieve.k"}, "c"
	g := mustBuild(t, spec, s.Rows, Options{})
	if g.Columns[1].Name != "t2i k=2" {
		t.Errorf("column: got %q", g.Columns[1].Name)
	}
	c := lineOf(t, g, "c").Cells[0]
	if c[0] != c[1] || c[2] != c[3] || c[1] == c[2] {
		t.Errorf("c spans k alone: got %p", c)
	}
	d := lineOf(t, g, "d").Cells[0]
	if d[1] != d[3] || d[0].Status != Empty || d[1].Status != Done {
		t.Errorf("d spans by alone: got %p", d)
	}
	// d's cell is one, its differences to c are two: two tests, each once.
	if got := len(g.tests); got != 4+2 {
		t.Errorf("differences: got %d, want 6", got)
	}
}

// A base has mode none; under columns of modes it is a reference for all.
func TestBaseSpansModes(t *testing.T) {
	s := modes.Study{}
	s.Add("base", -1, 0.4, "tune.mode", "none")
	for _, mode := range []string{"full", "gated-image"} {
		for _, k := range []int{1, 10, 2} {
			s.Add("", -1, 0.5, "tune.mode", mode, "retrieve.k", k)
		}
	}
	g := mustBuild(t, Table{Name: "t", Rows: Names{"retrieve.k"}, Columns: Names{"tune.mode"}, Metrics: Names{"task/acc@1"}, Baseline: "base"}, s.Rows, Options{})
	if got, want := lineNames(g), []string{"base", "1", "2", "10"}; !slices.Equal(got, want) {
		t.Errorf("lines: got %q, want %q", got, want)
	}
	if len(g.Columns) != 2 || !cellOf(t, g, "base", 0, 0).Spans {
		t.Errorf("got columns %v, base %+v", g.Columns, cellOf(t, g, "base", 0, 0))
	}
}

func TestResidue(t *testing.T) {
	tests := []struct {
		name string
		make func(*modes.Study)
		want string // in the cell's residue; empty: none
	}{
		{"seeds only", func(s *modes.Study) {
			s.Add("", 0, 0.5, "tune.mode", "full", "tune.gamma", 0.9, "tune.seed", 0)
			s.Add("", 1, 0.6, "tune.mode", "full", "tune.gamma", 0.9, "tune.seed", 1)
		}, ""},
		{"a param", func(s *modes.Study) {
			s.Add("", 0, 0.5, "tune.mode", "full", "tune.gamma", 0.9)
			s.Add("", 0, 0.6, "tune.mode", "full", "tune.gamma", "off")
		}, "tune.gamma (off, 0.9)"},
		{"absent in one", func(s *modes.Study) {
			s.Add("", 0, 0.5, "tune.mode", "full", "tune.gamma", 0.9)
			s.Add("", 1, 0.6, "tune.mode", "full")
		}, "tune.gamma (0.9, –)"},
		{"seed of pretraining", func(s *modes.Study) {
			s.Add("", 0, 0.5, "tune.mode", "full", "backbone.pretrain.seed", 7)
			s.Add("", 1, 0.6, "tune.mode", "full", "backbone.pretrain.seed", 8)
		}, "backbone.pretrain.seed (7, 8)"},
		{"nothing tells apart", func(s *modes.Study) {
			s.Add("", 0, 0.5, "tune.mode", "full")
			s.Add("", 0, 0.6, "tune.mode", "full")
		}, "trials that no param tells apart (tAa, tAb)"},
		{"seed in part", func(s *modes.Study) {
			s.Add("", 0, 0.5, "tune.mode", "full")
			s.Add("", -1, 0.6, "tune.mode", "full")
		}, "trials with and without a seed"},
		{"spelt otherwise", func(s *modes.Study) {
			s.Add("", 0, 0.5, "tune.mode", "full", "retrieve.k", 4, "retrieve.by", []string{"t2t"})
			s.Add("", 1, 0.6, "tune.mode", "full", "retrieve.k", 4.0, "retrieve.by", []any{"t2t"})
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := modes.Study{}
			tt.make(&s)
			s.Add("base", 0, 0.4, "tune.mode", "full")
			s.Add("base", 1, 0.4, "tune.mode", "full")
			spec := byMode
			spec.Baseline = "base"
			g := mustBuild(t, spec, s.Rows, Options{})
			c, d := cellOf(t, g, "full", 0, 0), lineOf(t, g, "full").Differences[0][0]
			if got := strings.Join(c.Residue, "; "); got != tt.want {
				t.Errorf("residue: got %q, want %q", got, tt.want)
			}
			if tt.want != "" && (!strings.Contains(said(g), "averages over "+tt.want) || d.NoTest != whyMixed) {
				t.Errorf("want a footnote and no test, got %q in\n%s", d.NoTest, said(g))
			}
			if tt.want == "" && d.NoTest != whyNotStored {
				t.Errorf("want a test, or none for lack of predictions alone, got %q", d.NoTest)
			}
			if math.Abs(c.Mean-0.55) > 1e-15 {
				t.Errorf("mean: got %v", c.Mean)
			}
		})
	}
}

func TestEngines(t *testing.T) {
	s := modes.Study{}
	s.Add("", 0, 0.5, "tune.mode", "full").Engine = "onnx"
	s.Add("", 1, 0.5, "tune.mode", "full").Engine = "go"
	s.Add("", 0, 0.5, "tune.mode", "gated-image").Engine = "onnx"
	got := said(mustBuild(t, byMode, s.Rows, Options{}))
	for _, want := range []string{"mixes engines: go, onnx", "Warning: the table mixes engines: go, onnx."} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

// TestEngineOfAnotherPrecision: a table that one engine made names it where its f32 is not what that
// of other engines is.
func TestEngineOfAnotherPrecision(t *testing.T) {
	for engine, want := range map[string]string{"xla:cuda (TF32)": "Engine: xla:cuda (TF32), which computes products of f32 with 10 bits of the mantissa.", "xla:cuda": ""} {
		s := modes.Study{}
		s.Add("", 0, 0.5, "tune.mode", "full").Engine = engine
		got := said(mustBuild(t, byMode, s.Rows, Options{}))
		if has := strings.Contains(got, "Engine: "); has != (want != "") || !strings.Contains(got, want) {
			t.Errorf("%s: want %q in\n%s", engine, want, got)
		}
	}
}

// A case that is crossed with the grid has a line for each value, and as the
// baseline each line is compared with its own.
func TestCrossedCase(t *testing.T) {
	s := modes.Study{}
	for seed := range 3 {
		for i, mode := range []string{"full", "gated-image"} {
			s.Add("random", seed, 0.4+0.1*float64(i), "tune.mode", mode, "pairs.control", "random")
			s.Add("", seed, 0.5+0.3*float64(i)+0.01*float64(seed), "tune.mode", mode, "pairs.control", "none")
		}
	}
	spec := byMode
	spec.Baseline = "random"
	spec.Fixed = []Comparison{{Row: "gated-image", Against: "random"}}
	g := mustBuild(t, spec, s.Rows, Options{})
	if got, want := lineNames(g), []string{"random, full", "random, gated-image", "full", "gated-image"}; !slices.Equal(got, want) {
		t.Fatalf("lines: got %q, want %q", got, want)
	}
	for line, want := range map[string]float64{"full": 0.11, "gated-image": 0.31} {
		d := lineOf(t, g, line).Differences[0][0]
		if math.Abs(d.Value-want) > 1e-12 || d.Against != "random, "+line || d.N != 3 {
			t.Errorf("%s: got %+v", line, d)
		}
		if d.Fixed != (line == "gated-image") {
			t.Errorf("%s: fixed %v", line, d.Fixed)
		}
	}
}

func TestLabelAsPath(t *testing.T) {
	s := modes.Study{}
	s.Add("random", -1, 0.4, "tune.mode", "full")
	s.Add("", -1, 0.5, "tune.mode", "full")
	g := mustBuild(t, Table{Name: "t", Rows: Names{"label", "tune.mode"}, Metrics: Names{"task/acc@1"}, Baseline: "label=random"}, s.Rows, Options{})
	if got, want := lineNames(g), []string{"random, full", "–, full"}; !slices.Equal(got, want) {
		t.Errorf("lines: got %q, want %q", got, want)
	}
	if d := lineOf(t, g, "–, full").Differences[0][0]; d == nil || math.Abs(d.Value-0.1) > 1e-12 {
		t.Errorf("difference: got %+v", d)
	}
}

// TestBaselineByLabelAmongPaths: where the label is one path of several, a baseline by its label is
// the lines of that case, and each line is compared with the one of its own other values.
func TestBaselineByLabelAmongPaths(t *testing.T) {
	s := modes.Study{}
	for i, k := range []int{4, 8} {
		s.Add("random", -1, 0.4+0.1*float64(i), "retrieve.k", k)
		s.Add("found", -1, 0.5+0.3*float64(i), "retrieve.k", k)
	}
	spec := Table{Name: "t", Rows: Names{"label", "retrieve.k"}, Metrics: Names{"task/acc@1"}, Baseline: "random"}
	g := mustBuild(t, spec, s.Rows, Options{})
	for line, want := range map[string]float64{"found, 4": 0.1, "found, 8": 0.3} {
		d := lineOf(t, g, line).Differences[0][0]
		if d == nil || math.Abs(d.Value-want) > 1e-12 || d.Against != "random"+line[len("found"):] {
			t.Errorf("%s: got %+v", line, d)
		}
	}
	spec.Baseline = "rnadom"
	_, err := Build(spec, s.Rows, Options{})
	if err == nil || !strings.Contains(err.Error(), `did you mean "random"?`) {
		t.Errorf("a slip: %v", err)
	}
}

// A label spelt like a value must not be confused with it.
func TestLabelLikeValue(t *testing.T) {
	s := modes.Study{}
	s.Add("full", -1, 0.4, "tune.mode", "full")
	s.Add("", -1, 0.5, "tune.mode", "full")
	if got, want := lineNames(mustBuild(t, byMode, s.Rows, Options{})), []string{"full (case)", "full"}; !slices.Equal(got, want) {
		t.Errorf("lines: got %q, want %q", got, want)
	}
}

func TestClassesAndSetsAsLines(t *testing.T) {
	var rows []results.Row
	for _, set := range []string{"facebook", "apple"} {
		for i, class := range []string{"", "zebra", "ant"} {
			rows = append(rows, results.Row{Trial: "t1", Set: set, Metric: "acc@1", Class: class, Value: 0.1 * float64(i+1), N: 10, Params: map[string]any{"a": 1}})
		}
	}
	g := mustBuild(t, Table{Name: "t", Rows: Names{"class"}, Columns: Names{"set"}, Metrics: Names{"*/acc@1"}}, rows, Options{})
	if got := lineNames(g); !slices.Equal(got, []string{"ant", "zebra"}) || len(g.Columns) != 2 || g.Columns[0].Name != "apple" {
		t.Errorf("got lines %q, columns %v", got, g.Columns)
	}
	g = mustBuild(t, Table{Name: "t", Rows: Names{"set"}, Metrics: Names{"*/acc@1"}}, rows, Options{})
	if c := cellOf(t, g, "apple", 0, 0); c.Mean != 0.1 || len(c.Points) != 1 {
		t.Errorf("without class only the whole counts: got %+v", c)
	}
	for i := range rows {
		rows[i].Label = "retrieved"
	}
	classes := Table{Name: "t", Rows: Names{"class"}, Columns: Names{"set"}, Metrics: Names{"*/acc@1"}}
	if got := lineNames(mustBuild(t, classes, rows, Options{})); !slices.Equal(got, []string{"ant", "zebra"}) {
		t.Errorf("classes of one case: got lines %q", got)
	}
	other := append(rows, results.Row{Trial: "t2", Label: "random", Set: "apple", Metric: "acc@1", Class: "ant", Params: map[string]any{"a": 2}})
	if got := lineNames(mustBuild(t, classes, other, Options{})); !slices.Contains(got, "retrieved, ant") {
		t.Errorf("classes of two cases: got lines %q", got)
	}
}

func TestFilter(t *testing.T) {
	rows := modes.Rows()
	tests := []struct {
		name   string
		filter map[string]any
		lines  []string
		points int // of full at the first column
	}{
		{"value", map[string]any{"retrieve.k": 4}, []string{"base", "random", "full", "gated-image", "locked-text"}, 3},
		{"as JSON gives it", map[string]any{"retrieve": map[string]any{"k": 4.0}}, []string{"base", "random", "full", "gated-image", "locked-text"}, 3},
		{"any of a list", map[string]any{"tune.mode": []any{"full", "none"}}, []string{"base", "full"}, 3},
		{"the grid alone", map[string]any{"label": []any{"", "base"}}, []string{"base", "full", "gated-image", "locked-text"}, 3},
		{"seeds", map[string]any{"seed": []any{0, 1}}, []string{"base", "random", "full", "gated-image", "locked-text"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := modesTable()
			spec.Filter = tt.filter
			g := mustBuild(t, spec, rows, Options{})
			if got := lineNames(g); !slices.Equal(got, tt.lines) {
				t.Errorf("lines: got %q, want %q", got, tt.lines)
			}
			if got := len(cellOf(t, g, "full", 0, 0).Points); got != tt.points {
				t.Errorf("points: got %d, want %d", got, tt.points)
			}
		})
	}
}

// TestFilterOfLists: a list for a param that is a list is that list, a list of lists any of them.
func TestFilterOfLists(t *testing.T) {
	var rows []results.Row
	for i, by := range []any{[]string{"t2t"}, []any{"t2i"}, []any{"t2t", "t2i"}} {
		rows = append(rows, results.Row{Trial: fmt.Sprint(i), Set: "task", Metric: "acc@1", Params: map[string]any{"by": by}})
	}
	for _, c := range []struct {
		filter []any
		want   []string
	}{
		{[]any{"t2t", "t2i"}, []string{"t2t+t2i"}},
		{[]any{"t2i", "t2t"}, nil},
		{[]any{"t2t"}, []string{"t2t"}},
		{[]any{[]any{"t2t", "t2i"}}, []string{"t2t+t2i"}},
		{[]any{[]any{"t2i"}, []any{"t2t", "t2i"}}, []string{"t2i", "t2t+t2i"}},
	} {
		spec := Table{Name: "lists", Rows: Names{"by"}, Metrics: Names{"task/acc@1"}, Filter: map[string]any{"by": c.filter}}
		got := lineNames(mustBuild(t, spec, rows, Options{}))
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got %q, want %q", c.filter, got, c.want)
		}
	}
}

func TestOrder(t *testing.T) {
	spec, rows := modesTable(), modes.Rows()
	spec.Order = Names{"locked-text", "random", "8"}
	g := mustBuild(t, spec, rows, Options{})
	if got, want := lineNames(g), []string{"locked-text", "random", "base", "full", "gated-image"}; !slices.Equal(got, want) {
		t.Errorf("lines: got %q, want %q", got, want)
	}
	if g.Columns[0].Name != "k=8" || g.Columns[1].Name != "k=1" {
		t.Errorf("columns: got %v", g.Columns)
	}
	// Without Order the plan's order of words holds, and numbers go upwards.
	spec.Order = nil
	var trials []Trial
	for _, mode := range []string{"locked-text", "gated-image", "full"} {
		trials = append(trials, Trial{ID: mode, Params: map[string]any{"tune.mode": mode, "retrieve.k": 8}, Status: Done})
	}
	g = mustBuild(t, spec, rows, Options{Trials: trials})
	if got, want := lineNames(g), []string{"base", "random", "locked-text", "gated-image", "full"}; !slices.Equal(got, want) {
		t.Errorf("lines: got %q, want %q", got, want)
	}
	if g.Columns[0].Name != "k=1" {
		t.Errorf("columns: got %v", g.Columns)
	}
}

func TestHolmOverTheTable(t *testing.T) {
	opts := Options{Predictions: modes.Predictions(modes.Rows(), 24, "task", "others")}
	g := mustBuild(t, modesTable(), modes.Rows(), opts)
	if g.Family != 26 || g.FixedTests != 0 {
		t.Errorf("family: got %d, want 26 (3 modes × 4 K + random) × 2 metrics", g.Family)
	}
	var least *Difference
	for _, d := range g.tests {
		if least == nil || d.P < least.P {
			least = d
		}
		low, high := d.AdjustedLow, d.AdjustedHigh
		if out := low > 0 || high < 0; out != (d.Adjusted < 0.05) || d.Adjusted < d.P || low > d.Low || high < d.High {
			t.Errorf("p %v [%v, %v] became %v [%v, %v]", d.P, d.Low, d.High, d.Adjusted, low, high)
		}
	}
	if least.Adjusted != math.Min(1, 26*least.P) {
		t.Errorf("smallest p %v became %v", least.P, least.Adjusted)
	}
	spec := modesTable()
	spec.Fixed = []Comparison{{Row: "random", Against: "base"}, {Row: "full", Against: "random", Metric: "others/acc@1"}}
	fixed := mustBuild(t, spec, modes.Rows(), opts)
	if fixed.Family != 25 || fixed.FixedTests != 2 || len(fixed.Fixed) != 2 {
		t.Fatalf("families: got %d and %d with %d fixed", fixed.Family, fixed.FixedTests, len(fixed.Fixed))
	}
	p := []float64{fixed.Fixed[0].Difference.P, fixed.Fixed[1].Difference.P}
	if p[0] == p[1] {
		t.Fatal("the fixed tests tell nothing apart")
	}
	// Holm of two: the smaller p counts twice, the larger is no smaller than that
	for i, f := range fixed.Fixed {
		want := math.Min(1, math.Max(p[i], 2*min(p[0], p[1])))
		if math.Abs(f.Difference.Adjusted-want) > 1e-12 || f.Column != "k=4" {
			t.Errorf("fixed: p %v of %v became %v, want %v, in %s", p[i], p, f.Difference.Adjusted, want, f.Column)
		}
	}
	text := said(fixed)
	for _, want := range []string{"Corrected: Holm's method over the table's 25 exploratory tests, and apart from them over the 2 comparisons fixed beforehand.",
		"fixed beforehand: corrected among 2 fixed comparisons"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestBest(t *testing.T) {
	g := mustBuild(t, modesTable(), modes.Rows(), Options{})
	for m := range g.Metrics {
		for c := range g.Columns {
			best, at := math.Inf(-1), ""
			for _, l := range g.Lines {
				if mean := l.Cells[m][c].Mean; mean > best {
					best, at = mean, l.Name
				}
			}
			for _, l := range g.Lines {
				if l.Cells[m][c].Best && l.Name != at {
					t.Errorf("%s %s: %s is marked, %s is best", g.Metrics[m].Name, g.Columns[c].Name, l.Name, at)
				}
			}
		}
	}
	s := modes.Study{}
	s.Add("", -1, 0.5, "tune.mode", "full")
	if mustBuild(t, byMode, s.Rows, Options{}).HasBest() {
		t.Error("a single line has a best")
	}
	s.Add("", -1, 0.5, "tune.mode", "gated-image")
	g = mustBuild(t, byMode, s.Rows, Options{})
	if !cellOf(t, g, "full", 0, 0).Best || !cellOf(t, g, "gated-image", 0, 0).Best {
		t.Error("of equals both are best")
	}
}

func TestErrors(t *testing.T) {
	rows := modes.Rows()
	with := func(change func(*Table)) Table {
		spec := modesTable()
		change(&spec)
		return spec
	}
	tests := []struct {
		name string
		spec Table
		rows []results.Row
		want string
	}{
		{"no rows path", with(func(s *Table) { s.Rows = nil }), rows, `table "modes": rows: no path`},
		{"no metric", with(func(s *Table) { s.Metrics = nil }), rows, `table "modes": metrics: none`},
		{"odd metric", with(func(s *Table) { s.Metrics = Names{"acc@1"} }), rows, `table "modes": metric "acc@1" is not SET/METRIC, such as "task/acc@1"`},
		{"metric twice", with(func(s *Table) { s.Metrics = append(s.Metrics, s.Metrics[0]) }), rows, `table "modes": metric "task/acc@1" is listed twice`},
		{"path twice", with(func(s *Table) { s.Columns = s.Rows }), rows, `table "modes": path "tune.mode" is used twice`},
		{"odd path", with(func(s *Table) { s.Rows = Names{"tune mode"} }), rows, `table "modes": "tune mode" is not a path such as "tune.mode"`},
		{"decimals", with(func(s *Table) { s.Decimals = results.Seed(99) }), rows, `table "modes": decimals: 99 is not in 0..15`},
		{"path unknown", with(func(s *Table) { s.Columns = Names{"retrive.k"} }), rows, `table "modes": columns: no trial reads "retrive.k" (did you mean "retrieve.k"?)`},
		{"filter unknown", with(func(s *Table) { s.Filter = map[string]any{"tune": map[string]any{"gama": 1}} }), rows, `table "modes": filter.tune.gama: no trial reads it (did you mean "tune.gamma"?)`},
		{"metric unknown", with(func(s *Table) { s.Metrics = Names{"task/acc@l"} }), rows, `table "modes": metrics[0]: no trial gives "task/acc@l" (did you mean "task/acc@1"?)`},
		{"metric far off", with(func(s *Table) { s.Metrics = Names{"x/y"} }), rows, `table "modes": metrics[0]: no trial gives "x/y" (there are: others/acc@1, pairs/unique, task/acc@1)`},
		{"baseline unknown", with(func(s *Table) { s.Baseline = "bsae" }), rows, `table "modes": baseline: "bsae" is no line of the table (did you mean "base"?)`},
		{"fixed unknown", with(func(s *Table) { s.Fixed = []Comparison{{Row: "gated", Against: "base"}} }), rows,
			`table "modes": fixed[0].row: "gated" is no line of the table (there are: base, full, gated-image, locked-text, random)`},
		{"fixed metric", with(func(s *Table) { s.Fixed = []Comparison{{"full", "base", "task/acc"}} }), rows,
			`table "modes": fixed: metric "task/acc" is not a metric of the table (did you mean "task/acc@1"?)`},
		{"twice", modesTable(), append(slices.Clone(rows), results.Row{Trial: "base", Set: "task", Metric: "acc@1", Value: 0.7}),
			`table "modes": rows 0 and 119 are both task/acc@1 of trial base: values 0.4125 and 0.7`},
		{"twice in a class", modesTable(), []results.Row{{Trial: "b", Set: "t", Metric: "m", Class: "c"}, {Trial: "b", Set: "t", Metric: "m", Class: "c"}},
			`table "modes": rows 0 and 1 are both t/m for class "c" of trial b: values 0 and 0`},
		{"no trial", modesTable(), []results.Row{{Set: "task", Metric: "acc@1"}}, `table "modes": row 0: trial is empty`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Build(tt.spec, tt.rows, Options{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// While a sweep runs a set may have no rows yet.
func TestMetricToCome(t *testing.T) {
	var rows []results.Row
	for _, r := range modes.Rows() {
		if r.Set == "task" {
			rows = append(rows, r)
		}
	}
	if _, err := Build(modesTable(), rows, Options{}); err == nil {
		t.Error("a finished sweep without others/acc@1: got no error")
	}
	trial := Trial{ID: "full-k1-s0", Params: rows[1].Params, Status: Pending}
	g := mustBuild(t, modesTable(), rows, Options{Trials: []Trial{trial}})
	if c := cellOf(t, g, "full", 1, 0); c.Status != Pending && c.Status != Empty {
		t.Errorf("got %+v", c)
	}
}

// TestGaps: a metric that the data do not give costs its own cells, and no other.
func TestGaps(t *testing.T) {
	spec := modesTable()
	spec.Metrics = append(Names{"pairs/precision"}, spec.Metrics...)
	rows := modes.Rows()
	g := mustBuild(t, spec, rows, Options{Gaps: true})
	if c := cellOf(t, g, "full", 0, 0); c.Status != Empty {
		t.Errorf("a metric without rows: got %+v", c)
	}
	whole := mustBuild(t, modesTable(), rows, Options{})
	if got, want := cellOf(t, g, "full", 1, 0).Mean, cellOf(t, whole, "full", 0, 0).Mean; got != want {
		t.Errorf("beside it: got %v, want %v", got, want)
	}
	const want = "No trial gives pairs/precision: those cells are empty."
	if !slices.Contains(g.Remarks, want) {
		t.Errorf("got %q, want %q among them", g.Remarks, want)
	}
}

func TestPercentAbove(t *testing.T) {
	s := modes.Study{}
	s.Add("", -1, 41.2, "tune.mode", "full")
	if got := said(mustBuild(t, byMode, s.Rows, Options{})); !strings.Contains(got, "Warning: over 100 %") {
		t.Errorf("got\n%s", got)
	}
}

func TestDifferentImages(t *testing.T) {
	s := modes.Study{}
	s.Add("", -1, 0.4, "tune.mode", "full").N = 90
	s.Add("", -1, 0.4, "tune.mode", "gated-image")
	if got := said(mustBuild(t, byMode, s.Rows, Options{})); !strings.Contains(got, "Test images: Task 90 to 100 (differs between cells).") {
		t.Errorf("got\n%s", got)
	}
}
