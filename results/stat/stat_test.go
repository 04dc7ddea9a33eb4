package stat

import (
	"math"
	"testing"
)

// Figures in this file are of SciPy 1.17.1, NumPy 2.4 and statsmodels 0.15, from
// the Python lines quoted beside them, after
//
//	import numpy as np; from scipy import stats
//	from statsmodels.stats.multitest import multipletests
//	a=[0.512,0.498,0.531,0.507,0.522]
var a = []float64{0.512, 0.498, 0.531, 0.507, 0.522}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.IsNaN(want) && math.IsNaN(got) {
		return
	}
	if !(math.Abs(got-want) <= relative*math.Abs(want)) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestMeanStd(t *testing.T) {
	near(t, "mean", Mean(a), 0.514, 1e-14)             // np.mean(a)
	near(t, "std", Std(a), 0.01286468033026862, 1e-12) // np.std(a, ddof=1)
	near(t, "mean of none", Mean(nil), math.NaN(), 0)
	near(t, "std of one", Std(a[:1]), math.NaN(), 0)
	if got := Std([]float64{0.1, 0.1, 0.1}); got != 0 {
		t.Errorf("std of equal values: got %v, want 0", got)
	}
}

func TestQuantileT(t *testing.T) {
	// stats.t.ppf(0.975, df)
	near(t, "df=1", quantileT(1), 12.706204736174694, 1e-9)
	near(t, "df=2.7", quantileT(2.7), 3.3921483831737507, 1e-9)
	near(t, "df=1000", quantileT(1000), 1.9623390808264083, 1e-9)
}

func TestMcNemar(t *testing.T) {
	// stats.binomtest(x, x+y, 0.5).pvalue, which for (10, 2) is also
	// statsmodels' mcnemar([[50,10],[2,30]], exact=True)
	for _, tt := range []struct {
		x, y int
		want float64
	}{
		{10, 2, 0.03857421875}, {2, 10, 0.03857421875}, {3, 3, 1}, {0, 6, 0.03125}, {45, 80, 0.002226488347320253},
		{1, 0, 1}, {0, 0, 1}, {400, 500, 0.0009564441369189373},
	} {
		near(t, "p", McNemar(tt.x, tt.y), tt.want, 1e-9)
	}
}

func TestHolm(t *testing.T) {
	// multipletests([0.01,0.04,0.03,0.005,0.9], method='holm')[1]
	got, _ := Holm([]float64{0.01, 0.04, math.NaN(), 0.03, 0.005, 0.9}, 0.05)
	for i, want := range []float64{0.04, 0.09, math.NaN(), 0.09, 0.025, 0.9} {
		near(t, "adjusted", got[i], want, 1e-12)
	}
	if got, _ := Holm(nil, 0.05); len(got) != 0 {
		t.Errorf("of none: got %v", got)
	}
}
