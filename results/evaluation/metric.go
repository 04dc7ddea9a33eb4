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
}

// Named reports whether rows may call the metric so.
func (m Metric) Named(name string) bool {
	before, after, family := strings.Cut(m.Name, "K")
	if !family {
		return m.Name == name
	}
	digits, starts := strings.CutPrefix(name, before)
	digits, ends := strings.CutSuffix(digits, after)
	k, err := strconv.Atoi(digits)
	return starts && ends && err == nil && k > 0
}

// Stage is a stage whose figures stand in tables beside those of evaluations. They say nothing of
// test images, and but for a loss none of them is better for being more or less.
type Stage struct {
	Name    string
	Metrics []Metric
}

// stages are in the schema's order, then the curves of runner index tune.
var stages = []Stage{
	{"pairs", []Metric{{Name: "unique"}, {Name: "share", Percent: true}, {Name: "shortfall"},
		{Name: "precision", Percent: true}, {Name: "relevant", Percent: true}, {Name: "pairs"}}},
	{"tune", []Metric{{Name: "loss", Best: -1}, {Name: "positives"}, {Name: "epochs"}, {Name: "logitScale"},
		{Name: "tanhAlpha"}, {Name: "train-images"}}},
	{"balance", slices.Concat([]Metric{{Name: "pairs"}, {Name: "own"}, {Name: "overlap"}, {Name: "shortfall"},
		{Name: "name-rate"}, {Name: "precision", Percent: true}, {Name: "dead"}, {Name: "common"}},
		scoresBy("t2t", "t2i", "text-match", "sum", "rrf"))},
	{"labels", []Metric{{Name: "labelled"}, {Name: "share", Percent: true}, {Name: "confidence", Percent: true},
		{Name: "precision", Percent: true}}},
	{"index", []Metric{{Name: "recall@K", Percent: true}, {Name: "worst", Percent: true}}},
}

// Stages are all stages that give figures. The slice is shared: do not write to it.
func Stages() []Stage { return stages }

// IsStage reports whether a set of rows is a stage and no evaluation.
func IsStage(set string) bool {
	return slices.ContainsFunc(stages, func(s Stage) bool { return s.Name == set })
}

// MetricOf is a metric of a set: of a stage, else of an evaluation, whatever its kind, since kinds
// that share a name agree on it. ok is false for a name that is not in the table.
func MetricOf(set, name string) (m Metric, ok bool) {
	for _, s := range stages {
		if s.Name == set {
			return find(s.Metrics, name)
		}
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
	return ok || slices.ContainsFunc(stages, func(s Stage) bool { _, ok := find(s.Metrics, name); return ok })
}

func find(list []Metric, name string) (Metric, bool) {
	i := slices.IndexFunc(list, func(m Metric) bool { return m.Named(name) })
	if i < 0 {
		return Metric{}, false
	}
	return list[i], true
}
