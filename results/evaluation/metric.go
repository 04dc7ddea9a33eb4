package evaluation

import (
	"slices"
	"strconv"
	"strings"
)

// Metric is a figure: how it is printed, and which way is better.
type Metric struct {
	Name      string // as rows have it; K stands for any whole number: "acc@K"
	Percent   bool   // a fraction, printed times 100
	Best      int    // 1: more is better, -1: less is, 0: neither
	OfClasses bool   // it is of single classes alone, and no line of the schema's list
	Cases     Cases
	// the metric whose differences it has, since the base is the same on both sides
	As string
}

// Cases is what of single test cases a figure is the mean of, so that differences can be tested.
type Cases uint8

// The figures of test cases; K is 1 where a metric has none.
const (
	Whole        Cases = iota // none: it is of the whole set
	Top                       // images whose true class is within the first K
	PerClass                  // the same, each class counting once
	Agreement                 // images of which the base says the same
	CaptionFinds              // captions that find their image within the first K
	ImageFinds                // images that find one of their captions within the first K
	ImageFindsOf              // the share of its captions that an image finds within the first K
	Score                     // a benchmark's own metric, which its kind and value tell
)

// of gives metrics what of cases they are.
func of(c Cases, metrics []Metric) []Metric {
	for i := range metrics {
		metrics[i].Cases = c
	}
	return metrics
}

// Named reports whether rows may call the metric so.
func (m Metric) Named(name string) bool { return m.K(name) > 0 }

// K is the number in the metric's name, 1 where it has none, and 0 of another metric's name.
func (m Metric) K(name string) int {
	before, after, family := strings.Cut(m.Name, "K")
	digits, starts := strings.CutPrefix(name, before)
	digits, ends := strings.CutSuffix(digits, after)
	k, err := strconv.Atoi(digits)
	switch {
	case !family && m.Name == name:
		return 1
	case family && starts && ends && err == nil && k > 0:
		return k
	}
	return 0
}

// numbers are metrics that are printed as they are; best is the same of all.
func numbers(best int, names ...string) (all []Metric) {
	for _, name := range names {
		all = append(all, Metric{Name: name, Best: best})
	}
	return all
}

// percents are metrics that are fractions.
func percents(best int, names ...string) (all []Metric) {
	for _, m := range numbers(best, names...) {
		m.Percent = true
		all = append(all, m)
	}
	return all
}

// ofClasses are numbers of single classes alone.
func ofClasses(names ...string) (all []Metric) {
	for _, m := range numbers(0, names...) {
		m.OfClasses = true
		all = append(all, m)
	}
	return all
}

// scoresBy are the median and the quarters of the hits' scores, by way of retrieval.
func scoresBy(ways ...string) (all []Metric) {
	for _, way := range ways {
		all = append(all, numbers(0, way+"-score", way+"-score-q25", way+"-score-q75")...)
	}
	return all
}

// stages are those whose figures stand in tables beside those of evaluations, in the schema's
// order, then the curves of runner index tune. Their figures say nothing of test images, and but
// for a loss none of them is better for being more or less.
var stages = []struct {
	name    string
	metrics []Metric
}{
	{"pairs", slices.Concat(numbers(0, "unique", "shortfall", "pairs"), percents(0, "share", "precision", "relevant"))},
	{"tune", slices.Concat(numbers(-1, "loss"),
		numbers(0, "positives", "epochs", "logitScale", "tanhAlpha", "train-images"))},
	{"balance", slices.Concat(numbers(0, "pairs", "own", "overlap", "shortfall", "name-rate", "dead", "common"),
		percents(0, "precision"), scoresBy("t2t", "t2i", "text-match", "sum", "rrf"))},
	{"labels", slices.Concat(numbers(0, "labelled"), percents(0, "share", "confidence", "precision"))},
	{"index", percents(0, "recall@K", "worst")},
}

// OfStage are the figures of a stage, none of a set that is an evaluation.
func OfStage(set string) []Metric {
	for _, s := range stages {
		if s.name == set {
			return s.metrics
		}
	}
	return nil
}

// IsStage reports whether a set of rows is a stage and no evaluation.
func IsStage(set string) bool { return OfStage(set) != nil }

// MetricOf is a metric of a set: of a stage, else of an evaluation, whatever its kind, since kinds
// that share a name agree on it. ok is false for a name that is not in the table.
func MetricOf(set, name string) (m Metric, ok bool) {
	if IsStage(set) {
		return find(OfStage(set), name)
	}
	for _, k := range kinds {
		if m, ok = find(k.Metrics, name); ok {
			return m, true
		}
	}
	return Metric{}, false
}

// Known reports whether any kind or stage has a metric of the name.
func Known(name string) bool {
	_, ok := MetricOf("", name)
	for _, s := range stages {
		_, is := find(s.metrics, name)
		ok = ok || is
	}
	return ok
}

func find(list []Metric, name string) (Metric, bool) {
	i := slices.IndexFunc(list, func(m Metric) bool { return m.Named(name) })
	if i < 0 {
		return Metric{}, false
	}
	return list[i], true
}
