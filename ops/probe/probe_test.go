package probe

import (
	"cmp"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"react/ops/blas"
	"react/ops/metric"
)

func golden(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFewShotAgainstVisionDatasets compares with the toolkit's own sampler for ten seeds
// (testdata/make.py).
func TestFewShotAgainstVisionDatasets(t *testing.T) {
	var cases []struct {
		Labels  [][]int
		Classes int
		Shots   int
		Subsets [][]int
	}
	golden(t, "fewshot.json", &cases)
	if len(cases) != 6 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		for seed, want := range c.Subsets {
			got, err := FewShot(c.Labels, c.Classes, c.Shots, int64(seed))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d shots, seed %d: got %v, want %v, %v", c.Shots, seed, got, want, err)
			}
		}
	}
}

func TestMoreShotsThanImages(t *testing.T) {
	if _, err := FewShot([][]int{{0}, {1}, {0}}, 2, 2, 0); err == nil || !strings.Contains(err.Error(), "class 1 has 1 images, fewer than 2 shots") {
		t.Errorf("got %v", err)
	}
}

func TestValidation(t *testing.T) {
	labels := [][]int{{0}, {1}, {0}, {0}, {0}, {0}, {0}, {1}}
	train, val, err := Validation(labels, 2)
	if err != nil || !slices.Equal(val, []int{0, 1, 2}) || !slices.Equal(train, []int{3, 4, 5, 6, 7}) {
		t.Errorf("train %v, val %v, %v", train, val, err)
	}
	train, val, err = Validation([][]int{{0, 1}, {}, {0}, {1, 2}, {2}, {0, 2}}, 3)
	if err != nil || !slices.Equal(val, []int{0, 3}) || len(train) != 4 {
		t.Errorf("several labels: train %v, val %v, %v", train, val, err)
	}
	if _, _, err := Validation([][]int{{0}, {1}}, 2); err == nil {
		t.Error("nothing is left to train on, and no error")
	}
}

// TestGrid follows the search on a score with one peak: it must end there, after the rounds of the
// toolkit.
func TestGrid(t *testing.T) {
	for _, peak := range []int{0, 5, 37, 48, 91, 96} {
		var g Grid
		tried := 0
		rounds := 0
		for places := g.Next(); len(places) > 0; places = g.Next() {
			var scores []float64
			for _, p := range places {
				scores = append(scores, -math.Abs(float64(p-peak)))
			}
			g.Tell(places, scores)
			tried += len(places)
			rounds++
		}
		if at, _ := g.Best(); at != peak || rounds != 5 || tried > 15 {
			t.Errorf("peak %d: found %d after %d runs in %d rounds", peak, at, tried, rounds)
		}
	}
	if Value(0) != 1e-6 || math.Abs(Value(48)-1) > 1e-12 || math.Abs(Value(96)-1e6) > 1e-3 {
		t.Errorf("grid %v %v %v", Value(0), Value(48), Value(96))
	}
}

// TestLogisticAgainstScikitLearn compares every coefficient (testdata/make.py).
func TestLogisticAgainstScikitLearn(t *testing.T) {
	var g struct {
		X    [][]float32
		Y    []int
		Fits []struct {
			C    float64
			W    [][]float64
			Bias []float64
		}
	}
	golden(t, "logistic.json", &g)
	data := Data{X: blas.New(len(g.X), len(g.X[0]))}
	for i, row := range g.X {
		copy(data.X.Row(i), row)
		data.Labels = append(data.Labels, []int{g.Y[i]})
	}
	for _, want := range g.Fits {
		head, err := Logistic{C: want.C, Tolerance: 1e-8}.Fit(data, 4)
		if err != nil {
			t.Fatal(err)
		}
		for c, row := range want.W {
			for d, w := range append(row, want.Bias[c]) {
				got := head.Bias[c]
				if d < len(head.W.Row(c)) {
					got = head.W.Row(c)[d]
				}
				if math.Abs(float64(got)-w) > 1e-5*max(1, math.Abs(w)) {
					t.Errorf("C %g: class %d, coefficient %d: got %v, want %v", want.C, c, d, got, w)
				}
			}
		}
	}
}

