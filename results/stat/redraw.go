package stat

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Redrawn is the figure of one model, and what it is over other draws of the test cases: draw i is
// of the same cases for every model.
type Redrawn struct {
	Value float64
	Draws []float64
}

// LeastPictures is the least number of test cases of which draws are made: of ten pictures the
// simulation finds up to 7 % of differences at 5 % where there are none.
const LeastPictures = 20

// Redraw computes figures that are no mean over test cases, as average precision or mIoU, over the
// cases as they are and over draws of as many, with replacement. A figure is asked for with how
// often each case counts, by several goroutines at once; nil is once each.
func Redraw(cases, draws int, seed uint64, figures []func(weights []int32) float64) []Redrawn {
	out := make([]Redrawn, len(figures))
	for i, figure := range figures {
		out[i] = Redrawn{figure(nil), make([]float64, draws)}
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			weights := make([]int32, cases)
			for at := next.Add(1) - 1; int(at) < draws; at = next.Add(1) - 1 {
				rng := rand.New(rand.NewPCG(seed, uint64(at)))
				clear(weights)
				for range cases {
					weights[rng.IntN(cases)]++
				}
				for i, figure := range figures {
					out[i].Draws[at] = figure(weights)
				}
			}
		})
	}
	wait.Wait()
	return out
}

// CompareDraws tests whether the difference of two lines, one figure of each for each seed, is
// zero. Paired means what it means for NewContrast, and cases is their number.
//
// How far the draws of the difference lie from their mean is how far the estimate may lie from the
// true difference: as a draw of Student's t, since few cases say little of how much they vary.
// Seeds add to it as they do in SignFlip. P is the share of the draws that lie at least as far out
// as the estimate, the estimate among them, and intervals are read from the same draws.
func CompareDraws(line, other []Redrawn, paired bool, cases int, seed uint64) (Contrast, Flips) {
	x, y := drawsOf(line), drawsOf(other)
	c := Contrast{Estimate: meanValue(line) - meanValue(other), Clusters: cases}
	difference := less(meanDraws(x), meanDraws(y))
	if paired {
		for i := range x {
			x[i] = less(x[i], y[i])
		}
		values := less(valuesOf(line), valuesOf(other))
		c.Seeds = redrawnSource(values, x, cases)
	} else {
		c.Seeds = append(redrawnSource(valuesOf(line), x, cases), redrawnSource(valuesOf(other), y, cases)...)
	}
	return c, c.redrawn(difference, seed)
}

// redrawn reads p and intervals from draws of a difference. Draws in which it is not defined are
// left out.
func (c Contrast) redrawn(difference []float64, seed uint64) Flips {
	difference = slices.DeleteFunc(difference, math.IsNaN)
	mean, wider := Mean(difference), widening(c.Clusters)
	held := Std(difference) * Std(difference) * wider * wider
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	// the estimate itself lies as far out as it does
	f := Flips{Draws: len(difference) + 1, estimate: c.Estimate, low: []float64{math.Inf(-1)}, high: []float64{math.Inf(1)}}
	count := 1
	for _, d := range difference {
		low, high := f.ends((d-mean)*wider*student(c.Clusters-1, rng)+seedNoise(c.Seeds, held, rng), 0)
		if low <= 0 && 0 <= high {
			count++
		}
		f.low, f.high = append(f.low, low), append(f.high, high)
	}
	return f.settle(count)
}

// student makes of a normal draw one of Student's t.
func student(df int, rng *rand.Rand) float64 {
	chi := 0.0
	for range df {
		x := rng.NormFloat64()
		chi += x * x
	}
	return math.Sqrt(float64(df) / chi)
}

// widening is by what the draws of so many cases vary too little: by the cases being a draw
// themselves.
func widening(cases int) float64 { return math.Sqrt(float64(cases) / float64(cases-1)) }

// redrawnSource is the variance that the seeds of one list show (sources): none for one seed.
func redrawnSource(values []float64, draws [][]float64, cases int) []Source {
	n := len(values)
	if n < 2 {
		return nil
	}
	mean, within := meanDraws(draws), 0.0
	for _, one := range draws {
		s := Std(slices.DeleteFunc(less(one, mean), math.IsNaN)) * widening(cases)
		within += s * s / float64(n-1)
	}
	return []Source{{Std(values) * Std(values) / float64(n), within / float64(n), n - 1}}
}

func valuesOf(list []Redrawn) []float64 {
	out := make([]float64, len(list))
	for i, r := range list {
		out[i] = r.Value
	}
	return out
}

func meanValue(list []Redrawn) float64 { return Mean(valuesOf(list)) }

func drawsOf(list []Redrawn) [][]float64 {
	out := make([][]float64, len(list))
	for i, r := range list {
		out[i] = r.Draws
	}
	return out
}

func meanDraws(list [][]float64) []float64 {
	out := make([]float64, len(list[0]))
	for _, one := range list {
		for i, v := range one {
			out[i] += v / float64(len(list))
		}
	}
	return out
}
