// Package probe trains linear classifiers on features that were computed once: ELEVATER's protocol
// (few-shot sampler, internal validation split, search over learning rate and weight decay,
// stochastic gradient descent) and OpenAI's (L-BFGS logistic regression, C chosen on a validation
// split).
//
// No choice is ever made on a test set, unless the caller asks for the best epoch on it, as
// ELEVATER's toolkit reports, by that name.
//
// Words: a head is weights [classes, dim] and bias [classes]; a shot is an image of each class; a
// sample is one few-shot subset.
package probe

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"react/ops/pyrandom"
)

// FewShot is vision-datasets' sample_few_shot_subset: positions of about shots images of each
// class, in the order in which they were drawn. labels are each image's classes; images without any
// count as a class of their own. A class with fewer images than shots is an error, where the
// toolkit would silently take fewer.
func FewShot(labels [][]int, classes, shots int, seed int64) ([]int, error) {
	have := make([]int, classes)
	for _, l := range labels {
		for _, c := range l {
			have[c]++
		}
	}
	for c, n := range have {
		if n < shots {
			return nil, fmt.Errorf("class %d has %d images, fewer than %d shots", c, n, shots)
		}
	}
	order := make([]int, len(labels))
	for i := range order {
		order[i] = i
	}
	pyrandom.New(seed).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	taken := make([]int, classes)
	negatives := 0
	var out []int
	for _, i := range order {
		if len(labels[i]) == 0 {
			if negatives < shots {
				negatives++
				out = append(out, i)
			}
			continue
		}
		least, most := math.MaxInt, 0
		for _, c := range labels[i] {
			least, most = min(least, taken[c]), max(most, taken[c])
		}
		if least >= shots {
			continue
		}
		if 2*least <= shots || 2*most <= 3*shots {
			out = append(out, i)
			for _, c := range labels[i] {
				taken[c]++
			}
		}
		if slices.Min(taken) >= shots {
			break
		}
	}
	return out, nil
}

// Validation splits the toolkit's way: of each class the first fifth, rounded up, validates. It is
// not random. Of images with several classes the first that a class still needs are taken, class by
// class. Both parts are in ascending order.
func Validation(labels [][]int, classes int) (train, val []int, err error) {
	held := make([]bool, len(labels))
	several := slices.ContainsFunc(labels, func(l []int) bool { return len(l) != 1 })
	if several {
		holdSeveral(labels, classes, held)
	} else {
		want := make([]int, classes)
		for _, l := range labels {
			want[l[0]]++
		}
		for c := range want {
			want[c] = (want[c] + 4) / 5
		}
		for i, l := range labels {
			if want[l[0]] > 0 {
				want[l[0]]--
				held[i] = true
			}
		}
	}
	for i, h := range held {
		if h {
			val = append(val, i)
		} else {
			train = append(train, i)
		}
	}
	if len(train) == 0 || len(val) == 0 {
		return nil, nil, errors.New("too few images to hold a fifth of each class back for choices")
	}
	return train, val, nil
}

func holdSeveral(labels [][]int, classes int, held []bool) {
	want := make([]int, classes)
	for _, l := range labels {
		for _, c := range l {
			want[c]++
		}
	}
	for c := range want {
		want[c] = (want[c] + 4) / 5
	}
	for c := 0; c < classes; {
		if want[c] <= 0 {
			c++
			continue
		}
		i := slices.IndexFunc(labels, func(l []int) bool { return slices.Contains(l, c) })
		for i >= 0 && held[i] {
			next := slices.IndexFunc(labels[i+1:], func(l []int) bool { return slices.Contains(l, c) })
			if next < 0 {
				i = -1
				break
			}
			i += 1 + next
		}
		if i < 0 { // all of the class are held already
			want[c] = 0
			continue
		}
		held[i] = true
		for _, other := range labels[i] {
			want[other]--
		}
	}
}

// Grid is the toolkit's search over 97 values from 1e-6 to 1e6, evenly spaced in their logarithm:
// every sixteenth first, then steps of 8, 4, 2 and 1 around the best so far. It is also how OpenAI
// chooses C.
type Grid struct {
	at    int // place of the best so far
	score float64
	span  int // 0 before the first round
}

// gridSize, firstStep: 16 steps are two decades.
const (
	gridSize  = 97
	firstStep = 16
)

// Value is a point of the grid.
func Value(place int) float64 { return math.Pow(10, -6+float64(place)/8) }

// Next are the places to try in the next round, none when the search is over.
func (g *Grid) Next() []int {
	switch g.span {
	case 0:
		var all []int
		for i := 0; i < gridSize; i += firstStep {
			all = append(all, i)
		}
		return all
	case 1:
		return nil
	}
	step := g.span / 2
	var out []int
	for _, place := range []int{g.at - step, g.at + step} {
		if place = min(max(place, 0), gridSize-1); place != g.at {
			out = append(out, place)
		}
	}
	return out
}

// Tell gives the scores of the places that Next named. The first of equal scores stays.
func (g *Grid) Tell(places []int, scores []float64) {
	if g.span == 0 {
		g.score, g.at, g.span = math.Inf(-1), places[0], firstStep
	} else {
		g.span /= 2
	}
	for i, s := range scores {
		if s > g.score {
			g.at, g.score = places[i], s
		}
	}
}

// Best is the place with the highest score, and that score.
func (g *Grid) Best() (int, float64) { return g.at, g.score }
