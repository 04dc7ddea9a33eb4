package grid

import (
	"math"
	"slices"

	"react/results/evaluation"
	"react/results/stat"
)

// How sign flips are drawn where there are too many for all: enough for the
// second digit of an interval, from one seed, so that a table is the same
// whenever it is made.
const (
	flipDraws = 10000
	flipSeed  = 20230107
)

// difference compares two cells, and tests the difference where single test
// cases are stored.
func (b *builder) difference(line, other *Cell, metric string) (d *Difference, err error) {
	if math.IsNaN(line.Mean) || math.IsNaN(other.Mean) {
		return nil, nil
	}
	nan := math.NaN()
	d = &Difference{Value: line.Mean - other.Mean, Std: nan, Low: nan, High: nan, P: nan,
		Adjusted: nan, AdjustedLow: nan, AdjustedHigh: nan}
	if len(line.Residue) > 0 || len(other.Residue) > 0 {
		d.NoTest = whyMixed
		return d, nil
	}
	d.overSeeds(line, other)
	if b.spec.Test == "mcnemar" {
		d.NoTest, err = b.mcNemar(d, line, other, metric)
		return d, err
	}
	if d.NoTest, err = b.flip(d, line, other, metric); d.NoTest == whyWhole && b.opts.Pictures != nil {
		d.NoTest, err = b.redraw(d, line, other, metric)
	}
	return d, err
}

// overSeeds says how the difference varies over seeds: those that both sides
// share, or those of the side that has some.
func (d *Difference) overSeeds(line, other *Cell) {
	x, y := sharedSeeds(line.Points, other.Points)
	switch {
	case line.Seeds == 0 && other.Seeds == 0:
		return
	case other.Seeds == 0:
		x = valuesOf(line.Points)
	case line.Seeds == 0:
		x = valuesOf(other.Points)
	default:
		for i := range x {
			x[i] -= y[i]
		}
	}
	d.Std, d.N = stat.Std(x), len(x)
}

// sharedSeeds are the values of both sides at the seeds that both have, in the
// order of seeds.
func sharedSeeds(line, other []Point) (x, y []float64) {
	bySeed := map[int]float64{}
	for _, p := range other {
		if p.Seed != nil {
			bySeed[*p.Seed] = p.Value
		}
	}
	for _, p := range line {
		if p.Seed == nil {
			continue
		}
		if v, ok := bySeed[*p.Seed]; ok {
			x, y = append(x, p.Value), append(y, v)
		}
	}
	return x, y
}

// flip makes the cluster sign-flip test, or says why there is none.
func (b *builder) flip(d *Difference, line, other *Cell, metric string) (why string, err error) {
	mine, why, err := b.measures(line, metric)
	if why != "" || err != nil {
		return why, err
	}
	theirs, why, err := b.measures(other, metric)
	if why != "" || err != nil {
		return why, err
	}
	if mine[0].same != theirs[0].same {
		return whySubset, nil
	}
	paired := sameSeeds(line.Points, other.Points)
	contrast, err := stat.NewContrast(measuresOf(mine), measuresOf(theirs), paired)
	switch {
	case err == stat.ErrFewClusters, err == nil && contrast.Clusters < stat.LeastClusters:
		return whyFew, nil
	case err != nil:
		return "", err
	case math.Abs(contrast.Estimate-d.Value) > sameValueWithin:
		return whyOther, nil
	}
	d.Method = map[unit]Method{ofClasses: flipClasses, ofImages: flipImages, ofSets: flipSets}[mine[0].unit]
	d.tested(contrast, stat.SignFlip(contrast, flipDraws, flipSeed), mine[0].cases, oneSeed(line) || oneSeed(other))
	return "", nil
}

// tested takes p and interval of a test.
func (d *Difference) tested(c stat.Contrast, f stat.Flips, cases int, one bool) {
	d.Flips = &FlipTest{Clusters: c.Clusters, Cases: cases, Draws: f.Draws, Seed: flipSeed, Seeds: c.Seeds, OneSeed: one, flips: f}
	d.P = f.P()
	d.Low, d.High = f.Interval(significance)
}

// measures are those of a cell's points, in the order of their seeds.
func (b *builder) measures(c *Cell, metric string) (list []measured, why string, err error) {
	_, name := splitMetric(metric)
	for _, p := range c.Points {
		m, err := b.cases.measure(p, p.set, name)
		if err != nil || m.why != "" {
			return nil, m.why, err
		}
		if len(list) > 0 && list[0].same != m.same {
			return nil, whySubset, nil
		}
		list = append(list, m)
	}
	return list, "", nil
}

func measuresOf(list []measured) []stat.Measure {
	out := make([]stat.Measure, len(list))
	for i, m := range list {
		out[i] = m.measure
	}
	return out
}

// sameSeeds reports whether both sides have seeds, and the same ones.
func sameSeeds(line, other []Point) bool {
	return slices.EqualFunc(line, other, func(p, q Point) bool {
		return p.Seed != nil && q.Seed != nil && *p.Seed == *q.Seed
	})
}

func oneSeed(c *Cell) bool { return c.Seeds == 1 }

// mcNemar makes the exact McNemar test of each pair of trials and takes the
// largest p, or says why there is none. It takes the images of a class for
// independent, and there is no interval that goes with it.
func (b *builder) mcNemar(d *Difference, line, other *Cell, metric string) (why string, err error) {
	_, name := splitMetric(metric)
	set := ""
	if len(line.Points) > 0 {
		set = line.Points[0].set
	}
	figure, _ := evaluation.MetricOf(set, name)
	k := figure.K(name)
	switch {
	case evaluation.IsStage(set):
		return whyStage, nil
	case figure.Cases != evaluation.Top || k > mostRanks || b.effect != nil:
		return whyWhole, nil
	}
	d.P = 0
	for _, p := range line.Points {
		for _, q := range other.Points {
			pair, why, err := b.mcNemarPair(p, q, k)
			if err != nil || why != "" {
				d.P, d.Pairs = math.NaN(), nil
				return why, err
			}
			d.Pairs = append(d.Pairs, pair)
			d.P = math.Max(d.P, pair.P)
		}
	}
	d.Method = mcNemarTest
	return "", nil
}

// mcNemarPair counts the images that only one side gets right within the first k.
func (b *builder) mcNemarPair(p, q Point, k int) (m McNemarPair, why string, err error) {
	mine, err := b.cases.imagesOf(p.Trial, p.set)
	if err != nil {
		return m, "", err
	}
	theirs, err := b.cases.imagesOf(q.Trial, q.set)
	if err != nil || mine == nil || theirs == nil {
		return m, whyNotStored, err
	}
	if mine.set.digest != theirs.set.digest {
		return m, whySubset, nil
	}
	m = McNemarPair{Trial: p.Trial, Against: q.Trial}
	for i := range mine.ranks {
		x, known := mine.right(i, k)
		y, also := theirs.right(i, k)
		if !known || !also {
			return m, whyRanks, nil
		}
		m.OnlyLine += oneIf(x && !y)
		m.OnlyOther += oneIf(y && !x)
	}
	m.P = stat.McNemar(m.OnlyLine, m.OnlyOther)
	return m, "", nil
}
