package detection

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"react/data/fixture"
	"react/data/npy"
)

func floats(t *testing.T, file string) []float32 {
	t.Helper()
	_, values, err := npy.Read(fixture.Path(t, "dense/"+file))
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func boxes(t *testing.T, file string) []Corners {
	t.Helper()
	var out []Corners
	for box := range slices.Chunk(floats(t, file), 4) {
		out = append(out, Corners(box))
	}
	return out
}

// TestNMSEqualsTorchvision compares kept boxes, equal scores among them, with torchvision's nms and
// batched_nms.
func TestNMSEqualsTorchvision(t *testing.T) {
	var want struct {
		NMS     map[string][]int
		Batched map[string][]int `json:"batched_nms"`
	}
	fixture.JSON(t, "dense/nms/expected.json", &want)
	all, scores := boxes(t, "nms/boxes.npy"), floats(t, "nms/scores.npy")
	_, classes, err := npy.ReadInts(fixture.Path(t, "dense/nms/classes.npy"))
	if err != nil {
		t.Fatal(err)
	}
	if len(want.NMS) < 3 || len(want.Batched) < 3 {
		t.Fatal("cases are missing")
	}
	for text, kept := range want.NMS {
		if got := NMS(all, scores, threshold(t, text)); !slices.Equal(got, kept) {
			t.Errorf("over %s: got %v, want %v", text, got, kept)
		}
	}
	for text, kept := range want.Batched {
		if got := NMSByClass(all, scores, classes, threshold(t, text)); !slices.Equal(got, kept) {
			t.Errorf("by class, over %s: got %v, want %v", text, got, kept)
		}
	}
}

func threshold(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSoftNMSEqualsReference(t *testing.T) {
	var want struct {
		Soft []struct {
			Method string
			Sigma  float64
			Linear float64 `json:"linear_threshold"`
			Prune  float64
			Keep   []int
			Scores []float64
		} `json:"soft_nms"`
	}
	fixture.JSON(t, "dense/nms/expected.json", &want)
	all, scores := boxes(t, "nms/boxes.npy"), floats(t, "nms/distinct_scores.npy")
	for _, c := range want.Soft {
		soft := Soft{Sigma: c.Sigma, Linear: c.Linear, Prune: c.Prune}
		if c.Method == "linear" {
			soft.Sigma = 0
		}
		kept, lowered := soft.NMS(all, scores)
		if !slices.Equal(kept, c.Keep) {
			t.Errorf("%s: got %v, want %v", c.Method, kept, c.Keep)
			continue
		}
		for i, s := range lowered {
			if math.Abs(float64(s)-c.Scores[i]) > 1e-5 {
				t.Errorf("%s, place %d: got %v, want %v", c.Method, i, s, c.Scores[i])
			}
		}
	}
	if len(want.Soft) == 0 {
		t.Error("no cases")
	}
}

func TestNMSByHand(t *testing.T) {
	three := []Corners{{0, 0, 10, 10}, {0, 0, 10, 8}, {0, 0, 10, 5}} // overlaps .8, .5, .625
	for _, tt := range []struct {
		name string
		got  []int
		want []int
	}{
		{"what beats a box is gone itself", NMS(three, []float32{.9, .8, .7}, .6), []int{0, 2}},
		{"an overlap at the threshold stays", NMS(three[:2], []float32{.9, .8}, float64(float32(.8))), []int{0, 1}},
		{"equal scores in the order of the boxes", NMS(three, []float32{.5, .5, .5}, .1), []int{0}},
		{"boxes without area", NMS([]Corners{{5, 5, 5, 5}, {5, 5, 5, 5}}, []float32{1, 1}, 0), []int{0, 1}},
		{"none", NMS(nil, nil, .5), []int{}},
		{"classes apart", NMSByClass(three, []float32{.7, .8, .9}, []int{3, 1, 3}, .1), []int{2, 1}},
		{"equal scores of several classes", NMSByClass(three, []float32{1, 1, 1}, []int{2, 1, 0}, .1), []int{0, 1, 2}},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

// TestSoftNMSByClass: a box lowers those of its own class alone, and kept ones are sorted by what
// is left of their scores.
func TestSoftNMSByClass(t *testing.T) {
	same := []Corners{{0, 0, 10, 10}, {0, 0, 10, 10}, {0, 0, 10, 10}}
	kept, lowered := Soft{Sigma: .5, Prune: .001}.NMSByClass(same, []float32{.9, .8, .7}, []int{0, 0, 1})
	want := []float32{.9, .7, .8 * float32(math.Exp(-2))}
	if !slices.Equal(kept, []int{0, 2, 1}) {
		t.Fatalf("kept %v", kept)
	}
	for i, v := range want {
		if math.Abs(float64(lowered[i]-v)) > 1e-6 {
			t.Errorf("place %d: got %v, want %v", i, lowered[i], v)
		}
	}
}
