package rules

import (
	"slices"

	"react/ops/modality"
)

// checkRetrieve holds the fields together that say how lists become one.
func (s Scene) checkRetrieve() {
	by := s.Values.Choices("retrieve.by")
	if s.IsBad("retrieve") || s.IsBad("retrieve.by") || len(by) == 0 {
		return
	}
	fuse := s.Values.Text("retrieve.fuse")
	joins := fuse == "sum" || fuse == "rrf"
	byClass := func(name string) bool { return modality.Of(name).ByClass }
	unscored := func(name string) bool { return modality.Of(name).Side == "" }
	switch {
	case joins && len(by) == 1:
		s.report("retrieve.fuse", "%q joins lists, and retrieve.by has one modality (two or more, or \"union\")", fuse)
	case fuse == "sum" && slices.ContainsFunc(by, unscored):
		s.report("retrieve.fuse", "\"sum\" adds T2T and T2I scores; text-match has none of their kind (\"rrf\", or by: [\"t2t\", \"t2i\"])")
	case joins && slices.ContainsFunc(by, byClass) && s.Values.Text("retrieve.per") != "class" && s.Values.Text("retrieve.prompts") != "mean":
		s.report("retrieve.fuse", "text-match has one list for each class, the others one for each prompt (per: \"class\", or prompts: \"mean\")")
	}
	repeated := slices.Sorted(slices.Values(by))
	if len(slices.Compact(repeated)) < len(by) {
		s.report("retrieve.by", "the same modality twice (each once)")
	}
}
