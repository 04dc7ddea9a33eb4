package stat

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// meansOf are figures that are means over cases, whose draws are known.
func meansOf(lists ...[]float64) (out []func([]int32) float64) {
	for _, list := range lists {
		out = append(out, func(weights []int32) float64 {
			sum, n := 0.0, 0.0
			for i, v := range list {
				w := 1.0
				if weights != nil {
					w = float64(weights[i])
				}
				sum, n = sum+w*v, n+w
			}
			return sum / n
		})
	}
	return out
}

func normals(n int, seed uint64, mean, deviation float64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 5))
	out := make([]float64, n)
	for i := range out {
		out[i] = mean + deviation*rng.NormFloat64()
	}
	return out
}

// TestRedraw: draws hold as many cases as there are, are the same for every figure, and do not
// depend on who computes them.
func TestRedraw(t *testing.T) {
	count := func(weights []int32) float64 {
		sum := 0
		for _, w := range weights {
			sum += int(w)
		}
		return float64(sum)
	}
	first := func(weights []int32) float64 {
		if weights == nil {
			return 1
		}
		return float64(weights[0])
	}
	got := Redraw(30, 500, 7, []func([]int32) float64{count, first, first})
	if got[0].Value != 0 || slices.Min(got[0].Draws) != 30 || slices.Max(got[0].Draws) != 30 {
		t.Errorf("draws of %v to %v cases, want 30", slices.Min(got[0].Draws), slices.Max(got[0].Draws))
	}
	if !slices.Equal(got[1].Draws, got[2].Draws) {
		t.Error("two figures have draws of their own")
	}
	if again := Redraw(30, 500, 7, []func([]int32) float64{first}); !slices.Equal(again[0].Draws, got[1].Draws) {
		t.Error("another run has other draws")
	}
	// a case is drawn Poisson(1) often, nearly
	if mean, std := Mean(got[1].Draws), Std(got[1].Draws); math.Abs(mean-1) > 0.15 || math.Abs(std-1) > 0.15 {
		t.Errorf("a case is drawn %v ± %v times, want 1 ± 1", mean, std)
	}
}

// TestCompareDrawsIsLikeT: of a mean over cases the interval is the paired t-test's.
func TestCompareDrawsIsLikeT(t *testing.T) {
	for seed, n := range []int{20, 50, 200} {
		x, y := normals(n, uint64(seed), 0.3, 1), normals(n, uint64(seed+10), 0, 1)
		all := Redraw(n, 20000, 3, meansOf(x, y))
		c, f := CompareDraws(all[:1], all[1:], false, n, 3)
		wantLow, wantHigh := MeanInterval(less(x, y))
		low, high := f.Interval(0.05)
		wide := wantHigh - wantLow
		if math.Abs(low-wantLow) > 0.05*wide || math.Abs(high-wantHigh) > 0.05*wide {
			t.Errorf("%d cases: got [%v, %v], by Student's t [%v, %v]", n, low, high, wantLow, wantHigh)
		}
		if math.Abs(c.Estimate-Mean(less(x, y))) > 1e-12 || c.Clusters != n || len(c.Seeds) != 0 {
			t.Errorf("%d cases: %+v", n, c)
		}
	}
}

// TestCompareDrawsSeeds: seeds that shift all cases widen the interval where they are of one side or
// paired, and cancel out where both sides share the shift.
func TestCompareDrawsSeeds(t *testing.T) {
	x, y := normals(100, 1, 0, 0.1), normals(100, 2, 0, 0.1)
	shifted := func(list []float64, by float64) []float64 {
		out := slices.Clone(list)
		for i := range out {
			out[i] += by
		}
		return out
	}
	width := func(paired bool, line, other []float64) float64 {
		var figures []func([]int32) float64
		for _, by := range line {
			figures = append(figures, meansOf(shifted(x, by))...)
		}
		for _, by := range other {
			figures = append(figures, meansOf(shifted(y, by))...)
		}
		all := Redraw(100, 2000, 3, figures)
		_, f := CompareDraws(all[:len(line)], all[len(line):], paired, 100, 3)
		low, high := f.Interval(0.05)
		return high - low
	}
	alone, shifts := width(false, []float64{0}, []float64{0}), []float64{-1, 0, 1}
	for name, tt := range map[string]struct {
		got  float64
		wide bool
	}{
		"one side":          {width(false, shifts, []float64{0}), true},
		"paired":            {width(true, shifts, []float64{0, 0, 0}), true},
		"both alike":        {width(true, shifts, shifts), false},
		"seeds that do not": {width(false, []float64{0, 0, 0}, []float64{0}), false},
	} {
		if tt.wide != (tt.got > 10*alone) || !tt.wide && math.Abs(tt.got-alone) > 0.1*alone {
			t.Errorf("%s: %v wide, of one seed %v", name, tt.got, alone)
		}
	}
}

// TestCompareDrawsOfEqual: two models that say the same differ by 0 with certainty, and draws in
// which a figure is not defined are left out.
func TestCompareDrawsOfEqual(t *testing.T) {
	x := normals(30, 1, 0, 1)
	all := Redraw(30, 200, 3, meansOf(x, x))
	_, f := CompareDraws(all[:1], all[1:], false, 30, 3)
	if low, high := f.Interval(0.05); f.P() != 1 || low != 0 || high != 0 {
		t.Errorf("p = %v, [%v, %v], want 1, [0, 0]", f.P(), low, high)
	}
	all[0].Draws[7] = math.NaN()
	if _, f = CompareDraws(all[:1], all[1:], false, 30, 3); f.Draws != 200 {
		t.Errorf("%d draws, want 199 and the estimate", f.Draws)
	}
}
