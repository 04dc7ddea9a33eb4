package detection

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"react/data/fixture"
	"react/ops/blas"
)

// matrix reads rows, of length 1 where unit says so.
func matrix(t *testing.T, file string, cols int, unit bool) blas.Matrix {
	t.Helper()
	values := floats(t, file)
	m := blas.Matrix{Rows: len(values) / cols, Cols: cols, Values: values}
	for i := range m.Rows {
		sum := 0.0
		for _, v := range m.Row(i) {
			sum += float64(v) * float64(v)
		}
		for d := range m.Row(i) {
			if unit {
				m.Row(i)[d] /= float32(math.Sqrt(sum))
			}
		}
	}
	return m
}

func probabilities(t *testing.T) blas.Matrix {
	t.Helper()
	return Probabilities(matrix(t, "detect/region.npy", 24, true), matrix(t, "detect/text.npy", 24, true), 0.01)
}

func TestProbabilitiesEqualRegionCLIP(t *testing.T) {
	got, want := probabilities(t), matrix(t, "detect/probabilities.npy", 6, false)
	if got.Rows != want.Rows || got.Cols != want.Cols {
		t.Fatalf("got %d×%d, want %d×%d", got.Rows, got.Cols, want.Rows, want.Cols)
	}
	for i, v := range want.Values {
		if math.Abs(float64(got.Values[i]-v)) > 1e-4 {
			t.Errorf("value %d: got %v, want %v", i, got.Values[i], v)
		}
	}
}

// TestChoiceEqualsRegionCLIP compares the whole of RegionCLIP's inference after its classifier: without
// objectness, with it as a probability, and as the released code takes it, which drops proposals of
// negative logits.
func TestChoiceEqualsRegionCLIP(t *testing.T) {
	var params struct {
		Size [2]int `json:"image_height_width"`
		NMS  float64
	}
	fixture.JSON(t, "dense/detect/params.json", &params)
	var want map[string]struct {
		Boxes              [][4]float32
		Scores             []float32
		Classes, Proposals []int
	}
	fixture.JSON(t, "dense/detect/expected.json", &want)
	if len(want) < 12 {
		t.Fatalf("%d cases", len(want))
	}
	proposals, objectness := boxes(t, "detect/proposals.npy"), floats(t, "detect/objectness.npy")
	for name, w := range want {
		c := Choice{Height: params.Size[0], Width: params.Size[1], IoU: params.NMS}
		kind, rest, _ := strings.Cut(name, ", ")
		if _, err := fmt.Sscanf(rest, "threshold %g, top %d", &c.Least, &c.Most); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		scores := probabilities(t)
		how := map[string]string{"plain": NoObjectness, "regionclip": Raw, "sigmoid": Sigmoid}[kind]
		if err := Join(scores, objectness, how, true); err != nil {
			t.Fatal(err)
		}
		got := c.Choose(proposals, scores)
		if len(got) != len(w.Boxes) {
			t.Errorf("%s: %d findings, want %d", name, len(got), len(w.Boxes))
			continue
		}
		for i, f := range got {
			if f.Box != Corners(w.Boxes[i]) || f.Class != w.Classes[i] || f.Proposal != w.Proposals[i] || math.Abs(float64(f.Score-w.Scores[i])) > 1e-4 {
				t.Errorf("%s, finding %d: got %+v, want %v %v %v %v", name, i, f, w.Boxes[i], w.Scores[i], w.Classes[i], w.Proposals[i])
			}
		}
	}
}

func TestJoin(t *testing.T) {
	for _, tt := range []struct {
		name       string
		how        string
		logits     bool
		objectness []float32
		want       string
	}{
		{"a probability", Sigmoid, false, []float32{1, .25}, "[0.5 0.6 0.25 0.3]"},
		{"a logit for a probability", Sigmoid, false, []float32{1, 2.5}, "proposal 1: score 2.5 is no probability: say that scores are logits"},
		{"its score is no number", Sigmoid, true, []float32{1, float32(math.NaN())}, "proposal 1: score NaN is no probability"},
		{"one is missing", Raw, false, []float32{1}, "1 scores of proposals for 2 regions"},
		{"no such way", "softmax", false, nil, `objectness "softmax", want none, sigmoid or raw`},
		{"a logit taken as it is", Raw, false, []float32{4, -1}, "[1 1.2 NaN NaN]"},
	} {
		scores := blas.Matrix{Rows: 2, Cols: 2, Values: []float32{.25, .36, .25, .36}}
		err := Join(scores, tt.objectness, tt.how, tt.logits)
		got := fmt.Sprintf("%.3g", scores.Values)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestChooseSoft: soft NMS lowers the score of a covered box of the same class and keeps it.
func TestChooseSoft(t *testing.T) {
	same := []Corners{{0, 0, 10, 10}, {0, 0, 10, 10}, {-5, 0, float32(math.Inf(1)), 9}}
	scores := blas.Matrix{Rows: 3, Cols: 1, Values: []float32{.8, .9, 1}}
	hard := Choice{Height: 9, Width: 9, Least: .001, IoU: .5, Most: 5}
	if got := hard.Choose(same, scores); len(got) != 1 || got[0] != (Finding{Corners{0, 0, 9, 9}, .9, 0, 1}) {
		t.Errorf("got %+v", got)
	}
	soft := hard
	soft.Soft = &Soft{Sigma: .5, Prune: .001}
	got := soft.Choose(same, scores)
	if !slices.EqualFunc(got, []int{1, 0}, func(f Finding, row int) bool { return f.Proposal == row }) || math.Abs(float64(got[1].Score)-.8*math.Exp(-2)) > 1e-6 {
		t.Errorf("got %+v", got)
	}
}
