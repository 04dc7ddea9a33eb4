package spec

import (
	"encoding/json"
	"slices"
	"strings"

	"react/ops/clip"
	"react/results/evaluation"
)

// promptDefaults are those of mode prompt, CoOp's; other modes have no such fields.
var promptDefaults = map[string]string{"context": "16", "contexts": `"shared"`, "position": `"end"`}

// fillPrompt gives mode prompt its defaults.
func (v values) fillPrompt() {
	if v.text("tune.mode") != "prompt" {
		return
	}
	for name, value := range promptDefaults {
		if p := "tune." + name; !v.has(p) {
			v[p] = json.RawMessage(value)
		}
	}
}

// wordNetFolder is where Debian's wordnet-base puts the database.
const wordNetFolder = "/usr/share/wordnet"

// sources are the texts of knowledge that an evaluation asks for.
func (v values) sources(path string) []string {
	var out []string
	if json.Unmarshal(v[path+".knowledge"], &out) != nil {
		return nil
	}
	return out
}

// fillKnowledge names the folder of WordNet where it is read.
func (v values) fillKnowledge(path string) {
	asked := slices.ContainsFunc(v.sources(path), func(s string) bool { return strings.HasPrefix(s, "wordnet") })
	if p := path + ".wordnet"; asked && !v.has(p) {
		v[p] = json.RawMessage(`"` + wordNetFolder + `"`)
	}
}

// checkKnowledge holds the sources to their files.
func (s scene) checkKnowledge(path string) {
	sources := s.v.sources(path)
	if s.v.has(path+".knowledge") && s.v.has(path+".promptsFile") {
		s.report(path+".knowledge", "given beside promptsFile, whose prompts it would not change (one of them)")
	}
	if slices.Contains(sources, "wiktionary") && !s.v.has(path+".wiktionary") {
		s.report(path+".wiktionary", "missing (a file of wiktextract's JSON lines or K-LITE's JSON)")
	}
}

// checkTune holds what is asked of a pair, and of a prompt, to the mode.
func (s scene) checkTune() {
	mode := s.v.text("tune.mode")
	if s.isBad("tune.mode") || mode == "none" || mode == "" {
		return
	}
	if mode == "prompt" {
		s.checkPrompt()
		return
	}
	if objective := s.v.text("tune.objective"); s.v.has("tune.captions") && objective != "" && objective != "contrastive" && s.v.text("tune.after") != "contrastive" {
		s.report("tune.captions", "not read by objective %q, which trains on classes (of contrastive)", objective)
	}
	for _, field := range []string{"after", "objective"} {
		p := "tune." + field
		of := s.v.text(p)
		if s.isBad(p) || of == "" || of == "contrastive" {
			continue
		}
		if m, err := clip.ModeOf(mode); err == nil && m.Text {
			s.report(p, "%s trains the image side against the text of the classes, and mode %q trains the text tower (%s)", of, mode, strings.Join(clip.TextLockedModes(), " or "))
			return
		}
		if source := s.v.text("pairs.source"); of == "retrieved-class" && (source != "retrieved" && source != "") {
			s.report(p, "pairs.source %q gives pairs that no query found, so they have no class (source \"retrieved\", or self-training)", source)
			return
		}
	}
}

// checkPrompt finds what mode prompt needs, and what it does not read.
func (s scene) checkPrompt() {
	if !s.v.has("tune.labelled") && !s.isBad("tune.labelled") {
		s.report("tune.labelled", "missing (mode prompt learns from labelled images: a folder, or \"pool:NAME/SET\")")
	}
	if p := "tune.captions"; s.v.has(p) && !s.isBad(p) {
		s.report(p, "not read by mode \"prompt\", which learns from labelled images")
	}
	for _, field := range []string{"after", "objective"} {
		if p := "tune." + field; s.v.has(p) && !s.isBad(p) && s.v.text(p) != "contrastive" {
			s.report(p, "not read by mode \"prompt\", which learns from labelled images")
		}
	}
	s.benchmarkExists("tune.benchmark")
}

// checkMean holds a mean to the evaluations that it is of: they are there, each once, with a score.
func (s scene) checkMean(path string) {
	var of []string
	_ = json.Unmarshal(s.v[path+".of"], &of) // the schema has seen that it is a list
	seen := map[string]bool{}
	for _, name := range of {
		switch kind := s.v.text("evaluate." + name + ".kind"); {
		case kind == "":
			s.report(path+".of", "no evaluation %q%s", name, didYouMean(name, s.v.names("evaluate"), "evaluations"))
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
	return listed(names, "or")
}
