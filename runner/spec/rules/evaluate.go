package rules

import (
	"encoding/json"
	"slices"
	"strings"

	"react/data/datasets/catalogue"
	"react/data/world"
	"react/results/evaluation"
	"react/runner/spec/mistake"
)

// checkKind holds together the fields that an evaluation of its kind reads.
func (s Scene) checkKind(path string) {
	if s.IsBad(path + ".kind") {
		return
	}
	kind := evaluation.Of(s.Values.Text(path + ".kind"))
	if kind.Combines {
		s.checkMean(path)
	}
	if kind.Captions {
		s.checkCaptions(path)
	}
	if kind.TrainsTower {
		s.checkTraining(path + ".training")
	}
	if kind.Learns && s.Values.Number(path+".shots") == 0 && s.Values.Number(path+".samples") > 1 {
		s.report(path+".samples", "%s draws of all images are one (shots, or 1)", s.Values[path+".samples"])
	}
	if kind.Protocols {
		s.checkScores(path)
	}
	s.checkPlaces(path, kind)
}

// scenes is the set of a world pool that has boxes and masks.
const scenes = world.SceneSet

// checkPlaces holds pictures, boxes and what is read of them together; only kinds that name places
// of pictures read a world's scenes.
func (s Scene) checkPlaces(path string, kind evaluation.Kind) {
	pool, isPool := strings.CutPrefix(s.Values.Text(path+".dataset"), "pool:")
	pool, set, _ := strings.Cut(pool, "/")
	if s.IsBad(path + ".dataset") {
		return
	}
	switch {
	case !kind.Places && isPool && set == scenes:
		s.report(path+".dataset", "scenes have boxes and masks, not a label each (kind: \"detection\" or \"segmentation\")")
	case !kind.Places:
		return
	case isPool && set != scenes:
		s.report(path+".dataset", "the set %q of a world pool has labels, not boxes and masks (\"pool:%s/%s\")", set, pool, scenes)
	case isPool && s.Values.Has(path+".images"):
		s.report(path+".images", "given beside a set of a pool, which has its own pictures (one of them)")
	case !isPool && s.Values.Has(path+".dataset") && !s.Values.Has(path+".images"):
		s.report(path+".images", "missing (%s)", s.Find(path+".images").Wanted())
	}
	s.checkFeatures(path)
}

// checkFeatures: windows have a stride, crops are of boxes, keys are of values.
func (s Scene) checkFeatures(path string) {
	features, detects := s.Values.Text(path+".features"), s.Values.Text(path+".kind") == "detection"
	if !detects && slices.Contains([]string{"auto", "c4", "crop"}, features) {
		s.report(path+".features", "%q is of boxes (segmentation: \"value\", \"tokens\" or \"window\")", features)
	}
	if s.given(path+".stride") && features != "window" {
		s.report(path+".stride", "read with windows only (features: \"window\")")
	}
	if s.given(path+".margin") && features != "crop" {
		s.report(path+".margin", "read with crops only (features: \"crop\")")
	}
	if s.given(path+".side") && features == "crop" {
		s.report(path+".side", "not read with crops, which take boxes as they are (features: \"value\")")
	}
	if s.Values.Number(path+".keySmoothing") > 0 && features != "value" {
		s.report(path+".keySmoothing", "features %q have no keys (features: \"value\")", features)
	}
	proposals := s.Values.Text(path + ".proposals")
	if o := s.Values.Text(path + ".objectness"); o != "none" && o != "" && (proposals == "truth" || proposals == "grid") {
		s.report(path+".objectness", "proposals %q have no scores (a file of COCO results)", proposals)
	}
	if s.given(path+".nms") && s.Values.Has(path+".softNMS") {
		s.report(path+".softNMS", "given beside nms (one of them)")
	}
}

// checkCaptions: a template stands around a caption, so there is at most one, and a world's sets
// have labels only.
func (s Scene) checkCaptions(path string) {
	if n := len(s.Values.Texts(path + ".prompts")); n > 1 {
		s.report(path+".prompts", "%d templates (retrieval puts at most one around each caption)", n)
	}
	if strings.HasPrefix(s.Values.Text(path+".dataset"), "pool:") {
		s.report(path+".dataset", "the sets of a world pool have labels, not captions (a folder with Karpathy's JSON or webdataset captions)")
	}
	if e, err := catalogue.Find(s.Values.Text(path + ".benchmark")); err == nil && e.Kind != "captions" {
		s.report(path+".benchmark", "%s has labels, not captions (one of %s)", e.Name, strings.Join(captioned(), ", "))
	}
}

