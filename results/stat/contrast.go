package stat

import (
	"errors"
	"math"
)

// Cluster is what was measured on one cluster of test cases (a class, an image
// with its captions): a sum, and what it is divided by.
type Cluster struct {
	Sum, Size float64
}

// Measure is what one model gave on all clusters, by stratum: [stratum][cluster].
// Its value is the mean over strata, each counted once, of the sum over the size
// of all its clusters. A cluster that stands in several strata has one index in
// all of them; where it is not in a stratum its size is 0 there.
type Measure [][]Cluster

// Value is the figure that the measure gives.
func (m Measure) Value() float64 {
	mean := 0.0
	for _, stratum := range m {
		sum, size := 0.0, 0.0
		for _, c := range stratum {
			sum, size = sum+c.Sum, size+c.Size
		}
		mean += sum / size / float64(len(m))
	}
	return mean
}

// LeastClusters is the least number of clusters that a test is made over: of
// fewer, all 2^5 = 32 ways to flip signs leave no p under 0.05.
const LeastClusters = 6

// Contrast is the difference of two lines, taken apart by cluster and by seed.
type Contrast struct {
	Estimate float64
	Clusters int // that hold any case
	// Value is each cluster's part of the difference, seeds averaged, and Weight
	// its part of a difference that is the same everywhere; weights sum to 1.
	Value, Weight []float64
	Seeds         []Source
}

// Source is a set of seeds that vary one side, or both together.
type Source struct {
	Mean   float64 // variance of the mean over seeds, as the seeds' own figures show it
	Within float64 // the part of it that cluster by cluster noise explains
	DF     int     // seeds less one
}

// ErrFewClusters is the answer where a stratum has one cluster alone.
var ErrFewClusters = errors.New("stat: a stratum with one cluster")

var (
	errNoMeasure = errors.New("stat: a side without a measure")
	errUnequal   = errors.New("stat: measures over different clusters")
)

// NewContrast compares the measures of two lines, one for each seed. Paired
// means that the two lists are of the same seeds in the same order, so that
// their differences are the one source of variance besides the clusters; else
// each side with several seeds is a source of its own, and a side of one model
// is taken as fixed.
func NewContrast(line, other []Measure, paired bool) (Contrast, error) {
	if len(line) == 0 || len(other) == 0 {
		return Contrast{}, errNoMeasure
	}
	x, y := make([][]float64, len(line)), make([][]float64, len(other))
	for i, m := range line {
		x[i] = m.parts()
	}
	for i, m := range other {
		y[i] = m.parts()
	}
	if !sameSizes(line[0], line) || !sameSizes(line[0], other) {
		return Contrast{}, errUnequal
	}
	c := Contrast{}
	if paired {
		for i := range x {
			x[i] = less(x[i], y[i])
		}
		c.Seeds = sources(x)
		return c, c.fill(line, other)
	}
	c.Seeds = append(sources(x), sources(y)...)
	return c, c.fill(line, other)
}

// parts is each cluster's part of the measure's value; they sum to it.
func (m Measure) parts() []float64 {
	out := make([]float64, len(m[0]))
	for _, stratum := range m {
		size := 0.0
		for _, c := range stratum {
			size += c.Size
		}
		for i, c := range stratum {
			out[i] += c.Sum / size / float64(len(m))
		}
	}
	return out
}

func less(x, y []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] - y[i]
	}
	return out
}

func sameSizes(want Measure, list []Measure) bool {
	for _, m := range list {
		if len(m) != len(want) {
			return false
		}
		for h := range m {
			if len(m[h]) != len(want[h]) {
				return false
			}
			for i := range m[h] {
				if m[h][i].Size != want[h][i].Size {
					return false
				}
			}
		}
	}
	return true
}

// sources is the variance that the seeds of one list show: none for one seed.
func sources(bySeed [][]float64) []Source {
	n := len(bySeed)
	if n < 2 {
		return nil
	}
	whole, column, within := make([]float64, n), make([]float64, n), 0.0
	for i := range bySeed[0] {
		for s := range bySeed {
			column[s] = bySeed[s][i]
			whole[s] += bySeed[s][i]
		}
		within += Std(column) * Std(column)
	}
	return []Source{{Std(whole) * Std(whole) / float64(n), within / float64(n), n - 1}}
}

// fill sets estimate, values and weights from means over seeds.
func (c *Contrast) fill(line, other []Measure) error {
	d := lessMeasure(meanOf(line), meanOf(other))
	c.Estimate = d.Value()
	c.Value, c.Weight = make([]float64, len(d[0])), make([]float64, len(d[0]))
	some := make([]bool, len(d[0]))
	for _, stratum := range d {
		size, sum, count := 0.0, 0.0, 0
		for i, cluster := range stratum {
			size, sum = size+cluster.Size, sum+cluster.Sum
			if cluster.Size > 0 {
				some[i] = true
				count++
			}
		}
		if count < 2 {
			return ErrFewClusters
		}
		for i, cluster := range stratum {
			share := cluster.Size / size
			value := cluster.Sum / size // share times the cluster's own difference
			// strata stay as they are: only what lies around their means is flipped
			if len(d) > 1 {
				value = (value-share*sum/size)/math.Sqrt(1-share) + share*c.Estimate
			}
			c.Value[i] += value / float64(len(d))
			c.Weight[i] += share / float64(len(d))
		}
	}
	for _, is := range some {
		if is {
			c.Clusters++
		}
	}
	return nil
}

// meanOf is the mean of the measures' sums; their sizes are the same.
func meanOf(list []Measure) Measure {
	out := make(Measure, len(list[0]))
	for h := range out {
		out[h] = make([]Cluster, len(list[0][h]))
		for i := range out[h] {
			for _, m := range list {
				out[h][i].Sum += m[h][i].Sum / float64(len(list))
			}
			out[h][i].Size = list[0][h][i].Size
		}
	}
	return out
}

// lessMeasure is a measure of the differences of two.
func lessMeasure(x, y Measure) Measure {
	for h := range x {
		for i := range x[h] {
			x[h][i].Sum -= y[h][i].Sum
		}
	}
	return x
}