// TestLogisticOnFlatFeatures: features that hardly differ, as an untrained model's, still have a
// minimum that is found.
func TestLogisticOnFlatFeatures(t *testing.T) {
	data := clusters(60, 32, 10, 0.1, 4)
	for i := range data.X.Values {
		data.X.Values[i] = 3 + 1e-3*data.X.Values[i]
	}
	for place := 0; place < gridSize; place += 8 {
		if _, err := (Logistic{C: Value(place)}).Fit(data, 10); err != nil {
			t.Error(err)
		}
	}
}

// clusters are points around one centre a class.
func clusters(n, dim, classes int, noise float64, seed uint64) Data {
	centres := rand.New(rand.NewPCG(1, 1))
	c := blas.New(classes, dim)
	for i := range c.Values {
		c.Values[i] = float32(centres.NormFloat64())
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	out := Data{X: blas.New(n, dim)}
	for i := range n {
		label := i % classes
		out.Labels = append(out.Labels, []int{label})
		for d, v := range c.Row(label) {
			out.X.Row(i)[d] = v + float32(noise*rng.NormFloat64())
		}
	}
	return out
}

func accuracy(data Data) func(blas.Matrix) (float64, error) {
	return func(logits blas.Matrix) (float64, error) {
		right := 0.0
		for i, l := range data.Labels {
			if metric.Best(logits.Row(i)) == l[0] {
				right++
			}
		}
		return right / float64(len(data.Labels)), nil
	}
}

// TestHeadsDoNotDisturbEachOther: heads that are trained side by side are what they are alone.
func TestHeadsDoNotDisturbEachOther(t *testing.T) {
	data := clusters(200, 12, 5, 1, 3)
	settings := []Settings{{0.1, 1e-4}, {1e-3, 0.1}, {1e-2, 0}}
	var together []blas.Matrix
	start := Start{Classes: 5, Seed: 9}
	SGD(data, start, settings, 3, func(_ int, score func(blas.Matrix) []blas.Matrix) { together = score(data.X) })
	for h, s := range settings {
		SGD(data, start, []Settings{s}, 3, func(epoch int, score func(blas.Matrix) []blas.Matrix) {
			if epoch < 2 {
				return
			}
			for i, v := range score(data.X)[0].Values {
				if math.Abs(float64(v-together[h].Values[i])) > 1e-4 {
					t.Fatalf("head %d: logit %d is %v alone, %v beside others", h, i, v, together[h].Values[i])
				}
			}
		})
	}
}

// TestStepAgainstLoops computes one step of a full batch with plain loops: normalisation, cross
// entropy, momentum and decay.
func TestStepAgainstLoops(t *testing.T) {
	for _, many := range []bool{false, true} {
		data := clusters(20, 4, 3, 1, 5)
		data.Many = many
		start := Start{Classes: 3, Seed: 2}
		set := Settings{LR: 0.5, WeightDecay: 0.01}
		s := newSGD(data, start, []Settings{set})
		before := slices.Clone(s.w.Values)
		all := make([]int, 20)
		for i := range all {
			all[i] = i
		}
		s.step(all)
		for c := range 3 {
			for d := range 5 {
				gradient := 0.0
				for i := range all {
					gradient += plainSlope(data, before, i, c) * plainInput(data, i, d) / 20
				}
				w := float64(before[c*5+d])
				want := w - set.LR*(gradient+set.WeightDecay*w)
				if got := float64(s.w.Values[c*5+d]); math.Abs(got-want) > 1e-5 {
					t.Errorf("several labels %v: weight %d %d: got %v, want %v", many, c, d, got, want)
				}
			}
		}
	}
}

func plainInput(data Data, i, d int) float64 {
	if d == data.X.Cols {
		return 1
	}
	mean, variance := 0.0, 0.0
	for j := range data.X.Rows {
		mean += float64(data.X.Row(j)[d]) / float64(data.X.Rows)
	}
	for j := range data.X.Rows {
		variance += math.Pow(float64(data.X.Row(j)[d])-mean, 2) / float64(data.X.Rows)
	}
	return (float64(data.X.Row(i)[d]) - mean) / math.Sqrt(variance+1e-5)
}

func plainSlope(data Data, w []float32, i, class int) float64 {
	logits := make([]float64, 3)
	sum := 0.0
	for c := range logits {
		for d := range 5 {
			logits[c] += float64(w[c*5+d]) * plainInput(data, i, d)
		}
		sum += math.Exp(logits[c])
	}
	target := 0.0
	if data.Labels[i][0] == class {
		target = 1
	}
	if data.Many {
		return (1/(1+math.Exp(-logits[class])) - target) / 3
	}
	return math.Exp(logits[class])/sum - target
}

// TestSearch: the search finds settings that separate clusters, and counts runs as the toolkit has
// them.
func TestSearch(t *testing.T) {
	train, val := clusters(300, 16, 6, 0.8, 11), clusters(60, 16, 6, 0.8, 12)
	chosen, err := Search(train, val, Start{Classes: 6}, accuracy(val))
	if err != nil {
		t.Fatal(err)
	}
	if chosen.Score < 0.9 || chosen.Runs > 90 || chosen.Runs < 70 {
		t.Errorf("chosen %+v", chosen)
	}
	others := chosen.Others
	if len(others) != chosen.Runs-chosen.Diverged-1 || others[0].Score > chosen.Score {
		t.Errorf("%d others of %d runs, of which %d diverged", len(others), chosen.Runs, chosen.Diverged)
	}
	if !slices.IsSortedFunc(others, func(a, b Scored) int { return cmp.Compare(b.Score, a.Score) }) {
		t.Error("the others are not in the order of their scores")
	}
}

// TestDivergenceIsCounted: runs whose logits are no longer finite score 0 and are reported.
func TestDivergenceIsCounted(t *testing.T) {
	data := clusters(100, 8, 3, 1, 1)
	_, lost, err := bestEpochs(data, data, Start{Classes: 3}, []Settings{{1e6, 1e6}, {0.1, 0}}, accuracy(data))
	if err != nil || !slices.Equal(lost, []bool{true, false}) {
		t.Errorf("diverged %v, %v", lost, err)
	}
}

// BenchmarkSearch is ELEVATER's whole search on 5,000 images of 512 values, 100 classes.
func BenchmarkSearch(b *testing.B) {
	train, val := clusters(4000, 512, 100, 3, 1), clusters(1000, 512, 100, 3, 2)
	for b.Loop() {
		if _, err := Search(train, val, Start{Classes: 100}, accuracy(val)); err != nil {
			b.Fatal(err)
		}
	}
}

// TestPrototypes works three images in two dimensions out by hand: (3,4)/5 and (0,2)/2 make
// (0.6,1.8), of length 1.897.
func TestPrototypes(t *testing.T) {
	data := Data{X: blas.Matrix{Rows: 3, Cols: 2, Values: []float32{3, 4, 0, 2, -5, 0}}, Labels: [][]int{{0}, {0}, {1}}}
	head, err := Prototypes(data, 2)
	want := []float64{0.6 / math.Sqrt(3.6), 1.8 / math.Sqrt(3.6), -1, 0}
	for i, w := range want {
		if err != nil || math.Abs(float64(head.Values[i])-w) > 1e-6 {
			t.Fatalf("got %v, want %v, %v", head.Values, want, err)
		}
	}
	if _, err := Prototypes(data, 3); err == nil || !strings.Contains(err.Error(), "class 2 has no image") {
		t.Errorf("got %v", err)
	}
}
