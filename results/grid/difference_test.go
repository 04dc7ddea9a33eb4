package grid

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"react/results"
	"react/results/stat"
)

// trialCases is what a trial says of the images of a set, by class: how many of
// each are right, of perClass.
type trialCases struct {
	trial, label, mode string
	seed               int // -1: none
	right              []int
}

const perClass = 6

// casesStudy makes rows and predictions that agree. An image that is not right has
// its class at rank 4.
func casesStudy(trials []trialCases, metrics ...string) ([]results.Row, Options) {
	var rows []results.Row
	byTrial := map[string][]results.Prediction{}
	for _, c := range trials {
		sum := 0
		for class, right := range c.right {
			sum += right
			for i := range perClass {
				p := results.Prediction{Key: fmt.Sprintf("%d/%d", class, i), Label: class, Predicted: class, Correct: true, Rank: 1}
				if i >= right {
					p.Predicted, p.Correct, p.Rank = class+1, false, 4
				}
				byTrial[c.trial] = append(byTrial[c.trial], p)
			}
		}
		for _, metric := range metrics {
			r := results.Row{Trial: c.trial, Label: c.label, Set: "task", Metric: metric, Value: float64(sum) / float64(perClass*len(c.right)),
				N: perClass * len(c.right), Params: map[string]any{"tune.mode": c.mode}}
			if c.seed >= 0 {
				r.Seed = results.Seed(c.seed)
			}
			rows = append(rows, r)
		}
	}
	read := func(trial, _ string) ([]results.Prediction, error) { return byTrial[trial], nil }
	base := func(string, string) ([]results.Prediction, error) { return byTrial["base"], nil }
	return rows, Options{Predictions: read, BasePredictions: base}
}

// eightClasses is a base without seeds, and a line of three.
func eightClasses() []trialCases {
	return []trialCases{
		{"base", "base", "none", -1, []int{2, 3, 1, 4, 2, 3, 0, 5}},
		{"f0", "", "full", 0, []int{4, 3, 2, 5, 4, 3, 1, 6}},
		{"f1", "", "full", 1, []int{4, 4, 2, 4, 4, 4, 1, 6}},
		{"f2", "", "full", 2, []int{3, 3, 2, 6, 3, 3, 2, 6}},
	}
}

func against(metrics ...string) Table {
	return Table{Name: "t", Rows: Names{"tune.mode"}, Metrics: Names(metrics), Baseline: "base"}
}

func tested(t *testing.T, spec Table, rows []results.Row, opts Options) *Difference {
	t.Helper()
	return lineOf(t, mustBuild(t, spec, rows, opts), "full").Differences[0][0]
}

// TestFlipsOverClasses: the test of a table is the sign-flip test over classes,
// seeds averaged, and its interval goes with it.
func TestFlipsOverClasses(t *testing.T) {
	rows, opts := casesStudy(eightClasses(), "acc@1")
	d := tested(t, against("task/acc@1"), rows, opts)
	if d.Method != flipClasses || d.Flips == nil || d.Flips.Clusters != 8 || d.Flips.Cases != 48 || len(d.Flips.Seeds) != 1 || d.Flips.OneSeed {
		t.Fatalf("got %+v with %+v", d, d.Flips)
	}
	gains := []float64{5, 1, 3, 3, 5, 1, 4, 3} // over three seeds, of 6 images each
	line, other := make([]stat.Cluster, 8), make([]stat.Cluster, 8)
	for i, gain := range gains {
		line[i], other[i] = stat.Cluster{Sum: gain / 3, Size: 6}, stat.Cluster{Size: 6}
	}
	c, err := stat.NewContrast([]stat.Measure{{line}}, []stat.Measure{{other}}, false)
	if err != nil {
		t.Fatal(err)
	}
	// all classes gain: of all flips, two are as far out
	if math.Abs(d.Value-c.Estimate) > 1e-12 || math.Abs(d.P-2.0/256) > 0.003 {
		t.Errorf("got %v, p %v; want %v and about 2/256", d.Value, d.P, c.Estimate)
	}
	if !(0 < d.Low && d.Low < d.Value && d.Value < d.High) {
		t.Errorf("p %v beside [%v, %v]", d.P, d.Low, d.High)
	}
	again := tested(t, against("task/acc@1"), rows, opts)
	if again.P != d.P || again.Low != d.Low || again.High != d.High {
		t.Error("not the same again")
	}
	for name, change := range map[string]func([]trialCases){
		"the base gains": func(c []trialCases) { c[0].right, c[1].right = c[1].right, c[0].right },
	} {
		trials := eightClasses()
		change(trials)
		rows, opts := casesStudy(trials, "acc@1")
		if other := tested(t, against("task/acc@1"), rows, opts); other.P == d.P {
			t.Errorf("%s: p is the same", name)
		}
	}
}

