package stat

import (
	"math"
	"math/rand/v2"
	"sort"
)

// Cluster is the sum of what was measured on one cluster of images (a class)
// and the number of images in it.
type Cluster struct {
	Sum float64
	N   int
}

// Interval is a percentile interval of a bootstrap distribution.
type Interval struct {
	Estimate  float64 // the mean over all images, not the bootstrap's
	Low, High float64 // 2.5 % and 97.5 % points; NaN with fewer than two clusters
	Clusters  int
	Resamples int
}

// Bootstrap resamples whole clusters with replacement and returns the mean per
// image with its 95 % percentile interval. The order of the clusters and the
// seed fix the result to the bit.
//
// Whole clusters are drawn because images of one class are right or wrong
// together; drawing single images would make the interval too narrow.
func Bootstrap(clusters []Cluster, resamples int, seed uint64) Interval {
	out := Interval{Estimate: math.NaN(), Low: math.NaN(), High: math.NaN(), Clusters: len(clusters), Resamples: resamples}
	sum, n := 0.0, 0
	for _, c := range clusters {
		sum, n = sum+c.Sum, n+c.N
	}
	if n == 0 {
		return out
	}
	out.Estimate = sum / float64(n)
	if len(clusters) < 2 || resamples < 1 {
		return out
	}
	means := make([]float64, resamples)
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	for i := range means {
		means[i] = resample(clusters, rng)
	}
	sort.Float64s(means)
	out.Low, out.High = quantile(means, 0.025), quantile(means, 0.975)
	return out
}

func resample(clusters []Cluster, rng *rand.Rand) float64 {
	sum, n := 0.0, 0
	for n == 0 { // clusters may be empty; a draw of empty ones only is drawn again
		for range clusters {
			c := clusters[rng.IntN(len(clusters))]
			sum, n = sum+c.Sum, n+c.N
		}
	}
	return sum / float64(n)
}

// quantile interpolates linearly between order statistics, as NumPy and R
// (type 7) do by default. sorted must not be empty.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}
