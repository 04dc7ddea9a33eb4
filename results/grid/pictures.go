package grid

import (
	"fmt"
	"math"
	"strings"

	"react/results/dense"
	"react/results/stat"
)

// pictureDraws is how often pictures are drawn again: each draw accumulates a figure anew, which
// takes milliseconds for a large set.
const pictureDraws = 2000

// redraw makes the test over draws of pictures, of a figure that is no mean over test cases, or
// says why there is none.
func (b *builder) redraw(d *Difference, line, other *Cell, metric string) (why string, err error) {
	_, name := splitMetric(metric)
	mine, over, why, err := b.cases.redrawnOf(line.Points, name)
	if why != "" || err != nil {
		return why, err
	}
	theirs, otherOver, why, err := b.cases.redrawnOf(other.Points, name)
	switch {
	case why != "" || err != nil:
		return why, err
	case over.Truth() != otherOver.Truth():
		return whySubset, nil
	case len(over.Images()) < stat.LeastPictures:
		return whyPictures, nil
	}
	n := len(over.Images())
	contrast, f := stat.CompareDraws(mine, theirs, sameSeeds(line.Points, other.Points), n, flipSeed)
	if math.Abs(contrast.Estimate-d.Value) > sameValueWithin {
		return whyOther, nil
	}
	d.Method = redrawn
	d.tested(contrast, f, n, oneSeed(line) || oneSeed(other))
	return "", nil
}

// redrawnOf gives the figures of a cell's points and the pictures that they are over.
func (s *caseStore) redrawnOf(points []Point, metric string) (list []stat.Redrawn, over dense.Set, why string, err error) {
	for _, p := range points {
		trials := p.of
		if len(trials) == 0 {
			trials = []string{p.Trial}
		}
		sum := stat.Redrawn{Draws: make([]float64, pictureDraws)}
		for _, trial := range trials {
			set, err := s.picturesOf(trial, p.set)
			if err != nil || set == nil || set.Figure(metric) == nil {
				return nil, nil, whyWhole, err
			}
			if over == nil {
				over = set
			} else if over.Truth() != set.Truth() {
				return nil, nil, whySubset, nil
			}
			one := s.redrawn(set, trial, p.set, metric)
			sum.Value += one.Value / float64(len(trials))
			for i, v := range one.Draws {
				sum.Draws[i] += v / float64(len(trials))
			}
		}
		list = append(list, sum)
	}
	return list, over, "", nil
}

// redrawn draws the pictures of a set, the same for every trial.
func (s *caseStore) redrawn(set dense.Set, trial, name, metric string) stat.Redrawn {
	id := strings.Join([]string{trial, name, metric}, "\x00")
	if got, ok := s.draws[id]; ok {
		return got
	}
	if s.draws == nil {
		s.draws = map[string]stat.Redrawn{}
	}
	figures := []func([]int32) float64{set.Figure(metric)}
	s.draws[id] = stat.Redraw(len(set.Images()), pictureDraws, flipSeed, figures)[0]
	return s.draws[id]
}

// picturesOf gives what a trial made of a set's pictures; nil where it is not stored.
func (s *caseStore) picturesOf(trial, set string) (dense.Set, error) {
	id := [2]string{trial, set}
	if got, ok := s.pictures[id]; ok || s.opts.Pictures == nil {
		return got, nil
	}
	got, err := s.opts.Pictures(trial, set)
	if err != nil {
		return nil, fmt.Errorf("pictures of trial %s on %s: %w", trial, set, err)
	}
	if s.pictures == nil {
		s.pictures = map[[2]string]dense.Set{}
	}
	s.pictures[id] = got
	return got, nil
}
