package stat

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Flips is the distribution that a cluster sign-flip test compares a difference
// with. P and every interval are read from the same draws, so that p is below
// any level exactly where the interval of that level leaves out 0.
type Flips struct {
	Draws    int
	estimate float64
	low      []float64 // ascending: from where up a draw is as far out as the estimate
	high     []float64 // descending: up to where
	p        float64
}

// SignFlip tests whether a difference is zero by flipping the signs of whole
// clusters, and inverts the test for intervals.
//
// If the true difference is d, cluster i leaves Value[i] - d·Weight[i], whose
// sign is as likely either way. The estimate is far from d when its distance is
// larger than those of most flips. As a function of d, one flip is as far out as
// the estimate on one interval around the estimate, whose ends follow from two
// linear equations; so p falls to both sides of the estimate, and the 1-α
// interval are the d with p >= α. With up to 14 clusters all flips are taken,
// else as many random ones as draws says, from seed, the one without a flip among
// them.
//
// Each source of seeds adds to a flip a draw of Student's t, scaled to what the
// means of seeds vary beyond what clusters explain (Source).
func SignFlip(c Contrast, draws int, seed uint64) Flips {
	f := Flips{estimate: c.Estimate}
	s := newSigned(c.Value, c.Weight)
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	f.Draws = draws
	repeat := 0 // of each flip, where all are taken
	if all := 1 << max(0, len(s.index)-1); len(s.index) <= 14 {
		repeat = 1
		if len(c.Seeds) > 0 {
			repeat = (draws + all - 1) / all
		}
		f.Draws = all * repeat
	}
	f.low, f.high = make([]float64, f.Draws), make([]float64, f.Draws)
	count, held := 0, 0.0
	for _, v := range c.Value {
		held += v * v
	}
	for j := range f.Draws {
		var value, weight float64
		switch {
		case repeat > 0:
			value, weight = s.flip(uint64(j / repeat))
		case j == 0:
			value, weight = s.flip(0)
		default:
			value, weight = s.random(rng)
		}
		if repeat > 0 || j > 0 {
			value += seedNoise(c.Seeds, held, rng)
		}
		f.low[j], f.high[j] = f.ends(value, weight)
		if f.low[j] <= 0 && 0 <= f.high[j] {
			count++
		}
	}
	return f.settle(count)
}

// settle makes the ends of the draws, of which count reach zero, ready to be read.
func (f Flips) settle(count int) Flips {
	f.p = float64(count) / float64(f.Draws)
	slices.Sort(f.low)
	slices.Sort(f.high)
	slices.Reverse(f.high)
	return f
}

// P is the two-sided p of a difference of zero.
func (f Flips) P() float64 { return f.p }

// Interval holds the differences whose p is at least level: of level 0.05 the
// 95 % interval. Its ends are infinite where too few clusters could ever give so
// small a p.
func (f Flips) Interval(level float64) (low, high float64) {
	k := int(math.Ceil(level*float64(f.Draws) - 1e-9)) // draws that must reach as far
	k = min(max(k, 1), f.Draws)
	return f.low[k-1], f.high[k-1]
}

// ends are the least and the largest true difference d with
// |value - d·weight| >= |estimate - d|. Rounding is taken off at zero and where
// a flip changes nothing.
func (f Flips) ends(value, weight float64) (low, high float64) {
	uLow, uHigh := ratio(f.estimate+value, 1+weight)
	vLow, vHigh := ratio(f.estimate-value, 1-weight)
	return math.Min(uLow, vLow), math.Max(uHigh, vHigh)
}

const rounding = 1e-11

// ratio is a/b for a bound from below and from above; where b is 0 the bound
// holds nowhere or everywhere.
func ratio(a, b float64) (low, high float64) {
	if b > rounding {
		if math.Abs(a/b) < rounding {
			return 0, 0
		}
		return a / b, a / b
	}
	low, high = math.Inf(1), math.Inf(-1)
	if a <= rounding {
		low = math.Inf(-1)
	}
	if a >= -rounding {
		high = math.Inf(1)
	}
	return low, high
}

// seedNoise is a draw of what seeds add to the error of a difference. Of the
// variance that their means show counts what is more than the clusters' own
// noise, which flips hold already. Flips have the variance held: less than that
// noise only where seeds of few cases happen to cancel out cluster by cluster.
// With as few seeds as there are the variance is uncertain, so the draw is of
// Student's t. Simulations chose this form (simulate_test.go): a normal draw let
// through up to 7 % at 5 %, and a draw of the variance itself (a generalised
// pivot) 0 to 3 %.
func seedNoise(sources []Source, held float64, rng *rand.Rand) float64 {
	sum := 0.0
	for _, s := range sources {
		v := s.Mean - min(s.Within, held)
		if v <= 0 {
			continue
		}
		z, chi := rng.NormFloat64(), 0.0
		for range s.DF {
			x := rng.NormFloat64()
			chi += x * x
		}
		sum += z * math.Sqrt(v*float64(s.DF)/chi)
	}
	return sum
}

// signed sums values and weights under signs, eight clusters at a time.
type signed struct {
	index         []int // of the clusters that have a weight
	value, weight [][256]float64
}

func newSigned(value, weight []float64) *signed {
	s := &signed{}
	for i := range weight {
		if weight[i] > 0 {
			s.index = append(s.index, i)
		}
	}
	blocks := (len(s.index) + 7) / 8
	s.value, s.weight = make([][256]float64, blocks), make([][256]float64, blocks)
	for b := range blocks {
		for bits := range 256 {
			for k, i := range s.index[8*b : min(8*b+8, len(s.index))] {
				sign := 1 - 2*float64(bits>>k&1)
				s.value[b][bits] += sign * value[i]
				s.weight[b][bits] += sign * weight[i]
			}
		}
	}
	return s
}

// flip sums with the signs that the bits say: 1 is minus.
func (s *signed) flip(bits uint64) (value, weight float64) {
	for b := range s.value {
		value += s.value[b][bits&255]
		weight += s.weight[b][bits&255]
		bits >>= 8
	}
	return value, weight
}

// random is flip with random signs.
func (s *signed) random(rng *rand.Rand) (value, weight float64) {
	var bits uint64
	for b := range s.value {
		if b%8 == 0 {
			bits = rng.Uint64()
		}
		value += s.value[b][bits&255]
		weight += s.weight[b][bits&255]
		bits >>= 8
	}
	return value, weight
}