// TestMetricsOfOneUnit: every metric goes through the same test, or says why not.
func TestMetricsOfOneUnit(t *testing.T) {
	for _, c := range []struct {
		metric string
		change func(rows []results.Row, opts *Options)
		method Method
		why    string
	}{
		{metric: "acc@1", method: flipClasses},
		{metric: "mean-per-class", method: flipClasses},
		{metric: "score", method: flipClasses},
		{metric: "delta", method: flipClasses},
		{metric: "acc@5", method: flipClasses, change: func(rows []results.Row, _ *Options) {
			for i := range rows {
				rows[i].Value = 1
			}
		}},
		{metric: "acc@5", why: whyRanks, change: func(_ []results.Row, opts *Options) {
			from := opts.Predictions
			opts.Predictions = func(trial, set string) ([]results.Prediction, error) {
				list, err := from(trial, set)
				for i := range list {
					list[i].Rank = 0
				}
				return list, err
			}
		}},
		{metric: "acc@1", why: whyOther, change: func(rows []results.Row, _ *Options) { rows[0].Value += 0.01 }},
		{metric: "acc@1", why: whyNotStored, change: func(_ []results.Row, opts *Options) { opts.Predictions = nil }},
		{metric: "acc@1", why: whySubset, change: func(_ []results.Row, opts *Options) {
			from := opts.Predictions
			opts.Predictions = func(trial, set string) ([]results.Prediction, error) {
				list, err := from(trial, set)
				if trial == "f1" {
					list = list[1:]
				}
				return list, err
			}
		}},
		{metric: "ece", why: whyWhole},
		{metric: "roc-auc", why: whyWhole},
		{metric: "mAP", why: whyWhole},
		{metric: "agreement", why: whyNotStored, change: func(_ []results.Row, opts *Options) { opts.BasePredictions = nil }},
	} {
		rows, opts := casesStudy(eightClasses(), c.metric)
		if c.change != nil {
			c.change(rows, &opts)
		}
		g := mustBuild(t, against("task/"+c.metric), rows, opts)
		d := lineOf(t, g, "full").Differences[0][0]
		if d.Method != c.method || d.NoTest != c.why || (c.why == "") != (d.P == d.P) {
			t.Errorf("%s: got %q, %q, p %v; want %q, %q", c.metric, d.Method, d.NoTest, d.P, c.method, c.why)
		}
		if text := said(g); c.why != "" && !strings.Contains(text, ": "+c.why) {
			t.Errorf("%s: the table does not say why it has no test:\n%s", c.metric, text)
		}
	}
}

// TestFewClasses: of fewer than six no p is given, and the table says so.
func TestFewClasses(t *testing.T) {
	for _, n := range []int{5, 6} {
		trials := eightClasses()
		for i := range trials {
			trials[i].right = trials[i].right[:n]
		}
		rows, opts := casesStudy(trials, "acc@1")
		g := mustBuild(t, against("task/acc@1"), rows, opts)
		d := lineOf(t, g, "full").Differences[0][0]
		if (d.P == d.P) != (n == 6) || math.IsNaN(d.Low) != (n == 5) {
			t.Errorf("%d classes: p %v, interval from %v", n, d.P, d.Low)
		}
		if said := strings.Contains(said(g), "No test for Task acc.: fewer than 6 clusters"); said != (n == 5) {
			t.Errorf("%d classes: said %v", n, said)
		}
	}
}

// TestSeedsOfATest: seeds of both sides, shared or not, and of one.
func TestSeedsOfATest(t *testing.T) {
	with := func(first int, seeds ...int) []trialCases {
		trials := eightClasses()[1:]
		for i, s := range seeds {
			c := eightClasses()[first+i%3]
			c.trial, c.label, c.mode, c.seed = fmt.Sprint("b", s), "base", "none", s
			trials = append(trials, c)
		}
		return trials
	}
	for _, c := range []struct {
		name    string
		trials  []trialCases
		sources int
		one     bool
	}{
		{"shared", with(0, 0, 1, 2), 1, false},
		{"apart", with(0, 3, 4, 5), 2, false},
		{"shared in part", with(0, 1, 2, 3), 2, false},
		{"one seed against three", with(0, 0), 1, true},
	} {
		rows, opts := casesStudy(c.trials, "acc@1")
		g := mustBuild(t, against("task/acc@1"), rows, opts)
		d := lineOf(t, g, "full").Differences[0][0]
		if d.Method != flipClasses || len(d.Flips.Seeds) != c.sources || d.Flips.OneSeed != c.one {
			t.Errorf("%s: got %+v", c.name, d.Flips)
		}
		if said := strings.Contains(said(g), "one side of a test has a single seed"); said != c.one {
			t.Errorf("%s: one seed said: %v", c.name, said)
		}
	}
}

