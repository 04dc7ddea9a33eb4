package segmentation

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"react/data/fixture"
	"react/data/npy"
	"react/results"
	"react/results/dense"
)

// TestEqualsMMSegmentation compares areas of each picture and figures with mmsegmentation's
// IoUMetric: 255 is left out of both, a class that is nowhere has no figure and does not count, one
// that is only predicted has an IoU of 0.
func TestEqualsMMSegmentation(t *testing.T) {
	var want struct {
		Classes, Ignore int
		Images          []struct{ Intersect, Union, Pred, Label []int }
		IoU, Acc        []*float64
		AAcc            float64 `json:"aAcc"`
		MIoU            float64 `json:"mIoU"`
		MAcc            float64 `json:"mAcc"`
	}
	fixture.JSON(t, "dense/miou/expected.json", &want)
	names := make([]string, want.Classes)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	counter := NewCounter(names, want.Ignore)
	var rows []results.Pixels
	for i, areas := range want.Images {
		predicted, truth := labels(t, fmt.Sprintf("pred_%d", i)), labels(t, fmt.Sprintf("label_%d", i))
		got, err := Count(counter, fmt.Sprint(i), predicted, truth)
		if err != nil {
			t.Fatal(err)
		}
		for class, name := range names {
			var row results.Pixels
			if at := slices.IndexFunc(got, func(r results.Pixels) bool { return r.Class == name }); at >= 0 {
				row = got[at]
			}
			if row.Right != areas.Intersect[class] || row.Predicted != areas.Pred[class] || row.All != areas.Label[class] {
				t.Errorf("picture %d, class %d: got %+v, want %d, %d, %d", i, class, row, areas.Intersect[class], areas.Pred[class], areas.Label[class])
			}
		}
		rows = append(rows, got...)
	}
	s := dense.NewSegmentation(rows)
	for name, value := range map[string]float64{"mIoU": want.MIoU, "mAcc": want.MAcc, "aAcc": want.AAcc} {
		if got := s.Value(name, nil); !(math.Abs(got-value) <= 1e-12) {
			t.Errorf("%s: got %v, want %v", name, got, value)
		}
	}
	byClass := s.ByClass()
	for class, name := range names {
		got, there := byClass[name]
		if !there {
			got = dense.OfClass{IoU: math.NaN(), Acc: math.NaN()}
		}
		if !same(got.IoU, want.IoU[class]) || !same(got.Acc, want.Acc[class]) {
			t.Errorf("class %d: got %+v", class, got)
		}
	}
}

// same compares with a figure that is null where it is not defined.
func same(got float64, want *float64) bool {
	if want == nil {
		return math.IsNaN(got)
	}
	return math.Abs(got-*want) <= 1e-12
}

func labels(t *testing.T, name string) []uint8 {
	t.Helper()
	_, values, err := npy.ReadInts(fixture.Path(t, "dense/miou/"+name+".npy"))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]uint8, len(values))
	for i, v := range values {
		out[i] = uint8(v)
	}
	return out
}

func TestCount(t *testing.T) {
	c := NewCounter([]string{"sky", "grass", "cow"}, 255)
	for _, tt := range []struct {
		name             string
		predicted, truth []uint16
		want             string // rows, or what the error holds
	}{
		{"ignored pixels are in no count", []uint16{0, 2, 1, 1}, []uint16{0, 255, 1, 0}, "[{p sky 1 1 2} {p grass 1 2 1}]"},
		{"what is said of an ignored pixel may be anything", []uint16{9, 0}, []uint16{255, 0}, "[{p sky 1 1 1}]"},
		{"all ignored", []uint16{1}, []uint16{255}, "[{p  0 0 0}]"},
		{"no pixel", nil, nil, "[{p  0 0 0}]"},
		{"true label of no class", []uint16{1, 1}, []uint16{1, 7}, "picture p: true label 7, want 0 to 2 or 255 (ignored)"},
		{"said label of no class", []uint16{1, 300}, []uint16{1, 1}, "picture p: predicted label 300, want 0 to 2 or 255"},
		{"said to be ignored", []uint16{1, 255}, []uint16{1, 1}, "picture p: predicted label 255, want"},
		{"another size", []uint16{1}, []uint16{1, 1}, "picture p: 1 predicted labels for 2 true ones"},
		{"nothing is left of the errors", []uint16{1}, []uint16{1}, "[{p grass 1 1 1}]"},
	} {
		rows, err := Count(c, "p", tt.predicted, tt.truth)
		got := fmt.Sprint(rows)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestNothingDefined: figures of no pixels are no numbers.
func TestNothingDefined(t *testing.T) {
	s := dense.NewSegmentation([]results.Pixels{{Image: "p"}})
	for _, name := range []string{"mIoU", "mAcc", "aAcc", "other"} {
		if got := s.Value(name, nil); !math.IsNaN(got) {
			raw, _ := json.Marshal(got)
			t.Errorf("%s: got %s, want NaN", name, raw)
		}
	}
}
