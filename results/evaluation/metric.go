package evaluation

import (
	"slices"
	"strconv"
	"strings"
)

// Metric is a figure: what it is called, how it is printed, and which way is better. Package label
// makes heads of tables from its words.
type Metric struct {
	Name      string // as rows have it; K stands for any whole number: "acc@K"
	Short     string // heads a column: "top-K acc."
	Long      string // explains it beside a figure; empty: the short one says it
	Unit      string // "images"; empty: none
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

// better is the metric with a direction.
func (m Metric) better(way int) Metric {
	m.Best = way
	return m
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

// scoresOf are the median and the quarters of the scores of the hits that a way of retrieval finds.
func scoresOf(way, words string) []Metric {
	hits := "scores of " + words + " hits"
	return []Metric{
		{Name: way + "-score", Short: words + " score", Long: "median score of " + words + " hits"},
		{Name: way + "-score-q25", Short: words + " 25 %", Long: "first quarter of the " + hits},
		{Name: way + "-score-q75", Short: words + " 75 %", Long: "last quarter of the " + hits},
	}
}

// What kinds of evaluation and stages have in common.
var (
	unique    = Metric{Name: "unique", Short: "unique pairs"}
	shortfall = Metric{Name: "shortfall", Short: "shortfall", Long: "shortfall of what K asks for"}
	pairs     = Metric{Name: "pairs", Short: "pairs"}
	overlap   = Metric{Name: "overlap", Short: "overlap", Long: "share of pairs of several classes"}
	nameRate  = Metric{Name: "name-rate", Short: "names",
		Long: "share of captions that hold the class name"}
	precision = Metric{Name: "precision", Short: "precision", Percent: true}
	dead      = Metric{Name: "dead", Short: "dead links",
		Long: "share of candidates without an image"}
	trainImages = Metric{Name: "train-images", Short: "train images", Long: "training images"}
	searched    = slices.Concat(scoresOf("t2t", "T2T"), scoresOf("t2i", "T2I"))
)

// stages are those whose figures stand in tables beside those of evaluations, in the schema's
// order, then the curves of runner index tune. Their figures say nothing of test images, and but
// for a loss none of them is better for being more or less.
var stages = []struct {
	name    string
	metrics []Metric
}{
	{"pairs", []Metric{
		unique,
		shortfall,
		pairs,
		{Name: "share", Short: "share of pool",
			Long: "share of the pool that was retrieved", Percent: true},
		precision,
		{Name: "relevant", Short: "relevant",
			Long: "share of pairs of any class of the task", Percent: true},
	}},
	{"tune", []Metric{
		{Name: "loss", Short: "loss", Long: "training loss", Best: -1},
		{Name: "positives", Short: "positives", Long: "mean size of P(i)"},
		{Name: "epochs", Short: "epochs", Long: "passes over the pairs"},
		{Name: "logitScale", Short: "logit scale"},
		{Name: "tanhAlpha", Short: "tanh α", Long: "mean opening of the gates, tanh α"},
		trainImages,
	}},
	{"balance", slices.Concat(
		[]Metric{
			pairs,
			{Name: "own", Short: "own pairs", Long: "pairs found for no other class"},
			overlap,
			{Name: "shortfall", Short: "shortfall", Long: "share of the places of K that stay empty"},
			nameRate,
			dead,
			{Name: "common", Short: "in common", Long: "pairs in common with the other class"},
			precision,
		},
		searched,
		scoresOf("text-match", "text match"), scoresOf("sum", "sum"), scoresOf("rrf", "RRF"))},
	{"labels", []Metric{
		{Name: "labelled", Short: "labelled", Long: "pairs with a class"},
		{Name: "share", Short: "share labelled",
			Long: "share of the pairs that have a class", Percent: true},
		{Name: "confidence", Short: "confidence", Long: "mean probability of the class", Percent: true},
		precision,
	}},
	{"index", []Metric{
		{Name: "recall@K", Short: "recall", Long: "share of the K exact hits found", Percent: true},
		{Name: "worst", Short: "worst class", Long: "share of the exact hits found, worst class",
			Percent: true},
	}},
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

// JudgesPairs reports whether a metric is of a kind that looks at what was retrieved.
func JudgesPairs(name string) bool {
	return slices.ContainsFunc(kinds, func(k Kind) bool {
		_, ok := find(k.Metrics, name)
		return ok && k.JudgesPairs
	})
}

// Any is the metric of a name, whichever kind or stage has it.
func Any(name string) (m Metric, ok bool) {
	if m, ok = MetricOf("", name); ok {
		return m, true
	}
	for _, s := range stages {
		if m, ok = find(s.metrics, name); ok {
			return m, true
		}
	}
	return Metric{}, false
}

func find(list []Metric, name string) (Metric, bool) {
	i := slices.IndexFunc(list, func(m Metric) bool { return m.Named(name) })
	if i < 0 {
		return Metric{}, false
	}
	return list[i], true
}
