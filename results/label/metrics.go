package label

import (
	"fmt"
	"slices"
	"strings"

	"react/results/evaluation"
)

// metrics are keyed by the names of package evaluation, with a set before those that mean something
// else there; K stands for the number of a name.
var metrics = map[string]Label{
	"acc@1":            {"acc.", "accuracy", ""},
	"acc@K":            {"top-K acc.", "top-K accuracy", ""},
	"mean-per-class":   {"class acc.", "accuracy, the mean over classes", ""},
	"agreement":        {"agreement", "agreement with the base", ""},
	"delta":            {"gain", "accuracy less that of the base", ""},
	"confusion":        {"confusions", "", "images"},
	"i2t-recall@K":     {"I2T R@K", "image-to-text recall at K", ""},
	"t2i-recall@K":     {"T2I R@K", "text-to-image recall at K", ""},
	"i2t-set-recall@K": {"I2T set R@K", "image-to-text recall at K of all captions", ""},
	"i2t-delta":        {"I2T gain", "image-to-text recall at 1 less that of the base", ""},
	"t2i-delta":        {"T2I gain", "text-to-image recall at 1 less that of the base", ""},
	"score":            {"score", "", ""},
	"score-std":        {"score std.", "standard deviation of the score over draws", ""},
	"ece":              {"ECE", "expected calibration error", ""},
	"roc-auc":          {"ROC AUC", "area under the ROC curve", ""},
	"mAP":              {"mAP", "mean average precision", ""},
	"train-images":     {"train images", "training images", ""},

	"unique":           {"unique pairs", "", ""},
	"pairs":            {"pairs", "", ""},
	"shortfall":        {"shortfall", "shortfall of what K asks for", ""},
	"class-least":      {"least class", "pairs of the class with the fewest", ""},
	"class-median":     {"median class", "pairs of the median class", ""},
	"overlap":          {"overlap", "share of pairs of several classes", ""},
	"name-rate":        {"names", "share of captions that hold the class name", ""},
	"precision":        {"precision", "", ""},
	"relevant":         {"relevant", "share of pairs of any class of the task", ""},
	"dead":             {"dead links", "share of candidates without an image", ""},
	"near":             {"near copies", "", ""},
	"collisions":       {"collisions", "images found for several classes", ""},
	"leaks":            {"leaks", "pairs that are in the test set", ""},
	"leaks-file":       {"leaks by file", "pairs in the test set, by file", ""},
	"leaks-hash":       {"leaks by hash", "pairs in the test set, by perceptual hash", ""},
	"leaks-cosine":     {"leaks by cosine", "pairs in the test set, by embedding", ""},
	"leaks-caption":    {"leaks by caption", "pairs in the test set, by caption", ""},
	"t2t-recall":       {"T2T recall", "share of the exact T2T hits found", ""},
	"t2t-recall-worst": {"T2T worst class", "share of the exact T2T hits found, worst class", ""},
	"t2i-recall":       {"T2I recall", "share of the exact T2I hits found", ""},
	"t2i-recall-worst": {"T2I worst class", "share of the exact T2I hits found, worst class", ""},

	"pairs/share":       {"share of pool", "share of the pool that was retrieved", ""},
	"balance/shortfall": {"shortfall", "share of the places of K that stay empty", ""},
	"own":               {"own pairs", "pairs found for no other class", ""},
	"common":            {"in common", "pairs in common with the other class", ""},
	"labelled":          {"labelled", "pairs with a class", ""},
	"labels/share":      {"share labelled", "share of the pairs that have a class", ""},
	"confidence":        {"confidence", "mean probability of the class", ""},
	"loss":              {"loss", "training loss", ""},
	"positives":         {"positives", "mean size of P(i)", ""},
	"epochs":            {"epochs", "passes over the pairs", ""},
	"logitScale":        {"logit scale", "", ""},
	"tanhAlpha":         {"tanh α", "mean opening of the gates, tanh α", ""},
	"recall@K":          {"recall", "share of the K exact hits found", ""},
	"worst":             {"worst class", "share of the exact hits found, worst class", ""},
}

// hitScores are the ways whose hits have scores, "t2t-score" and its quarters.
var hitScores = map[string]string{
	"t2t": "T2T", "t2i": "T2I", "text-match": "text match", "sum": "sum", "rrf": "RRF",
}

// Metric is the label of a figure of a set: of an evaluation with its title before it, of a stage
// and of an evaluation of pairs without, since those figures say themselves what they are of.
func Metric(set, name string) Label {
	ofPairs := slices.ContainsFunc(evaluation.Of("pairs").Metrics,
		func(m evaluation.Metric) bool { return m.Named(name) })
	if evaluation.IsStage(set) || set == "*" || ofPairs {
		return labelOf(set, name).after("")
	}
	return InFull(set, name)
}

// InFull is the label with the set before it, whatever that is.
func InFull(set, name string) Label { return labelOf(set, name).after(Title(set)) }

func labelOf(set, name string) Label {
	if l, ok := metricOf(set, name); ok {
		return l
	}
	return Label{Short: name}
}

func metricOf(set, name string) (Label, bool) {
	known, _ := evaluation.MetricOf(set, name)
	for _, key := range []string{set + "/" + name, name, known.Name} {
		l, ok := metrics[key]
		if ok && strings.Contains(known.Name, "K") {
			k := fmt.Sprint(known.K(name))
			l.Short, l.Long = strings.Replace(l.Short, "K", k, 1), strings.Replace(l.Long, "K", k, 1)
		}
		if ok {
			return l, true
		}
	}
	way, quarter, ok := strings.Cut(name, "-score")
	if short := hitScores[way]; ok && short != "" {
		switch quarter {
		case "":
			return Label{short + " score", "median score of " + short + " hits", ""}, true
		case "-q25":
			return Label{short + " 25 %", "first quarter of the scores of " + short + " hits", ""}, true
		case "-q75":
			return Label{short + " 75 %", "last quarter of the scores of " + short + " hits", ""}, true
		}
	}
	return Label{}, false
}
