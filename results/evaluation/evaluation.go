// Package evaluation is the table of what is measured: the kinds of evaluation and the stages that
// give figures, with what the rest of the program asks of a kind and with each figure's words, unit
// and direction, so that nothing else tells kinds or figures apart by name. It lies below all that
// ask.
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
	// Places: it names boxes or pixels of pictures, and no picture as a whole.
	Places bool

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
		Metrics: slices.Concat(classified, scored, []Metric{
			{Name: "agreement", Short: "agreement", Long: "agreement with the base",
				Percent: true, Cases: Agreement},
			{Name: "delta", Short: "gain", Long: "accuracy less that of the base", Best: 1, As: "acc@1"},
			{Name: "confusion", Short: "confusions", Unit: "images", OfClasses: true},
		})},
	{Name: "retrieval", Captions: true, Op: "evaluate", Metrics: []Metric{
		{Name: "i2t-recall@K", Short: "I2T R@K", Long: "image-to-text recall at K",
			Percent: true, Best: 1, Cases: ImageFinds},
		{Name: "t2i-recall@K", Short: "T2I R@K", Long: "text-to-image recall at K",
			Percent: true, Best: 1, Cases: CaptionFinds},
		{Name: "i2t-set-recall@K", Short: "I2T set R@K",
			Long: "image-to-text recall at K of all captions", Percent: true, Best: 1, Cases: ImageFindsOf},
		{Name: "i2t-delta", Short: "I2T gain", Long: "image-to-text recall at 1 less that of the base",
			Best: 1, As: "i2t-recall@1"},
		{Name: "t2i-delta", Short: "T2I gain", Long: "text-to-image recall at 1 less that of the base",
			Best: 1, As: "t2i-recall@1"},
	}},
	{Name: "probe", Classifies: true, Learns: true, Op: "evaluate", Report: "probe.json",
		Metrics: slices.Concat(classified, scored, learned)},
	{Name: "finetune", Classifies: true, Learns: true, TrainsTower: true, Op: "evaluate",
		Report: "finetune.json", Metrics: slices.Concat(classified, scored, learned)},
	{Name: "pairs", JudgesPairs: true, Op: "audit", Metrics: slices.Concat(retrieved, searched)},
	{Name: "mean", Combines: true, Op: "evaluate", Metrics: []Metric{score}},
	{Name: "detection", Places: true, Op: "evaluate", Metrics: slices.Concat(boxes, classified[:1])},
	{Name: "segmentation", Places: true, Op: "evaluate", Metrics: pixels},
}

// NamesClasses reports whether names of classes are embedded, in prompts.
func (k Kind) NamesClasses() bool { return k.Classifies || k.Places }

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
	classified = []Metric{
		{Name: "acc@1", Short: "acc.", Long: "accuracy", Percent: true, Best: 1, Cases: Top},
		{Name: "acc@K", Short: "top-K acc.", Long: "top-K accuracy", Percent: true, Best: 1, Cases: Top},
		{Name: "mean-per-class", Short: "class acc.", Long: "accuracy, the mean over classes",
			Percent: true, Best: 1, Cases: PerClass},
	}
	score = Metric{Name: "score", Short: "score", Best: 1, Cases: Score}
	// scored are the figures of a benchmark's rules, beside its own score.
	scored = []Metric{
		score,
		{Name: "ece", Short: "ECE", Long: "expected calibration error", Best: -1},
		{Name: "roc-auc", Short: "ROC AUC", Long: "area under the ROC curve", Percent: true, Best: 1},
		{Name: "mAP", Short: "mAP", Long: "mean average precision", Percent: true, Best: 1},
	}
	learned = []Metric{
		{Name: "score-std", Short: "score std.", Long: "standard deviation of the score over draws"},
		trainImages,
	}
)

// boxes are the figures of detection, COCO's and LVIS's.
var boxes = []Metric{
	precisionOf("AP", "AP", "average precision"),
	precisionOf("AP50", "AP50", "average precision at an overlap of 0.5"),
	precisionOf("AP75", "AP75", "average precision at an overlap of 0.75"),
	precisionOf("APs", "AP small", "average precision of small objects"),
	precisionOf("APm", "AP medium", "average precision of medium objects"),
	precisionOf("APl", "AP large", "average precision of large objects"),
	precisionOf("APr", "AP rare", "average precision of rare categories"),
	precisionOf("APc", "AP common", "average precision of common categories"),
	precisionOf("APf", "AP frequent", "average precision of frequent categories"),
	precisionOf("AP50-novel", "AP50 novel", "average precision at 0.5 of novel categories"),
	precisionOf("AP50-base", "AP50 base", "average precision at 0.5 of base categories"),
	precisionOf("AR@K", "AR@K", "average recall of K boxes a picture"),
	precisionOf("ARs", "AR small", "average recall of small objects"),
	precisionOf("ARm", "AR medium", "average recall of medium objects"),
	precisionOf("ARl", "AR large", "average recall of large objects"),
}

// pixels are the figures of segmentation.
var pixels = []Metric{
	precisionOf("mIoU", "mIoU", "overlap of said and true pixels, the mean over classes"),
	precisionOf("mAcc", "mAcc", "accuracy of pixels, the mean over classes"),
	precisionOf("aAcc", "aAcc", "accuracy of all pixels"),
}

// precisionOf is a share of which more is better.
func precisionOf(name, short, long string) Metric {
	return Metric{Name: name, Short: short, Long: long, Percent: true, Best: 1}
}

// retrieved are facts about pairs: but for their precision and the recall of the index, more of
// them is neither better nor worse.
var retrieved = []Metric{
	unique,
	shortfall,
	{Name: "class-least", Short: "least class", Long: "pairs of the class with the fewest"},
	{Name: "class-median", Short: "median class", Long: "pairs of the median class"},
	overlap,
	nameRate,
	precision.better(1),
	dead,
	{Name: "near", Short: "near copies"},
	{Name: "collisions", Short: "collisions", Long: "images found for several classes"},
	{Name: "leaks", Short: "leaks", Long: "pairs that are in the test set"},
	{Name: "leaks-file", Short: "leaks by file", Long: "pairs in the test set, by file"},
	{Name: "leaks-hash", Short: "leaks by hash", Long: "pairs in the test set, by perceptual hash"},
	{Name: "leaks-cosine", Short: "leaks by cosine", Long: "pairs in the test set, by embedding"},
	{Name: "leaks-caption", Short: "leaks by caption", Long: "pairs in the test set, by caption"},
	{Name: "t2t-recall", Short: "T2T recall", Long: "share of the exact T2T hits found", Best: 1},
	{Name: "t2t-recall-worst", Short: "T2T worst class",
		Long: "share of the exact T2T hits found, worst class", Best: 1},
	{Name: "t2i-recall", Short: "T2I recall", Long: "share of the exact T2I hits found", Best: 1},
	{Name: "t2i-recall-worst", Short: "T2I worst class",
		Long: "share of the exact T2I hits found, worst class", Best: 1},
	{Name: "pairs", Short: "pairs", OfClasses: true},
}
