// Package metric computes the figures of evaluations from scores and labels: accuracy, mean per
// class, average precision, ROC AUC, calibration, confusion pairs, and recall of image-text
// retrieval.
//
// Its functions read slices and return numbers; they know no checkpoint, no file and no row. Scores
// are row-major [images, classes]; the higher, the more likely. Fractions, never percent. Where two
// benchmarks mean different things by one word both are here, each under a name that says whose it
// is; testdata holds figures of scikit-learn and of Microsoft's vision-evaluation (ELEVATER's) that
// the tests compare with.
//
// Words: a rank is 1-based; support is the number of images of a class; a hit is a true match among
// the first k.
package metric

import (
	"errors"
	"fmt"

	"react/data/dtype"
)

// Scores are what a classifier says of images: Values is [images, Classes], row-major.
type Scores struct {
	Values  []float32
	Classes int
}

// Images is the number of rows.
func (s Scores) Images() int { return len(s.Values) / s.Classes }

// Row is the scores of image i.
func (s Scores) Row(i int) []float32 { return s.Values[i*s.Classes : (i+1)*s.Classes] }

// Check refuses scores that no metric can be computed of: a shape that is none, or a value that is
// NaN or infinite.
func (s Scores) Check() error {
	if s.Classes < 1 || len(s.Values) == 0 || len(s.Values)%s.Classes != 0 {
		return fmt.Errorf("%d scores are no rows of %d classes", len(s.Values), s.Classes)
	}
	if i, count := dtype.NotFinite(s.Values); count > 0 {
		return fmt.Errorf("image %d: the score of class %d is not finite, nor are %d others of %d",
			i/s.Classes, i%s.Classes, count-1, len(s.Values))
	}
	return nil
}

// Best is the class with the highest score; equal scores go to the lower class.
func Best(row []float32) int {
	best := 0
	for c, v := range row {
		if v > row[best] {
			best = c
		}
	}
	return best
}

// Rank is the place of a class among all, 1-based; equal scores rank the lower class first.
func Rank(row []float32, label int) int {
	rank := 1
	for c, v := range row {
		if v > row[label] || v == row[label] && c < label {
			rank++
		}
	}
	return rank
}

// Accuracy is the share of images whose true class is among the first k; ranks are the true
// classes' (acc@k).
func Accuracy(ranks []int, k int) float64 {
	hits := 0
	for _, r := range ranks {
		if r <= k {
			hits++
		}
	}
	return float64(hits) / float64(len(ranks))
}

// PerClass is the share of each class's images that are predicted as it, and the classes' support.
// Recall of a class without images is 0.
func PerClass(labels, predicted []int, classes int) (recall []float64, support []int) {
	recall, support = make([]float64, classes), make([]int, classes)
	for i, l := range labels {
		support[l]++
		if predicted[i] == l {
			recall[l]++
		}
	}
	for c, n := range support {
		if n > 0 {
			recall[c] /= float64(n)
		}
	}
	return recall, support
}

// MeanPerClass is the mean recall of the classes that have images, of PerClass: balanced accuracy.
func MeanPerClass(recall []float64, support []int) float64 {
	sum, n := 0.0, 0
	for c, r := range recall {
		if support[c] > 0 {
			sum += r
			n++
		}
	}
	return sum / float64(n)
}

var errOneSided = errors.New("all images are on one side: there is nothing to rank")

// ROCAUC is the area under the ROC curve: the chance that an image that is positive scores higher
// than one that is not, equal scores counting half. Images of one side alone are an error.
func ROCAUC(scores []float64, positive []bool) (float64, error) {
	order := descending(scores)
	below, pairs := 0.0, 0.0 // negatives seen, going up; pairs won
	positives, negatives := 0.0, 0.0
	for at := len(order); at > 0; {
		start := at - 1
		for start > 0 && scores[order[start-1]] == scores[order[at-1]] {
			start--
		}
		p, n := 0.0, 0.0
		for _, i := range order[start:at] {
			if positive[i] {
				p++
			} else {
				n++
			}
		}
		pairs += p * (below + n/2)
		below, positives, negatives, at = below+n, positives+p, negatives+n, start
	}
	if positives == 0 || negatives == 0 {
		return 0, errOneSided
	}
	return pairs / positives / negatives, nil
}
