package label

import "strings"

// fields are keyed by the end of a path, the longest that fits: "lr" serves tuning, pretraining and
// evaluations alike. What a path is of stands in groups.
var fields = map[string]Label{
	// of rows, in no section
	"label":       {"Setting", "", ""},
	"seed":        {"Seed", "", ""},
	"class":       {"Class", "", ""},
	"class.other": {"Other class", "", ""},
	"set":         {"Dataset", "", ""},
	"engine":      {"Engine", "", ""},
	"experiment":  {"Experiment", "", ""},

	"arch":        {"Model", "architecture", ""},
	"weights":     {"Weights", "checkpoint", ""},
	"imageSize":   {"Image size", "", "px"},
	"precision":   {"Precision", "precision of the arithmetic", ""},
	"pool":        {"Pool", "", ""},
	"steps":       {"Steps", "optimizer steps", ""},
	"every":       {"Saves", "steps between checkpoints", ""},
	"step":        {"Checkpoint", "step of the checkpoint", ""},
	"batch":       {"Batch", "batch size", ""},
	"lr":          {"LR", "learning rate", ""},
	"warmup":      {"Warmup", "steps of warmup", ""},
	"weightDecay": {"Weight decay", "", ""},
	"gradClip":    {"Clip", "largest norm of the gradient", ""},
	"vocab":       {"Vocabulary", "tokens of the vocabulary", ""},
	"crop":        {"Crop", "share of the image that a crop keeps", ""},
	"ratio":       {"Ratio", "aspect ratio of crops", ""},
	"flip":        {"Flip", "probability of a flip", ""},
	"color":       {"Color", "strength of color jitter", ""},
	"randAugment": {"RandAugment", "", ""},
	"erasing":     {"Erasing", "probability of erasing", ""},

	"embeddings":    {"Embeddings", "folder of embeddings", ""},
	"laion":         {"Metadata", "files of metadata", ""},
	"shards":        {"Shards", "files of images", ""},
	"rows":          {"Rows", "rows of the pool", ""},
	"maxBad":        {"Bad images", "bad images that are let pass", ""},
	"maxBadShare":   {"Bad share", "share of bad images that is let pass", ""},
	"minSimilarity": {"Min. similarity", "least similarity of image and caption", ""},
	"maxSimilarity": {"Max. similarity", "largest similarity of image and caption", ""},
	"minSide":       {"Min. side", "shortest side of images", "px"},
	"maxAspect":     {"Max. aspect", "largest aspect ratio of images", ""},
	"nsfw":          {"NSFW", "NSFW tags kept", ""},
	"maxPunsafe":    {"Max. unsafe", "largest probability of being unsafe", ""},
	"maxPwatermark": {"Max. watermark", "largest probability of a watermark", ""},
	"minAesthetic":  {"Min. aesthetic", "least aesthetic score", ""},
	"language":      {"Language", "languages of captions", ""},
	"license":       {"License", "licenses of images", ""},
	"minWords":      {"Min. words", "fewest words of a caption", ""},
	"minChars":      {"Min. chars", "fewest characters of a caption", ""},
	"maxChars":      {"Max. chars", "most characters of a caption", ""},
	"fraction":      {"Fraction", "share of the pool that is kept", ""},
	"blocklist":     {"Blocklist", "", ""},
	"within":        {"Within", "pinned pool that rows are of", ""},
	"unknown":       {"Unknown", "what becomes of rows without a value", ""},
	"world.classes": {"Classes", "classes of the world", ""},
	"testPerClass":  {"Test images", "test images of each class", ""},
	"named":         {"Named", "share of captions with the class name", ""},
	"irrelevant":    {"Irrelevant", "share of irrelevant rows", ""},
	"duplicates":    {"Duplicates", "share of duplicates", ""},
	"wrong":         {"Wrong", "share of wrong captions", ""},
	"vague":         {"Vague", "share of vague captions", ""},
	"photo":         {"Photos", "share of photos", ""},
	"size":          {"Image size", "", "px"},
	"scenes":        {"Scenes", "pictures of several things", ""},

	"task.classes": {"Classes", "class names", ""},
	"synonyms":     {"Synonyms", "", ""},
	"prompts":      {"Prompts", "", ""},

	"index.kind":     {"Index", "kind of index", ""},
	"m":              {"M", "links of each row (M)", ""},
	"efConstruction": {"efConstruction", "", ""},
	"efSearch":       {"efSearch", "", ""},
	"nlist":          {"nlist", "cells of the index (nlist)", ""},
	"nprobe":         {"nprobe", "cells searched (nprobe)", ""},
	"trainSize":      {"Train rows", "rows that the index is trained on", ""},
	"code":           {"Code", "bytes of a row's code", "bytes"},
	"factory":        {"Index", "FAISS's name of the index", ""},
	"memoryGiB":      {"Memory", "memory of the index", "GiB"},
	"shardRows":      {"Shard rows", "rows of a shard of the index", ""},
	"recall":         {"Recall", "recall that the index is set to", ""},

	"retrieve.by":      {"Retrieval", "way of retrieval", ""},
	"k":                {"K", "pairs for each query (K)", ""},
	"per":              {"K per", "what K is for", ""},
	"overfetch":        {"Overfetch", "search depth by K", ""},
	"fuse":             {"Fusion", "how the ways are joined", ""},
	"weight":           {"T2T weight", "weight of T2T in the sum", ""},
	"retrieve.prompts": {"Queries", "how prompts make queries", ""},
	"minT2T":           {"Min. T2T", "least T2T score", ""},
	"minT2I":           {"Min. T2I", "least T2I score", ""},
	"budget":           {"Budget", "most pairs in all", ""},

	"dedup":         {"Dedup.", "deduplication", ""},
	"source":        {"Pairs", "source of the pairs", ""},
	"pairs.control": {"Pairs", "source of the pairs", ""}, // its name in runner/v1
	"draw":          {"Draw", "how random pairs are drawn", ""},
	"nearHash":      {"Near, hash", "bits in which near copies differ", "bits"},
	"nearCosine":    {"Near, cosine", "cosine of near copies", ""},
	"collisions":    {"Collisions", "what becomes of collisions", ""},
	"leaks":         {"Leaks", "what becomes of leaks", ""},
	"leakHash":      {"Leak, hash", "bits in which leaks differ", "bits"},
	"leakCosine":    {"Leak, cosine", "cosine of leaks", ""},

	"mode":                   {"Mode", "tuning mode", ""},
	"objective":              {"Objective", "", ""},
	"after":                  {"After", "objective before this one", ""},
	"threshold":              {"Threshold", "least probability of the teacher's class", ""},
	"perClass":               {"Per class", "pairs of each class", ""},
	"soft":                   {"Soft", "soft targets", ""},
	"temperature":            {"Temperature", "temperature of the teacher", ""},
	"evaluate.*.temperature": {"Temperature", "temperature of the scores", ""},
	"rounds":                 {"Rounds", "rounds of self-training", ""},
	"labelled":               {"Images", "labelled images", ""},
	"benchmark":              {"Benchmark", "", ""},
	"shots":                  {"Shots", "images of each class", ""},
	"context":                {"Context", "vectors of the context", ""},
	"contexts":               {"Contexts", "whose the context is", ""},
	"position":               {"Position", "place of the class name", ""},
	"contextInit":            {"Context init.", "words that the context starts from", ""},
	"ending":                 {"Ending", "ending of the prompt", ""},
	"gamma":                  {"γ", "threshold of positives (γ)", ""},
	"captions":               {"Captions", "captions of each image", ""},
	"positivesFrom":          {"Positives", "whose embeddings decide positives", ""},
	"gatedDepth":             {"Gated blocks", "", ""},
	"alphaLRScale":           {"α LR scale", "learning rate of the gates by the rest's", ""},
	"evaluate.*.kind":        {"Evaluation", "kind of evaluation", ""},
	"images":                 {"Pictures", "folder of pictures", ""},
	"proposals":              {"Proposals", "where boxes come from", ""},
	"objectness":             {"Objectness", "how scores of proposals count", ""},
	"features":               {"Features", "what places are read from", ""},
	"side":                   {"Sides", "shorter and longer side of pictures", "px"},
	"margin":                 {"Margin", "share of a box added around it", ""},
	"stride":                 {"Stride", "pixels between windows", "px"},
	"regions":                {"Regions", "most boxes of a picture", ""},
	"nms":                    {"NMS", "overlap that NMS lets pass", ""},
	"softNMS":                {"Soft NMS", "width of soft NMS", ""},
	"minScore":               {"Min. score", "least score of a box", ""},
	"top":                    {"Top", "boxes of a picture that count", ""},
	"promptDenoising":        {"Denoising", "least probability of a class", ""},
	"keySmoothing":           {"Smoothing", "probability that is not smoothed", ""},
	"keys":                   {"Keys", "how keys are normalised", ""},
	"of":                     {"Of", "evaluations that the mean is of", ""},
	"dataset":                {"Dataset", "", ""},
	"train":                  {"Train set", "training set", ""},
	"method":                 {"Method", "method of the probe", ""},
	"trainList":              {"Train list", "list of training images", ""},
	"init":                   {"Init.", "initialization of the head", ""},
	"samples":                {"Draws", "draws of training images", ""},
	"best":                   {"Model", "epoch whose model is taken", ""},
	"promptsFile":            {"Prompts", "file of prompts", ""},
	"knowledge":              {"Knowledge", "sources of knowledge", ""},
	"wordnet":                {"WordNet", "folder of WordNet", ""},
	"wiktionary":             {"Wiktionary", "file of Wiktionary", ""},
	"truncate":               {"Long prompts", "what becomes of long prompts", ""},
	"protocol":               {"Protocol", "", ""},
	"optimizer":              {"Optimizer", "", ""},
	"epochs":                 {"Epochs", "", ""},
	"searchEpochs":           {"Search epochs", "epochs of the search", ""},
	"training.warmup":        {"Warmup", "epochs of warmup", ""},
	"towerLRScale":           {"Tower LR scale", "learning rate of the tower by the head's", ""},
	"normalization":          {"Normalization", "", ""},
	"scores":                 {"Scores", "scores kept", ""},
}

