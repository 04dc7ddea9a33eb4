package metric

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// golden is one case of testdata/golden.json; see testdata/make.py.
type golden struct {
	Classes int         `json:"classes"`
	Logits  [][]float64 `json:"logits"`
	Labels  []int       `json:"labels"`
	Many    [][]int     `json:"many"`
	Truth   [][]int     `json:"truth"`

	Acc1         float64   `json:"acc@1"`
	Acc3         *float64  `json:"acc@3"`
	MeanPerClass float64   `json:"mean-per-class"`
	Balanced     float64   `json:"sklearn/mean-per-class"`
	ECE          float64   `json:"ece"`
	Elevater     float64   `json:"mAP/elevater"`
	Area         float64   `json:"mAP/area"`
	AUC          []float64 `json:"auc"`
	Set3         *float64  `json:"set@3"`
}

func goldens(t *testing.T) []golden {
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []golden }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	return file.Cases
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

func TestAgainstToolkits(t *testing.T) {
	for _, g := range goldens(t) {
		s := Scores{Classes: g.Classes}
		for _, row := range g.Logits {
			for _, v := range row {
				s.Values = append(s.Values, float32(v))
			}
		}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		var ranks, predicted []int
		var confidence []float64
		var correct []bool
		for i, label := range g.Labels {
			best := Best(s.Row(i))
			ranks, predicted = append(ranks, Rank(s.Row(i), label)), append(predicted, best)
			confidence = append(confidence, Softmax(s.Row(i), 1, nil)[best])
			correct = append(correct, best == label)
		}
		near(t, "acc@1", Accuracy(ranks, 1), g.Acc1, 1e-12)
		if g.Acc3 != nil {
			near(t, "acc@3", Accuracy(ranks, 3), *g.Acc3, 1e-12)
		}
		mean := MeanPerClass(PerClass(g.Labels, predicted, g.Classes))
		near(t, "mean-per-class", mean, g.MeanPerClass, 1e-12)
		near(t, "balanced accuracy", mean, g.Balanced, 1e-12)
		near(t, "ece", ECE(confidence, correct), g.ECE, 1e-6)
		checkPrecision(t, g, s)
		checkRecall(t, g)
	}
}

func checkPrecision(t *testing.T, g golden, s Scores) {
	for kind, want := range map[AP]float64{Elevater11: g.Elevater, Area: g.Area} {
		got, err := MeanAveragePrecision(s, g.Many, kind)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "mAP", got, want, 1e-9)
	}
	for c, want := range g.AUC {
		var scores []float64
		var positive []bool
		for i, row := range g.Logits {
			scores, positive = append(scores, row[c]), append(positive, g.Labels[i] == c)
		}
		got, err := ROCAUC(scores, positive)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "ROC AUC", got, want, 1e-12)
	}
}

func checkRecall(t *testing.T, g golden) {
	if g.Set3 == nil {
		return
	}
	var found [][]int
	for _, row := range g.Logits {
		found = append(found, descending(row))
	}
	near(t, "set recall@3", RecallAt(found, g.Truth, 3).Set, *g.Set3, 1e-12)
}

// TestPlainLoops compares with definitions written out, on scores with many ties.
func TestPlainLoops(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 2 + rng.IntN(30)
		scores, positive := make([]float64, n), make([]bool, n)
		for i := range scores {
			scores[i], positive[i] = float64(rng.IntN(6)), rng.IntN(3) == 0
		}
		positive[0], positive[1] = true, false
		auc, err := ROCAUC(scores, positive)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "ROC AUC", auc, plainAUC(scores, positive), 1e-12)
		ap, err := averagePrecision(scores, positive, VOC11)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "VOC11", ap, plainVOC(scores, positive), 1e-12)
	}
}

func plainAUC(scores []float64, positive []bool) float64 {
	won, pairs := 0.0, 0.0
	for i, p := range positive {
		for j, q := range positive {
			if !p || q {
				continue
			}
			pairs++
			if scores[i] > scores[j] {
				won++
			} else if scores[i] == scores[j] {
				won += 0.5
			}
		}
	}
	return won / pairs
}

