package metric

import (
	"cmp"
	"math"
	"slices"
)

// bins is the number of bins of the calibration error, as in Guo et al. 2017 (arXiv 1706.04599).
const bins = 15

// ECE is the expected calibration error: images are put into bins equal bins (low, high] by the
// probability of the predicted class, and the distances between accuracy and mean probability of
// the bins are averaged, weighted by their images. A probability of 0 is in no bin.
func ECE(confidence []float64, correct []bool) float64 {
	var gap [bins]float64
	for i, p := range confidence {
		bin := binOf(p)
		if bin < 0 {
			continue
		}
		gap[bin] -= p
		if correct[i] {
			gap[bin]++
		}
	}
	sum := 0.0
	for _, g := range gap {
		sum += math.Abs(g)
	}
	return sum / float64(len(confidence))
}

// binOf is the bin whose (low, high] holds p; the bounds are those of numpy's linspace, i ×
// (1/bins).
func binOf(p float64) int {
	const width = 1.0 / bins
	for i := range bins {
		high := float64(i+1) * width
		if i == bins-1 {
			high = 1
		}
		if p > float64(i)*width && p <= high {
			return i
		}
	}
	return -1
}

// Softmax is the probabilities of a row of scores times a scale (CLIP's logit scale); dst may be
// nil.
func Softmax(row []float32, scale float64, dst []float64) []float64 {
	dst = append(dst[:0], make([]float64, len(row))...)
	high := math.Inf(-1)
	for _, v := range row {
		high = max(high, scale*float64(v))
	}
	sum := 0.0
	for i, v := range row {
		dst[i] = math.Exp(scale*float64(v) - high)
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
	return dst
}

// Confidence is the probability of one class of a row of scores times a scale: what Softmax gives
// it.
func Confidence(row []float32, class int, scale float64) float64 {
	sum := 0.0
	for _, v := range row {
		sum += math.Exp(scale * float64(v-row[class]))
	}
	return 1 / sum
}

// Pair is a confusion: Count images of class True are taken for class Predicted.
type Pair struct{ True, Predicted, Count int }

// Confusions are the most frequent mistakes, at most limit, from the most frequent; equal counts in
// the order of the classes.
func Confusions(labels, predicted []int, limit int) []Pair {
	counts := map[[2]int]int{}
	for i, l := range labels {
		if predicted[i] != l {
			counts[[2]int{l, predicted[i]}]++
		}
	}
	pairs := make([]Pair, 0, len(counts))
	for p, n := range counts {
		pairs = append(pairs, Pair{p[0], p[1], n})
	}
	slices.SortFunc(pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.True, b.True), cmp.Compare(a.Predicted, b.Predicted))
	})
	return pairs[:min(limit, len(pairs))]
}
