package grid

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"react/results"
	"react/results/dense"
	"react/results/stat"
)

// labelled are the pixels of two classes in so many pictures, of which the model gets some right.
func labelled(pictures int, right func(picture int) int) dense.Set {
	var rows []results.Pixels
	for i := range pictures {
		n := right(i)
		rows = append(rows, results.Pixels{Image: fmt.Sprint(i), Class: "sky", Right: n, Predicted: n, All: 10},
			results.Pixels{Image: fmt.Sprint(i), Class: "cow", Right: 10, Predicted: 20 - n, All: 10})
	}
	return dense.NewSegmentation(rows)
}

// picturesStudy is a base without seeds and a line of two over the same pictures.
func picturesStudy(pictures int) (map[string]dense.Set, []results.Row, Options) {
	sets := map[string]dense.Set{
		"base": labelled(pictures, func(i int) int { return 3 + i%4 }),
		"f0":   labelled(pictures, func(i int) int { return 5 + i*i%4 }),
		"f1":   labelled(pictures, func(i int) int { return 5 + (i+1)*(i+1)%4 }),
	}
	var rows []results.Row
	for trial, set := range sets {
		r := results.Row{Trial: trial, Set: "stuff", Metric: "mIoU", Value: set.Figure("mIoU")(nil), N: pictures, Params: map[string]any{"tune.mode": "full"}}
		if trial == "base" {
			r.Label, r.Params = "base", map[string]any{"tune.mode": "none"}
		} else {
			r.Seed = results.Seed(int(trial[1] - '0'))
		}
		rows = append(rows, r)
	}
	return sets, rows, Options{Pictures: func(trial, set string) (dense.Set, error) {
		if set != "stuff" {
			return nil, nil
		}
		return sets[trial], nil
	}}
}

// TestRedrawsPictures: a figure of the whole set is tested over draws of its pictures where they are
// stored, p and interval from the same draws.
func TestRedrawsPictures(t *testing.T) {
	sets, rows, opts := picturesStudy(40)
	d := tested(t, against("stuff/mIoU"), rows, opts)
	if d.Method != redrawn || d.Flips == nil || d.Flips.Clusters != 40 || d.Flips.Cases != 40 || d.Flips.Draws != pictureDraws+1 || len(d.Flips.Seeds) != 1 {
		t.Fatalf("got %+v with %+v", d, d.Flips)
	}
	drawn := stat.Redraw(40, pictureDraws, flipSeed, []func([]int32) float64{sets["f0"].Figure("mIoU"), sets["f1"].Figure("mIoU"), sets["base"].Figure("mIoU")})
	_, f := stat.CompareDraws(drawn[:2], drawn[2:], false, 40, flipSeed)
	low, high := f.Interval(0.05)
	if d.P != f.P() || d.Low != low || d.High != high || low <= 0 || d.P >= 0.05 {
		t.Errorf("got p %v, [%v, %v], want %v, [%v, %v]", d.P, d.Low, d.High, f.P(), low, high)
	}
	if text := said(mustBuild(t, against("stuff/mIoU"), rows, opts)); !strings.Contains(text, methodText[redrawn]) {
		t.Errorf("the table does not say how it was tested:\n%s", text)
	}
}

// TestRedrawsNothing: where there is no test of pictures the table says why.
func TestRedrawsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		pictures int
		change   func(sets map[string]dense.Set, opts *Options)
		want     string
	}{
		"few pictures":          {19, func(map[string]dense.Set, *Options) {}, whyPictures},
		"not stored":            {40, func(s map[string]dense.Set, _ *Options) { delete(s, "f1") }, whyWhole},
		"none are known":        {40, func(_ map[string]dense.Set, o *Options) { o.Pictures = nil }, whyWhole},
		"other pictures":        {40, func(s map[string]dense.Set, _ *Options) { s["base"] = labelled(41, func(int) int { return 4 }) }, whySubset},
		"a seed on others":      {40, func(s map[string]dense.Set, _ *Options) { s["f0"] = labelled(41, func(int) int { return 4 }) }, whySubset},
		"they give another":     {40, func(s map[string]dense.Set, _ *Options) { s["f0"] = labelled(40, func(int) int { return 4 }) }, whyOther},
		"a figure of no maps":   {40, func(s map[string]dense.Set, _ *Options) { s["base"] = dense.NewDetection(nil) }, whyWhole},
		"the test is McNemar's": {40, nil, whyWhole},
	} {
		sets, rows, opts := picturesStudy(c.pictures)
		spec := against("stuff/mIoU")
		if c.change == nil {
			spec.Test = "mcnemar"
		} else {
			c.change(sets, &opts)
		}
		if d := tested(t, spec, rows, opts); d.NoTest != c.want || d.Method != "" || !math.IsNaN(d.P) {
			t.Errorf("%s: got %q, %q, p %v, want %q", name, d.Method, d.NoTest, d.P, c.want)
		}
	}
	_, rows, opts := picturesStudy(40)
	opts.Pictures = func(string, string) (dense.Set, error) { return nil, errors.New("damaged") }
	if _, err := Build(against("stuff/mIoU"), rows, opts); err == nil || !strings.Contains(err.Error(), "on stuff: damaged") {
		t.Errorf("got %v", err)
	}
}