// TestAgreement compares two lines in what they have in common with the base.
func TestAgreement(t *testing.T) {
	trials := append(eightClasses(), trialCases{"g0", "", "gated", 0, []int{3, 4, 1, 4, 2, 4, 1, 5}}, trialCases{"g1", "", "gated", 1, []int{2, 3, 2, 4, 3, 3, 0, 5}},
		trialCases{"g2", "", "gated", 2, []int{2, 4, 1, 5, 2, 3, 0, 4}})
	rows, opts := casesStudy(trials, "agreement")
	var kept []results.Row
	for _, r := range rows {
		list, _ := opts.Predictions(r.Trial, "task")
		base, _ := opts.BasePredictions(r.Trial, "task")
		same := 0
		for i := range list {
			same += oneIf(list[i].Predicted == base[i].Predicted)
		}
		if r.Value = float64(same) / float64(len(list)); r.Trial != "base" {
			kept = append(kept, r)
		}
	}
	spec := against("task/agreement")
	spec.Baseline = "tune.mode=gated"
	d := tested(t, spec, kept, opts)
	if d.Method != flipClasses || !(d.Value < 0) || !(d.P < 0.05) {
		t.Errorf("got %+v, %q", d, d.NoTest)
	}
}

// TestMcNemarByName: the older test stays for who asks for it, without an interval
// that is not its own.
func TestMcNemarByName(t *testing.T) {
	rows, opts := casesStudy(eightClasses(), "acc@1")
	spec := against("task/acc@1")
	spec.Test = "mcnemar"
	g := mustBuild(t, spec, rows, opts)
	d := lineOf(t, g, "full").Differences[0][0]
	if d.Method != mcNemarTest || len(d.Pairs) != 3 || !math.IsNaN(d.Low) {
		t.Fatalf("got %+v", d)
	}
	largest := 0.0
	for _, pair := range d.Pairs { // whoever has more of a class right has the other's right too
		if pair.OnlyOther != 0 || pair.P != stat.McNemar(pair.OnlyLine, 0) {
			t.Errorf("got %+v", pair)
		}
		largest = math.Max(largest, pair.P)
	}
	if d.P != largest {
		t.Errorf("p %v, want the largest of the seeds, %v", d.P, largest)
	}
	if text := said(g); !strings.Contains(text, "treats the images of a class as independent") {
		t.Errorf("not said what it assumes:\n%s", text)
	}
	spec.Test = "bootstrap"
	if _, err := Build(spec, rows, opts); err == nil || !strings.Contains(err.Error(), `test: "bootstrap" is not one of cluster, mcnemar`) {
		t.Errorf("got %v", err)
	}
}

// TestMeanOfSets: a mean over sets counts each once and flips classes within them.
func TestMeanOfSets(t *testing.T) {
	rows, opts := casesStudy(eightClasses(), "acc@1")
	predictions := opts.Predictions
	opts.Predictions = func(trial, set string) ([]results.Prediction, error) {
		list, err := predictions(trial, "task")
		if set == "small" { // one image of each class, the first
			var few []results.Prediction
			for _, p := range list {
				if strings.HasSuffix(p.Key, "/0") {
					few = append(few, p)
				}
			}
			return few, err
		}
		return list, err
	}
	var all []results.Row
	for _, r := range rows {
		few, _ := opts.Predictions(r.Trial, "small")
		right := 0
		for _, p := range few {
			right += oneIf(p.Correct)
		}
		r.Params = map[string]any{"tune.mode": r.Params["tune.mode"], "evaluate.suite.kind": "mean", "evaluate.suite.of": []any{"task", "small"}}
		small, suite := r, r
		small.Set, small.Value = "small", float64(right)/8
		suite.Set, suite.Metric, suite.Value = "suite", "score", (r.Value+small.Value)/2
		all = append(all, r, small, suite)
	}
	d := tested(t, against("suite/score"), all, opts)
	if d.Method != flipSets || d.Flips.Clusters != 16 || d.Flips.Cases != 56 {
		t.Fatalf("got %+v with %+v, %q", d, d.Flips, d.NoTest)
	}
	if !(d.Low < d.Value && d.Value < d.High) {
		t.Errorf("%v outside of [%v, %v]", d.Value, d.Low, d.High)
	}
}

