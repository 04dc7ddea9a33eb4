package metric

import (
	"cmp"
	"fmt"
	"slices"
)

// AP names a definition of average precision.
type AP int

// The definitions that benchmarks use. They give different numbers for the same scores.
const (
	// VOC11 is PASCAL VOC 2007's: the highest precision at recall ≥ r, averaged over r = 0, 0.1,
	// ..., 1.
	VOC11 AP = iota
	// Elevater11 is VOC11 as vision-evaluation computes it: precision at r = 0 is always 1, since
	// scikit-learn's curve ends in a point (0, 1).
	Elevater11
	// Area is the area under the precision-recall steps: scikit-learn's average_precision_score,
	// and CLIP_benchmark's mAP.
	Area
)

// averagePrecision is the average precision of a ranking of images by score. Equal scores count as
// one step, whatever their order. No positive image is an error.
func averagePrecision(scores []float64, positive []bool, kind AP) (float64, error) {
	curve := precisionRecall(scores, positive)
	total := 0
	if len(curve) > 0 {
		total = curve[len(curve)-1].hits
	}
	if total == 0 {
		return 0, errOneSided
	}
	if kind == Area {
		return area(curve, total), nil
	}
	sum := 0.0
	for r := 0; r <= 10; r++ {
		best := 0.0
		if r == 0 && kind == Elevater11 {
			best = 1
		}
		for _, p := range curve {
			if 10*p.hits >= r*total { // recall ≥ r/10, without rounding
				best = max(best, p.precision())
			}
		}
		sum += best
	}
	return sum / 11, nil
}

// step is the state of a ranking after all images with at least some score.
type step struct{ hits, seen int }

func (s step) precision() float64 { return float64(s.hits) / float64(s.seen) }

// precisionRecall gives a step for each distinct score, from the highest.
func precisionRecall(scores []float64, positive []bool) []step {
	var curve []step
	at := step{}
	order := descending(scores)
	for i, image := range order {
		at.seen++
		if positive[image] {
			at.hits++
		}
		if i+1 == len(order) || scores[order[i+1]] != scores[image] {
			curve = append(curve, at)
		}
	}
	return curve
}

func area(curve []step, total int) float64 {
	sum, before := 0.0, 0
	for _, p := range curve {
		sum += float64(p.hits-before) / float64(total) * p.precision()
		before = p.hits
	}
	return sum
}

// MeanAveragePrecision is the mean over the classes that have images; labels holds each image's
// classes, of which there may be several.
func MeanAveragePrecision(s Scores, labels [][]int, kind AP) (float64, error) {
	if len(labels) != s.Images() {
		return 0, fmt.Errorf("%d images have scores, %d labels", s.Images(), len(labels))
	}
	column := make([]float64, s.Images())
	positive := make([]bool, s.Images())
	sum, classes := 0.0, 0
	for c := range s.Classes {
		some := false
		for i := range column {
			column[i] = float64(s.Values[i*s.Classes+c])
			positive[i] = slices.Contains(labels[i], c)
			some = some || positive[i]
		}
		if !some {
			continue
		}
		ap, err := averagePrecision(column, positive, kind)
		if err != nil {
			return 0, fmt.Errorf("class %d: %w", c, err)
		}
		sum += ap
		classes++
	}
	if classes == 0 {
		return 0, errOneSided
	}
	return sum / float64(classes), nil
}

// descending lists positions from the highest value; equal values keep their order.
func descending(values []float64) []int {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	return order
}
