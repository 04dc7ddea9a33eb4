// Package evaluation is the table of what is measured: the kinds of evaluation and the stages that
// give figures, with what the rest of the program asks of a kind and with each figure's unit and
// direction, so that nothing else tells kinds or figures apart by name. It lies below all that ask.
//
// What a kind's fields are, which of them it reads or needs, and what its figures mean stands in
// schema/evaluate.cue; how it is planned in runner/plan/evaluate.go; how it is scored, and what
// work that is, in ops. Tests of those packages fail for a kind of this table that they do not
// know, and no stage of ops can write a figure that is not in it.
package evaluation

import "slices"

// Kind is one kind of evaluation. Its images come from the field dataset unless Combines says
// otherwise, and what is not said of it is false.
type Kind struct {
	Name string

	// Classifies: each image gets a class, so that there are prompts, and a score.
	Classifies bool
	// Protocols: its figures follow a benchmark's rules where the field protocol asks for it.
	Protocols bool
	// Learns: it trains on labelled images first, in draws of some shots.
	Learns bool
	// TrainsTower: the image tower learns too, and not only a head.
	TrainsTower bool
	// Captions: its images have captions in place of labels; a benchmark must have them.
	Captions bool
	// JudgesPairs: it looks at what was retrieved, so that a trial retrieves without tuning.
	JudgesPairs bool
	// Combines: it is made of other evaluations' scores, and reads no images itself.
	Combines bool

	// Metrics are its figures.
	Metrics []Metric

	// Op makes its rows.
	Op string
	// Report is the file of its output that names the seeds of its draws.
	Report string
}

// kinds are in the schema's order.
var kinds = []Kind{
	{Name: "zeroshot", Classifies: true, Protocols: true, Op: "evaluate",
		Metrics: slices.Concat(classified, scored, of(Agreement, percents(0, "agreement")),
			[]Metric{{Name: "delta", Best: 1, As: "acc@1"}}, ofClasses("confusion"))},
	{Name: "retrieval", Captions: true, Op: "evaluate",
		Metrics: slices.Concat(of(ImageFinds, percents(1, "i2t-recall@K")),
			of(CaptionFinds, percents(1, "t2i-recall@K")), of(ImageFindsOf, percents(1, "i2t-set-recall@K")),
			[]Metric{{Name: "i2t-delta", Best: 1, As: "i2t-recall@1"}},
			[]Metric{{Name: "t2i-delta", Best: 1, As: "t2i-recall@1"}})},
	{Name: "probe", Classifies: true, Learns: true, Op: "evaluate", Report: "probe.json",
		Metrics: slices.Concat(classified, scored, learned)},
	{Name: "finetune", Classifies: true, Learns: true, TrainsTower: true, Op: "evaluate",
		Report: "finetune.json", Metrics: slices.Concat(classified, scored, learned)},
	{Name: "pairs", JudgesPairs: true, Op: "audit",
		Metrics: slices.Concat(retrieved, scoresBy("t2t", "t2i"), percents(1, "precision"))},
	{Name: "mean", Combines: true, Op: "evaluate", Metrics: of(Score, numbers(1, "score"))},
}

// Kinds are all kinds, in the schema's order. The slice is shared: do not write to it.
func Kinds() []Kind { return kinds }

// Of is the kind of a name; the zero Kind where there is none, which the schema refuses.
func Of(name string) Kind {
	for _, k := range kinds {
		if k.Name == name {
			return k
		}
	}
	return Kind{}
}

// What several kinds have in common.
var (
	classified = slices.Concat(of(Top, percents(1, "acc@K")),
		of(PerClass, percents(1, "mean-per-class")))
	// scored are the figures of a benchmark's rules, beside its own score.
	scored = slices.Concat(of(Score, numbers(1, "score")), numbers(-1, "ece"),
		percents(1, "roc-auc", "mAP"))
	learned = numbers(0, "score-std", "train-images")
	// retrieved are facts about pairs: but for the recall of the index, more of them is neither
	// better nor worse.
	retrieved = slices.Concat(
		numbers(0, "unique", "shortfall", "class-least", "class-median", "overlap", "name-rate", "dead",
			"near", "collisions", "leaks", "leaks-file", "leaks-hash", "leaks-cosine", "leaks-caption"),
		numbers(1, "t2t-recall", "t2t-recall-worst", "t2i-recall", "t2i-recall-worst"),
		ofClasses("pairs"))
)