func captioned() []string {
	all := slices.DeleteFunc(slices.Clone(catalogue.All()), func(e *catalogue.Entry) bool { return e.Kind != "captions" })
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	return names
}

// checkEvaluation holds the fields of an evaluation together: which read which, and what the
// catalogue knows.
func (s Scene) checkEvaluation(path string) {
	if kind := s.Values.Text(path + ".kind"); evaluation.Of(kind).Places {
		s.placesBenchmark(path+".benchmark", kind)
	} else {
		s.benchmarkExists(path + ".benchmark")
	}
	s.checkKind(path)
	if s.Values.Has(path+".promptsFile") && s.Values.Has(path+".prompts") {
		s.report(path+".promptsFile", "given beside prompts (one of them)")
	}
	s.checkPrompts(path)
	s.checkKnowledge(path)
}

// checkPrompts: class names that are embedded stand in prompts, which an evaluation has of its own,
// of its benchmark or of the task. Where the task needs some itself, it says that they are missing.
func (s Scene) checkPrompts(path string) {
	kind, init := evaluation.Of(s.Values.Text(path+".kind")), path+".init"
	embeds := kind.NamesClasses()
	if kind.Learns {
		embeds = s.Values.Text(init) == "language" && s.Find(init).IsRead(s.Values, init)
	}
	for _, source := range []string{".prompts", ".promptsFile", ".benchmark"} {
		embeds = embeds && !s.Values.Has(path+source)
	}
	if embeds && !s.retrieves() && !s.IsBad("task.prompts") {
		s.report(path+".prompts", "missing (%s; or task.prompts)", s.Find(path+".prompts").Wanted())
	}
}

// mostRuns bounds a grid of learning rates and weight decays.
const mostRuns = 100

// checkTraining holds fine-tuning's numbers together.
func (s Scene) checkTraining(path string) {
	var rates, decays []float64
	_ = json.Unmarshal(s.Values[path+".lr"], &rates) // the schema has seen that they are lists
	_ = json.Unmarshal(s.Values[path+".weightDecay"], &decays)
	if n := len(rates) * len(decays); n > mostRuns {
		s.report(path+".weightDecay", "%d learning rates times %d weight decays are %d runs (at most %d)", len(rates), len(decays), n, mostRuns)
	}
	if warmup, epochs := s.Values.Number(path+".warmup"), s.Values.Number(path+".epochs"); warmup > epochs {
		s.report(path+".warmup", "%g is over epochs %g (at most that)", warmup, epochs)
	}
	for _, ends := range []string{".augment.crop", ".augment.ratio"} {
		s.ordered(path + ends)
	}
}

// checkScores: a kind that goes by a protocol has a probability of each class only with one.
func (s Scene) checkScores(path string) {
	if p := path + ".scores"; s.given(p) && string(s.Values[p]) == "true" && !s.Values.Has(path+".protocol") {
		s.report(p, "kept by zeroshot with a protocol only (protocol: \"elevater\", or the name of a benchmark)")
	}
}

// checkKnowledge holds the sources to their files.
func (s Scene) checkKnowledge(path string) {
	sources := s.Values.Texts(path + ".knowledge")
	if s.Values.Has(path+".knowledge") && s.Values.Has(path+".promptsFile") {
		s.report(path+".knowledge", "given beside promptsFile, whose prompts it would not change (one of them)")
	}
	if slices.Contains(sources, "wiktionary") && !s.Values.Has(path+".wiktionary") {
		s.report(path+".wiktionary", "missing (a file of wiktextract's JSON lines or K-LITE's JSON)")
	}
}

// checkMean holds a mean to the evaluations that it is of: they are there, each once, with a score.
func (s Scene) checkMean(path string) {
	seen := map[string]bool{}
	for _, name := range s.Values.Texts(path + ".of") {
		switch kind := s.Values.Text("evaluate." + name + ".kind"); {
		case kind == "":
			s.report(path+".of", "no evaluation %q%s", name, mistake.DidYouMean(name, s.Values.Names("evaluate"), "evaluations"))
		case !evaluation.Of(kind).Classifies:
			s.report(path+".of", "%q is a %s, which has no score (%s)", name, kind, scoredKinds())
		case seen[name]:
			s.report(path+".of", "%q is there twice (once)", name)
		}
		seen[name] = true
	}
}

// scoredKinds are the kinds that a mean can be of.
func scoredKinds() string {
	var names []string
	for _, k := range evaluation.Kinds() {
		if k.Classifies {
			names = append(names, k.Name)
		}
	}
	return mistake.Listed(names, "or")
}
