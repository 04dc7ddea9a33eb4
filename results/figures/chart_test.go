package figures

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"react/results/render"
)

func TestCharts(t *testing.T) {
	name := "a <b> & \"c\""
	x := []float64{0, 10, 20}
	for kind, drawing := range map[string]render.Drawing{
		"chart":     Chart{name, name, name, []Curve{{name, x, []float64{1, math.NaN(), 3}}, {"level", x, []float64{2, 2, 2}}}}.Drawing(),
		"no curve":  Chart{Title: name}.Drawing(),
		"histogram": Histogram{name, name, []Sample{{name, []float64{0.1, 0.2, 0.2}}, {"none", nil}}}.Chart().Drawing(),
		"moves":     Moves{name, name, []Move{{name, 0.2, 0.7}, {"down", 0.5, 0.1}, {"stays", 1, 1}}}.Drawing(),
	} {
		svg := drawing.SVG()
		wellFormed(t, svg)
		if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) || bytes.Contains(svg, []byte("<b>")) {
			t.Errorf("%s:\n%s", kind, svg)
		}
	}
}

// TestEnclose holds that what is drawn lies within round ends that are no
// farther off than a step.
func TestEnclose(t *testing.T) {
	for _, v := range [][]float64{{0.1, 0.9}, {-3, 250}, {1e-7, 2e-7}, {5, 5}, {0, 0}, {99, 101}} {
		a := enclose(v, 5)
		for _, x := range v {
			if x < a.low-1e-9*a.step || x > a.high+1e-9*a.step {
				t.Errorf("%v is not in [%v, %v]", x, a.low, a.high)
			}
		}
		if n := len(a.ticks(1)); n < 2 || n > 12 {
			t.Errorf("%v: %d ticks", v, n)
		}
	}
}

func TestHistogramSharesAddUp(t *testing.T) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = math.Sin(float64(i))
	}
	c := outline(Sample{"x", values}, -1, 1)
	sum := 0.0
	for i := 1; i+1 < len(c.X); i += 2 {
		sum += c.Y[i]
	}
	if math.Abs(sum-100) > 1e-9 {
		t.Errorf("shares add up to %v %%", sum)
	}
	if want := fmt.Sprintf("x (%d)", len(values)); c.Name != want {
		t.Errorf("got %q, want %q", c.Name, want)
	}
}

func TestSmoothKeepsTheMean(t *testing.T) {
	x, y := make([]float64, 1000), make([]float64, 1000)
	for i := range x {
		x[i], y[i] = float64(i), float64(i%7)
	}
	sx, sy := Smooth(x, y, 50)
	if len(sx) != 50 || len(sy) != 50 {
		t.Fatalf("got %d and %d points, want 50", len(sx), len(sy))
	}
	sum := func(v []float64) (s float64) {
		for _, one := range v {
			s += one
		}
		return s
	}
	if got, want := sum(sy)/50, sum(y)/1000; math.Abs(got-want) > 1e-9 {
		t.Errorf("mean %v, was %v", got, want)
	}
}
