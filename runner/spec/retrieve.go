package spec

import (
	"slices"

	"react/ops/modality"
	"react/results/evaluation"
)

// judgesPairs says whether an evaluation looks at what was retrieved, so that a trial retrieves even if it does not tune.
func (v values) judgesPairs() bool {
	return slices.ContainsFunc(v.names("evaluate"), func(name string) bool {
		return evaluation.Of(v.text("evaluate." + name + ".kind")).JudgesPairs
	})
}

// checkRetrieve holds the fields together that say how lists become one.
func (s scene) checkRetrieve() {
	by := s.v.choices("retrieve.by")
	if s.isBad("retrieve") || s.isBad("retrieve.by") || len(by) == 0 {
		return
	}
	fuse := s.v.text("retrieve.fuse")
	joins := fuse == "sum" || fuse == "rrf"
	byClass := func(name string) bool { return modality.Of(name).ByClass }
	unscored := func(name string) bool { return modality.Of(name).Side == "" }
	switch {
	case joins && len(by) == 1:
		s.report("retrieve.fuse", "%q joins lists, and retrieve.by has one modality (two or more, or \"union\")", fuse)
	case fuse == "sum" && slices.ContainsFunc(by, unscored):
		s.report("retrieve.fuse", "\"sum\" adds T2T and T2I scores; text-match has none of their kind (\"rrf\", or by: [\"t2t\", \"t2i\"])")
	case joins && slices.ContainsFunc(by, byClass) && s.v.text("retrieve.per") != "class" && s.v.text("retrieve.prompts") != "mean":
		s.report("retrieve.fuse", "text-match has one list for each class, the others one for each prompt (per: \"class\", or prompts: \"mean\")")
	}
	repeated := slices.Sorted(slices.Values(by))
	if len(slices.Compact(repeated)) < len(by) {
		s.report("retrieve.by", "the same modality twice (each once)")
	}
}

// isMoot says whether a field that this trial does not read need not be spoken of: it was reported, or what decides whether it is read varies,
// and other trials read it.
func (s scene) isMoot(path, decider string) bool {
	return s.isBad(path) || s.isBad(decider) || s.swept[decider] && !s.a.set.has(path)
}
