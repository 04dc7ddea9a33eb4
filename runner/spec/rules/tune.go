package rules

import (
	"strings"

	"react/ops/clip"
)

// checkTune holds what is asked of a pair, and of a prompt, to the mode.
func (s Scene) checkTune() {
	mode := s.Values.Text("tune.mode")
	if s.IsBad("tune.mode") || mode == "none" || mode == "" {
		return
	}
	if mode == "prompt" {
		s.checkPrompt()
		return
	}
	if objective := s.Values.Text("tune.objective"); s.Values.Has("tune.captions") && objective != "" && objective != "contrastive" && s.Values.Text("tune.after") != "contrastive" {
		s.report("tune.captions", "not read by objective %q, which trains on classes (of contrastive)", objective)
	}
	for _, field := range []string{"after", "objective"} {
		p := "tune." + field
		of := s.Values.Text(p)
		if s.IsBad(p) || of == "" || of == "contrastive" {
			continue
		}
		if m, err := clip.ModeOf(mode); err == nil && m.Text {
			s.report(p, "%s trains the image side against the text of the classes, and mode %q trains the text tower (%s)", of, mode, strings.Join(clip.TextLockedModes(), " or "))
			return
		}
		if source := s.Values.Text("pairs.source"); of == "retrieved-class" && (source != "retrieved" && source != "") {
			s.report(p, "pairs.source %q gives pairs that no query found, so they have no class (source \"retrieved\", or self-training)", source)
			return
		}
	}
}

// checkPrompt finds what mode prompt needs, and what it does not read.
func (s Scene) checkPrompt() {
	if !s.Values.Has("tune.labelled") && !s.IsBad("tune.labelled") {
		s.report("tune.labelled", "missing (mode prompt learns from labelled images: a folder, or \"pool:NAME/SET\")")
	}
	if p := "tune.captions"; s.Values.Has(p) && !s.IsBad(p) {
		s.report(p, "not read by mode \"prompt\", which learns from labelled images")
	}
	for _, field := range []string{"after", "objective"} {
		if p := "tune." + field; s.Values.Has(p) && !s.IsBad(p) && s.Values.Text(p) != "contrastive" {
			s.report(p, "not read by mode \"prompt\", which learns from labelled images")
		}
	}
	s.benchmarkExists("tune.benchmark")
}