// TestRecallByImage: where there are no classes, an image with its captions is what
// moves together.
func TestRecallByImage(t *testing.T) {
	found := map[string][][2]int{ // rank of the caption, of the image; two captions an image
		"base": {{0, 0}, {2, 1}, {0, 0}, {0, 3}, {1, 0}, {0, 1}, {0, 0}, {3, 0}, {0, 0}, {0, 0}, {2, 2}, {0, 0}, {0, 0}, {1, 1}, {0, 0}, {0, 0}},
		"full": {{1, 1}, {2, 1}, {1, 1}, {0, 3}, {1, 1}, {0, 1}, {1, 1}, {3, 1}, {1, 0}, {0, 1}, {1, 1}, {0, 1}, {0, 1}, {1, 1}, {1, 1}, {0, 0}},
	}
	queries := func(trial, _ string) ([]results.Query, error) {
		var list []results.Query
		for i, ranks := range found[trial] {
			list = append(list, results.Query{Image: fmt.Sprint(i / 2), I2T: ranks[0], T2I: ranks[1]})
		}
		return list, nil
	}
	for metric, values := range map[string][2]float64{"i2t-recall@1": {2.0 / 8, 8.0 / 8}, "t2i-recall@1": {3.0 / 16, 13.0 / 16}, "i2t-set-recall@1": {2.0 / 16, 8.0 / 16},
		"i2t-recall@5": {5.0 / 8, 8.0 / 8}} { // of two images both captions
		rows := []results.Row{
			{Trial: "base", Label: "base", Set: "flickr", Metric: metric, Value: values[0], N: 8, Params: map[string]any{"tune.mode": "none"}},
			{Trial: "full", Set: "flickr", Metric: metric, Value: values[1], N: 8, Params: map[string]any{"tune.mode": "full"}},
		}
		d := tested(t, against("flickr/"+metric), rows, Options{Queries: queries})
		if d.Method != flipImages || d.Flips.Clusters != 8 || (d.P < 0.05) != strings.HasSuffix(metric, "@1") || (d.Low > 0) != (d.P < 0.05) {
			t.Errorf("%s: got %+v with %+v, %q", metric, d, d.Flips, d.NoTest)
		}
		if d := tested(t, against("flickr/"+metric), rows, Options{}); d.NoTest != whyNotStored {
			t.Errorf("%s without queries: got %+v", metric, d)
		}
	}
}

// TestEffectIsTested: a main effect is tested over the trials that it is the mean of.
func TestEffectIsTested(t *testing.T) {
	trials := eightClasses()[1:]
	var all []trialCases
	for k := range 2 {
		for _, mode := range []string{"a", "b"} {
			for _, c := range trials {
				c.right = append([]int(nil), c.right...)
				if mode == "b" {
					for i := range c.right {
						c.right[i] = max(0, c.right[i]-1-k)
					}
				}
				c.trial, c.mode = fmt.Sprint(mode, k, c.seed), mode
				all = append(all, c)
			}
		}
	}
	rows, opts := casesStudy(all, "acc@1")
	for i := range rows {
		rows[i].Params = map[string]any{"tune.mode": rows[i].Params["tune.mode"], "retrieve.k": int(rows[i].Trial[1] - '0')}
	}
	spec := Table{Name: "effect", Rows: Names{"tune.mode"}, Metrics: Names{"task/acc@1"}, Effect: "tune.mode", Baseline: "tune.mode=a"}
	d := lineOf(t, mustBuild(t, spec, rows, opts), "b").Differences[0][0]
	if d.Method != flipClasses || d.Flips.Clusters != 8 || !(d.P < 0.05) || !(d.High < 0) {
		t.Errorf("got %+v with %+v, %q", d, d.Flips, d.NoTest)
	}
}

func TestUnreadablePredictions(t *testing.T) {
	rows, opts := casesStudy(eightClasses(), "acc@1")
	opts.Predictions = func(string, string) ([]results.Prediction, error) { return nil, errors.New("disk on fire") }
	if _, err := Build(against("task/acc@1"), rows, opts); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
}

// TestPrintedPAndInterval: what is printed agrees too, at the edges.
func TestPrintedPAndInterval(t *testing.T) {
	for p, want := range map[float64]string{0.05: "0.050", 0.0499: "0.0499", 0.04999: "0.04999", 0.0494: "0.049", 0.5: "0.500", 0.0001: "<0.001", 0.9999: "1.000"} {
		if got := FormatP(p); got != want {
			t.Errorf("p %v: got %s, want %s", p, got, want)
		}
	}
	m := Metric{Percent: true, Decimals: 1}
	for v, want := range map[float64]string{0.0004: "+0.04", -0.0004: "-0.04", 0: "0.0", 0.012: "+1.2", math.Inf(1): "+∞", math.Inf(-1): "-∞"} {
		if got := m.FormatEnd(v); got != want {
			t.Errorf("end %v: got %s, want %s", v, got, want)
		}
	}
}