// groups are what the fields below a path are of; * is a name, and is said where the text is "*".
var groups = []struct{ path, of string }{
	{"backbone.pretrain.", "Pretraining"},
	{"evaluate.*.", "*"},
}

// values are what texts of fields are called, by the name of a field, as those of fields are.
var values = map[string]map[string]string{
	"tune.mode":     {"none": "no tuning"},
	"source":        {"caption-match": "caption match", "pool": "whole pool"},
	"pairs.control": {"none": "retrieved", "caption-match": "caption match", "continued": "whole pool"},
	"retrieve.by":   {"t2t": "T2T", "t2i": "T2I", "text-match": "text match"},
	"fuse":          {"rrf": "RRF"},
	"precision":     {"f32": "FP32", "bf16": "BF16"},
	"index.kind":    {"hnsw": "HNSW", "ivf-flat": "IVF flat", "ivf-pq": "IVF-PQ", "opq-ivf-pq": "OPQ-IVF-PQ"},
	"objective":     {"retrieved-class": "retrieved class"},
	"after":         {"retrieved-class": "retrieved class"},
	"kind":          {"zeroshot": "zero-shot", "probe": "linear probe", "finetune": "fine-tuning"},
	"method":        {"sgd": "SGD"},
	"truncate":      {"keep-eot": "cut before the end", "elevater-compat": "as ELEVATER"},
	"protocol":      {"openai": "OpenAI", "elevater": "ELEVATER", "clip_benchmark": "CLIP benchmark"},
	"optimizer":     {"sgd": "SGD", "adamw": "AdamW"},
	"knowledge":     {"wordnet": "WordNet", "wordnet-path": "WordNet path", "wiktionary": "Wiktionary"},
	"dedup":         yesNo,
	"soft":          yesNo,
	"scores":        yesNo,
}

