package grid

import (
	"cmp"
	"math"

	"react/results/evaluation"
	"react/results/stat"
)

// unit is what a test takes as one: test cases within it may be right or wrong
// together.
type unit string

const (
	ofClasses unit = "classes"
	ofImages  unit = "images with their captions"
	ofSets    unit = "classes within sets"
)

// measured is what one model gave on clusters, or why that is not known.
type measured struct {
	measure stat.Measure
	unit    unit
	same    string // equal where clusters are the same
	cases   int
	why     string // no measure: the reason
}

// Reasons why a difference has no test, as they follow "no test: ".
const (
	whyStage     = "a figure of a stage, not of test cases"
	whyWhole     = "a figure of the whole set, not a mean over test cases"
	whyNotStored = "what was predicted case by case is not stored"
	whyMixed     = "a side averages over more than seeds"
	whyOther     = "the stored predictions do not give this difference"
	whyFew       = "fewer than 6 clusters"
	whyPictures  = "fewer than 20 pictures"
	whyRanks     = "ranks of the true classes are not stored"
	whySubset    = "two sides over different test cases"
)

// measure says what a metric means on single cases, for one point of a cell.
func (s *caseStore) measure(p Point, set, metric string) (measured, error) {
	figure, _ := evaluation.MetricOf(set, metric)
	switch isScore := figure.Cases == evaluation.Score; {
	case evaluation.IsStage(set):
		return measured{why: whyStage}, nil
	case isScore && evaluation.Of(kindOf(p, set)).Combines:
		return s.meanOfSets(p, set)
	case isScore:
		return s.score(p, set, p.Value)
	}
	return s.one(p, set, cmp.Or(figure.As, metric))
}

// mostRanks is the largest K that stored ranks tell.
const mostRanks = 254

func kindOf(p Point, set string) string { return canon(p.params["evaluate."+set+".kind"]).text }

// score measures a benchmark's own metric, which is the one that gives its value.
func (s *caseStore) score(p Point, set string, value float64) (measured, error) {
	for _, metric := range []string{"acc@1", "mean-per-class"} {
		m, err := s.one(p, set, metric)
		if err != nil || m.why != "" || math.Abs(m.measure.Value()-value) < sameValueWithin {
			return m, err
		}
	}
	return measured{why: whyOther}, nil
}

// sameValueWithin is how near a figure of stored cases is to the stored one.
const sameValueWithin = 1e-6

// one measures a metric on one set: the mean over the trials that the point
// stands for.
func (s *caseStore) one(p Point, set, metric string) (measured, error) {
	if len(p.of) == 0 {
		return s.ofTrial(p.Trial, set, metric)
	}
	var sum measured
	for i, trial := range p.of {
		m, err := s.ofTrial(trial, set, metric)
		if err != nil || m.why != "" {
			return m, err
		}
		if i == 0 {
			sum = m
			continue
		}
		for c := range m.measure[0] {
			sum.measure[0][c].Sum += m.measure[0][c].Sum
		}
	}
	for c := range sum.measure[0] {
		sum.measure[0][c].Sum /= float64(len(p.of))
	}
	return sum, nil
}

func (s *caseStore) ofTrial(trial, set, metric string) (measured, error) {
	figure, _ := evaluation.MetricOf(set, metric)
	k := figure.K(metric)
	switch figure.Cases {
	case evaluation.CaptionFinds, evaluation.ImageFinds, evaluation.ImageFindsOf:
		list, err := s.queriesOf(trial, set)
		if err != nil || len(list) == 0 {
			return measured{why: whyNotStored}, err
		}
		clusters := recallClusters(list, figure.Cases, k)
		return measured{measure: stat.Measure{clusters}, unit: ofImages, same: imagesDigest(list), cases: len(list)}, nil
	case evaluation.Whole, evaluation.Score:
		return measured{why: whyWhole}, nil
	}
	if k > mostRanks {
		return measured{why: whyWhole}, nil
	}
	images, err := s.imagesOf(trial, set)
	if err != nil || images == nil {
		return measured{why: whyNotStored}, err
	}
	var classes []stat.Cluster
	switch figure.Cases {
	case evaluation.Agreement:
		classes = images.count(images.agreement)
	case evaluation.PerClass:
		classes = evenly(images.count(images.topFigure(1)))
	default:
		classes = images.count(images.topFigure(k))
	}
	if classes == nil && figure.Cases == evaluation.Agreement {
		return measured{why: whyNotStored}, nil
	}
	if classes == nil {
		return measured{why: whyRanks}, nil
	}
	return measured{measure: stat.Measure{classes}, unit: ofClasses, same: images.set.digest, cases: len(images.ranks)}, nil
}

// meanOfSets is the mean of the scores of evaluations, each a stratum. Sets of
// the same images share their classes.
func (s *caseStore) meanOfSets(p Point, set string) (measured, error) {
	var list []measured
	for _, name := range listOf(p.params["evaluate."+set+".of"]) {
		value, ok := s.scores()[[2]string{p.Trial, name}]
		if !ok {
			return measured{why: whyNotStored}, nil
		}
		m, err := s.score(p, name, value)
		if err != nil || m.why != "" {
			return m, err
		}
		list = append(list, m)
	}
	if len(list) == 0 {
		return measured{why: whyNotStored}, nil
	}
	return joined(list), nil
}

// scores are the figures that a mean over sets is of, by trial and set: the
// score, or the accuracy of a set without one.
func (s *caseStore) scores() map[[2]string]float64 {
	if s.known != nil {
		return s.known
	}
	s.known = map[[2]string]float64{}
	for _, metric := range []string{"acc@1", "score"} {
		for i := range s.rows {
			if r := &s.rows[i]; r.Metric == metric && r.Class == "" {
				s.known[[2]string{r.Trial, r.Set}] = r.Value
			}
		}
	}
	return s.known
}

// joined lays measures of one stratum each side by side.
func joined(list []measured) measured {
	first, total := map[string]int{}, 0
	out := measured{unit: ofSets}
	for _, m := range list {
		if _, known := first[m.same]; !known {
			first[m.same] = total
			total += len(m.measure[0])
		}
		out.cases += m.cases
		out.same += m.same + " "
	}
	for _, m := range list {
		stratum := make([]stat.Cluster, total)
		copy(stratum[first[m.same]:], m.measure[0])
		out.measure = append(out.measure, stratum)
	}
	return out
}

// listOf is a list of texts as params hold it.
func listOf(v any) []string {
	switch v := v.(type) {
	case []string:
		return v
	case []any:
		var out []string
		for _, one := range v {
			text, ok := one.(string)
			if !ok {
				return nil
			}
			out = append(out, text)
		}
		return out
	}
	return nil
}
