// Package stat holds the few statistics that a result table quotes: mean and
// sample standard deviation, the cluster sign-flip test of a difference with the
// intervals that follow from it, the same over draws of the test cases for figures
// that are no means, the exact McNemar test, and Holm's correction.
//
// It knows nothing of trials, seeds or tables: values come in, numbers go out.
// It makes no choice of test either; that is package grid's work, beside the
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

// Holm returns p adjusted by Holm's step-down method, and for each test the
// level of its own step, in the order given: with m tests, the i-th smallest p
// is compared with alpha/(m-i+1); from the first that is not below, that level
// holds for all that follow. So an adjusted p is below alpha exactly where p is
// below its level, and an interval of that level goes with it. NaN stays NaN and
// does not count as a test.
func Holm(p []float64, alpha float64) (adjusted, levels []float64) {
	adjusted, levels = make([]float64, len(p)), make([]float64, len(p))
	var order []int
	for i, v := range p {
		adjusted[i], levels[i] = math.NaN(), math.NaN()
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	sort.SliceStable(order, func(a, b int) bool { return p[order[a]] < p[order[b]] })
	floor, level := 0.0, 0.0
	for rank, i := range order {
		left := float64(len(order) - rank)
		if floor < alpha {
			level = alpha / left
		}
		v := math.Min(1, left*p[i])
		if math.Abs(v-alpha) < 1e-12 {
			v = alpha // a product that rounding puts below it
		}
		floor = math.Max(floor, v)
		adjusted[i], levels[i] = floor, level
	}
	return adjusted, levels
}

func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}