// plainVOC cuts the ranking at every score.
func plainVOC(scores []float64, positive []bool) float64 {
	sum := 0.0
	for r := range 11 {
		best := 0.0
		for _, cut := range scores {
			hits, seen, total := 0.0, 0.0, 0.0
			for i, p := range positive {
				if p {
					total++
				}
				if scores[i] >= cut {
					seen++
					if p {
						hits++
					}
				}
			}
			if hits/total >= float64(r)/10-1e-12 {
				best = max(best, hits/seen)
			}
		}
		sum += best
	}
	return sum / 11
}

func TestTiesGoToTheLowerClass(t *testing.T) {
	row := []float32{1, 3, 3, 2}
	if Best(row) != 1 || Rank(row, 1) != 1 || Rank(row, 2) != 2 || Rank(row, 3) != 3 || Rank(row, 0) != 4 {
		t.Errorf("best %d, ranks %d %d %d %d", Best(row), Rank(row, 1), Rank(row, 2), Rank(row, 3), Rank(row, 0))
	}
}

func TestClassWithoutImages(t *testing.T) {
	recall, support := PerClass([]int{0, 0, 2}, []int{0, 2, 2}, 3)
	if !slices.Equal(recall, []float64{0.5, 0, 1}) || !slices.Equal(support, []int{2, 0, 1}) {
		t.Errorf("recall %v, support %v", recall, support)
	}
	near(t, "mean per class", MeanPerClass(recall, support), 0.75, 0)
}

func TestConfidence(t *testing.T) {
	row := []float32{0.1, -0.3, 0.25, 0.25}
	for class, want := range Softmax(row, 100, nil) {
		near(t, "confidence", Confidence(row, class, 100), want, 1e-12)
	}
	near(t, "a class far below", Confidence([]float32{0, 100}, 0, 100), 0, 0)
}

func TestRecallAt(t *testing.T) {
	found := [][]int{{4, 0, 2}, {1, 3, 5}}
	truth := [][]int{{0, 2}, {2}}
	for k, want := range map[int]Recall{1: {0, 0}, 2: {0.5, 0.25}, 3: {0.5, 0.5}, 9: {0.5, 0.5}} {
		if got := RecallAt(found, truth, k); got != want {
			t.Errorf("k %d: got %v, want %v", k, got, want)
		}
	}
}

func TestConfusions(t *testing.T) {
	got := Confusions([]int{0, 0, 1, 1, 2, 2, 0}, []int{1, 1, 0, 2, 2, 1, 0}, 3)
	if want := []Pair{{0, 1, 2}, {1, 0, 1}, {1, 2, 1}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestECEBins(t *testing.T) {
	// 0 is in no bin; a bound belongs to the bin below it.
	near(t, "0 alone", ECE([]float64{0}, []bool{true}), 0, 0)
	near(t, "1", ECE([]float64{1, 1}, []bool{true, false}), 0.5, 1e-12)
	near(t, "one bin, two images", ECE([]float64{0.9, 0.92}, []bool{true, false}), 0.41, 1e-12)
	near(t, "two bins", ECE([]float64{0.9, 0.5}, []bool{true, false}), 0.3, 1e-12)
}

func TestBadInput(t *testing.T) {
	if _, err := ROCAUC([]float64{1, 2}, []bool{true, true}); err == nil {
		t.Error("ROC AUC without negatives")
	}
	if _, err := averagePrecision([]float64{1, 2}, []bool{false, false}, VOC11); err == nil {
		t.Error("average precision without positives")
	}
	for _, s := range []Scores{{}, {[]float32{1, 2, 3}, 2}, {[]float32{1, float32(math.NaN())}, 2}} {
		if s.Check() == nil {
			t.Errorf("scores %v pass", s)
		}
	}
}

// TestCheckRefusesWhatIsNotFinite: no metric can be computed of such a score.
func TestCheckRefusesWhatIsNotFinite(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		err := (Scores{Values: []float32{0, 1, 2, float32(v)}, Classes: 2}).Check()
		if err == nil || !strings.Contains(err.Error(), "image 1: the score of class 1 is not finite") {
			t.Errorf("%v: got %v", v, err)
		}
	}
}