var yesNo = map[string]string{"true": "yes", "false": "no"}

// Field is the label of a path of a spec, such as "retrieve.k"; ok is false where the table has
// none.
func Field(path string) (l Label, ok bool) {
	generic, of := path, ""
	for _, g := range groups {
		if found, name := below(path, g.path); found {
			of = g.of
			if of == "*" {
				of, generic = Title(name), "evaluate.*."+path[len("evaluate.")+len(name)+1:]
			}
		}
	}
	l, ok = longest(fields, generic)
	if !ok {
		l = Label{Short: path}
	}
	if of != "" && ok {
		l = Label{of + " " + lower(l.Short), of + " " + lower(l.Words()), l.Unit}
	}
	l.Long = Upper(l.Words())
	return l, ok
}

// below says whether a path is of a group, and the name that stands for its *.
func below(path, group string) (found bool, name string) {
	before, after, named := strings.Cut(group, "*")
	rest, found := strings.CutPrefix(path, before)
	if !named || !found {
		return found, ""
	}
	name, rest, found = strings.Cut(rest, ".")
	return found && rest != "" && after == ".", name
}

// longest finds the entry of the longest end of a path.
func longest[T any](table map[string]T, path string) (found T, ok bool) {
	for {
		if found, ok = table[path]; ok {
			return found, ok
		}
		_, rest, more := strings.Cut(path, ".")
		if !more {
			return found, false
		}
		path = rest
	}
}

// lower is a text without its first capital, unless it has others, as an abbreviation does.
func lower(text string) string {
	if len(text) > 1 && strings.ToLower(text[1:]) == text[1:] {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

// Value is what a text on a path is called; several joined by "+" one by one.
func Value(path, text string) string {
	if path == "set" {
		return Title(text)
	}
	if strings.HasSuffix(path, ".crop") || strings.HasSuffix(path, ".ratio") { // two ends
		return strings.Replace(text, "+", "–", 1)
	}
	known, ok := longest(values, path)
	if !ok {
		return text
	}
	if whole, ok := known[text]; ok {
		return whole
	}
	parts := strings.Split(text, "+")
	for i, part := range parts {
		if word, ok := known[part]; ok {
			parts[i] = word
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return strings.Join(parts, " + ")
}
