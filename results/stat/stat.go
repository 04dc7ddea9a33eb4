// Package stat holds the few statistics that a result table quotes: mean and
// sample standard deviation, t tests (one-sample, paired, Welch), the exact
// McNemar test, a bootstrap clustered by class, and Holm's correction.
//
// It knows nothing of trials, seeds or tables: values come in, numbers go out.
// It makes no choice of test either; that is package results' work, beside the
// words in which the choice is told to the reader.
//
// Every function sums in the order of its input, so the same input gives the
// same bits. All p values are two-sided. NaN stands for "cannot be computed
// from this input", never for a large or a small number.
package stat

import (
	"math"
	"sort"
	"sync"

	"gonum.org/v1/gonum/mathext"
)

// Mean is the arithmetic mean of x, NaN when x is empty.
func Mean(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// Std is the sample standard deviation of x, with n-1 below the line. It is
// NaN for fewer than two values, and exactly 0 when all values are equal.
func Std(x []float64) float64 {
	if len(x) < 2 {
		return math.NaN()
	}
	if constant(x) {
		return 0 // the mean of equal values may be off by a rounding
	}
	mean, sum := Mean(x), 0.0
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)-1))
}

// MeanInterval is the 95 % confidence interval of the mean of x after Student's
// t, NaN for fewer than two values. Values that do not vary have no width.
func MeanInterval(x []float64) (low, high float64) {
	if len(x) < 2 {
		return math.NaN(), math.NaN()
	}
	half := quantileT(float64(len(x)-1)) * Std(x) / math.Sqrt(float64(len(x)))
	return Mean(x) - half, Mean(x) + half
}

// Test is the outcome of a t test on a difference of means.
type Test struct {
	Difference float64 // estimate, in the unit of the values
	Std        float64 // sample standard deviation of what was averaged; NaN for Welch
	N          int     // values averaged (pairs when paired); for Welch the smaller group
	T, DF      float64 // statistic and degrees of freedom
	P          float64 // two-sided; NaN when the values do not vary or are fewer than two
	Low, High  float64 // 95 % confidence interval of the difference, NaN like P
}

// OneSample tests whether the mean of x differs from a fixed value.
func OneSample(x []float64, value float64) Test {
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = v - value
	}
	return ofDifferences(d)
}

// Paired tests whether the mean of a[i]-b[i] differs from zero. It panics when
// the lengths differ.
func Paired(a, b []float64) Test {
	if len(a) != len(b) {
		panic("stat: paired samples of different length")
	}
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return ofDifferences(d)
}

func ofDifferences(d []float64) Test {
	t := Test{Difference: Mean(d), Std: Std(d), N: len(d), DF: float64(len(d) - 1)}
	t.finish(t.Std / math.Sqrt(float64(len(d))))
	return t
}

// Welch tests whether the means of two independent samples differ, without
// taking their variances as equal.
func Welch(a, b []float64) Test {
	t := Test{Difference: Mean(a) - Mean(b), Std: math.NaN(), N: min(len(a), len(b)), DF: math.NaN()}
	if t.N < 2 {
		t.finish(math.NaN())
		return t
	}
	va := Std(a) * Std(a) / float64(len(a))
	vb := Std(b) * Std(b) / float64(len(b))
	t.DF = (va + vb) * (va + vb) / (va*va/float64(len(a)-1) + vb*vb/float64(len(b)-1))
	t.finish(math.Sqrt(va + vb))
	return t
}

// finish fills T, P and the interval from the standard error of the difference.
// A standard error of rounding size is none: values that do not vary carry no
// test, however far from zero they are.
func (t *Test) finish(se float64) {
	t.T, t.P, t.Low, t.High = math.NaN(), math.NaN(), math.NaN(), math.NaN()
	if !(se > 1e-12*math.Max(math.Abs(t.Difference), 1e-3)) || !(t.DF > 0) {
		return
	}
	t.T = t.Difference / se
	t.P = TwoSidedT(t.T, t.DF)
	half := quantileT(t.DF) * se
	t.Low, t.High = t.Difference-half, t.Difference+half
}

// TwoSidedT is the probability of |T| >= |t| under Student's t with df degrees
// of freedom, exact in the far tails too.
func TwoSidedT(t, df float64) float64 {
	return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}

// usualQuantiles are those of 1 to 63 degrees of freedom, as many as seeds have:
// a large table asks for each of them thousands of times.
var usualQuantiles = sync.OnceValue(func() (q [64]float64) {
	for df := 1; df < len(q); df++ {
		q[df] = computeQuantileT(float64(df))
	}
	return q
})

// quantileT is the 97.5 % quantile of Student's t with df degrees of freedom.
func quantileT(df float64) float64 {
	if df >= 1 && df < 64 && df == math.Trunc(df) {
		return usualQuantiles()[int(df)]
	}
	return computeQuantileT(df)
}

func computeQuantileT(df float64) float64 {
	x := mathext.InvRegIncBeta(df/2, 0.5, 0.05)
	return math.Sqrt(df * (1 - x) / x)
}

// McNemar is the exact two-sided test on paired yes/no outcomes: onlyA counts
// the pairs where only the first is right, onlyB those where only the second
// is. Under the null each discordant pair falls either way with probability
// one half. With no discordant pair p is 1.
func McNemar(onlyA, onlyB int) float64 {
	n, k := float64(onlyA+onlyB), float64(min(onlyA, onlyB))
	if onlyA == onlyB {
		return 1
	}
	// P(X <= k) for X ~ Binomial(n, 1/2), as a regularised incomplete beta.
	return math.Min(1, 2*mathext.RegIncBeta(n-k, k+1, 0.5))
}

// Holm returns p adjusted by Holm's step-down method, in the order given. NaN
// stays NaN and does not count as a test.
func Holm(p []float64) []float64 {
	adjusted := make([]float64, len(p))
	var order []int
	for i, v := range p {
		adjusted[i] = math.NaN()
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return p[order[a]] < p[order[b]] })
	floor := 0.0
	for rank, i := range order {
		floor = math.Max(floor, math.Min(1, float64(len(order)-rank)*p[i]))
		adjusted[i] = floor
	}
	return adjusted
}

func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}
