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
//	a=[0.512,0.498,0.531,0.507,0.522]; b=[0.481,0.490,0.495,0.499,0.478]; c=[0.47,0.51,0.44]
var (
	a = []float64{0.512, 0.498, 0.531, 0.507, 0.522}
	b = []float64{0.481, 0.490, 0.495, 0.499, 0.478}
	c = []float64{0.47, 0.51, 0.44}
)

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

func TestT(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name string
		got  Test
		want Test
	}{
		// r=stats.ttest_rel(a,b); r.confidence_interval(); np.std(np.array(a)-np.array(b),ddof=1)
		{"paired", Paired(a, b), Test{0.0254, 0.01654690303349846, 5, 3.4324324324324325, 4, 0.02647655693350623, 0.004854306221536334, 0.04594569377846371}},
		// r=stats.ttest_1samp(a,0.46); the interval is of the mean, so less 0.46
		{"one sample", OneSample(a, 0.46), Test{0.054, 0.01286468033026862, 5, 9.385982992588467, 4, 0.0007178962515218475, 0.0380263895855054, 0.0699736104144946}},
		// r=stats.ttest_ind(a,c,equal_var=False); r.df; r.confidence_interval()
		{"welch", Welch(a, c), Test{0.514 - 1.42/3, nan, 3, 1.9294959318794507, 2.3274750635025483, 0.175223702121365, -0.03882370013341439, 0.12015703346674776}},
		{"two values", Paired([]float64{1, 2}, []float64{0, 0}), Test{1.5, math.Sqrt2 / 2, 2, 3, 1, 0.20483276469913342, -4.853102368087347, 7.853102368087347}}, // stats.ttest_1samp([1,2],0)
		{"one value", OneSample(a[:1], 0.5), Test{0.012, nan, 1, nan, 0, nan, nan, nan}},
		{"no variation", Paired([]float64{0.3, 0.4}, []float64{0.2, 0.3}), Test{0.1, nan, 2, nan, 1, nan, nan, nan}},
		{"welch of one", Welch(a, c[:1]), Test{0.514 - 0.47, nan, 1, nan, nan, nan, nan, nan}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			near(t, "difference", tt.got.Difference, tt.want.Difference, 1e-9)
			if tt.name != "no variation" { // a rounding may be left
				near(t, "std", tt.got.Std, tt.want.Std, 1e-9)
			}
			near(t, "t", tt.got.T, tt.want.T, 1e-9)
			near(t, "df", tt.got.DF, tt.want.DF, 1e-9)
			near(t, "p", tt.got.P, tt.want.P, 1e-9)
			near(t, "low", tt.got.Low, tt.want.Low, 1e-9)
			near(t, "high", tt.got.High, tt.want.High, 1e-9)
			if tt.got.N != tt.want.N {
				t.Errorf("n: got %d, want %d", tt.got.N, tt.want.N)
			}
		})
	}
}

func TestTwoSidedT(t *testing.T) {
	// 2*stats.t.sf(t, df)
	near(t, "t=2 df=4", TwoSidedT(2, 4), 0.11611652351681556, 1e-12)
	near(t, "t=40 df=2", TwoSidedT(40, 2), 0.0006244146721847406, 1e-10)
	near(t, "t=60 df=29", TwoSidedT(60, 29), 5.70804335940211e-32, 1e-9)
	near(t, "t=0.001 df=1", TwoSidedT(1e-3, 1), 0.9993633804398159, 1e-12)
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
	got := Holm([]float64{0.01, 0.04, math.NaN(), 0.03, 0.005, 0.9})
	for i, want := range []float64{0.04, 0.09, math.NaN(), 0.09, 0.025, 0.9} {
		near(t, "adjusted", got[i], want, 1e-12)
	}
	if got := Holm(nil); len(got) != 0 {
		t.Errorf("of none: got %v", got)
	}
}

func TestBootstrap(t *testing.T) {
	sums := []float64{3, -1, 4, 0, 2, 1, -2, 5, 1, 0, 3, 2}
	sizes := []int{10, 8, 12, 10, 9, 11, 10, 14, 10, 10, 10, 6}
	clusters := make([]Cluster, len(sums))
	for i := range sums {
		clusters[i] = Cluster{sums[i], sizes[i]}
	}
	got := Bootstrap(clusters, 200_000, 1)
	// s=np.array(sums); n=np.array(sizes)
	// stats.bootstrap((s,n), lambda s,n,axis=-1: s.sum(axis)/n.sum(axis), paired=True, vectorized=True,
	//     method='percentile', n_resamples=200000, random_state=0).confidence_interval
	near(t, "estimate", got.Estimate, 0.15, 1e-12)
	near(t, "low", got.Low, 0.040983606557377046, 0.02) // other random numbers: two digits agree
	near(t, "high", got.High, 0.25, 0.01)
	if again := Bootstrap(clusters, 200_000, 1); again != got {
		t.Errorf("not the same again: %v, %v", got, again)
	}
	for name, few := range map[string][]Cluster{"one": clusters[:1], "none": nil, "empty": {{0, 0}, {0, 0}}} {
		if got := Bootstrap(few, 100, 1); !math.IsNaN(got.Low) || !math.IsNaN(got.High) {
			t.Errorf("%s: got an interval %v", name, got)
		}
	}
	if got := Bootstrap([]Cluster{{1, 2}, {0, 0}}, 100, 1); got.Low != 0.5 || got.High != 0.5 {
		t.Errorf("with an empty cluster: got %v", got)
	}
}

func TestQuantile(t *testing.T) {
	x := []float64{1, 2, 4, 8, 16}
	near(t, "low", quantile(x, 0.025), 1.1, 1e-12)   // np.quantile(x, .025)
	near(t, "high", quantile(x, 0.975), 15.2, 1e-12) // np.quantile(x, .975)
}

func BenchmarkBootstrap(b *testing.B) {
	clusters := make([]Cluster, 300)
	for i := range clusters {
		clusters[i] = Cluster{float64(i % 3), 2}
	}
	for b.Loop() {
		Bootstrap(clusters, 10_000, 1)
	}
}
