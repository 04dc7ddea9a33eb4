package spec

import (
	"encoding/json"
	"slices"
	"strings"

	"react/data/datasets"
)

// probeFields are those that only a probe and fine-tuning read (method only a probe), with what they are where a file does not say.
var probeFields = []struct{ name, value string }{{"train", ""}, {"trainList", ""}, {"method", `"sgd"`}, {"init", `"language"`}, {"shots", "0"}, {"samples", ""}, {"best", `"last"`}}

// learns says whether a kind trains on labelled images.
func learns(kind string) bool { return kind == "probe" || kind == "finetune" }

// fillProbe gives a probe, or fine-tuning, its defaults: three draws of few shots, one of all images.
func (v values) fillProbe(path string) {
	kind := v.text(path + ".kind")
	if !learns(kind) {
		return
	}
	for _, f := range probeFields {
		if p := path + "." + f.name; !v.has(p) && f.value != "" && (f.name != "method" || kind == "probe") {
			v[p] = json.RawMessage(f.value)
		}
	}
	if p := path + ".samples"; !v.has(p) {
		v[p] = json.RawMessage("3")
		if v.number(path+".shots") == 0 {
			v[p] = json.RawMessage("1")
		}
	}
}

// checkKind reports fields that an evaluation of its kind does not read.
func (s scene) checkKind(path string) {
	kind := s.v.text(path + ".kind")
	if kind == "" || s.isBad(path+".kind") {
		return
	}
	unread := func(field, what string) {
		if p := path + "." + field; s.given(p) && !s.isBad(p) {
			s.report(p, "not read by kind %q (%s)", kind, what)
		}
	}
	if kind == "mean" {
		s.checkMean(path)
		return
	}
	unread("of", "of mean")
	for _, f := range probeFields {
		if f.name == "method" && kind != "probe" {
			unread(f.name, "of probe")
		} else if !learns(kind) {
			unread(f.name, "of probe and finetune")
		}
	}
	if kind == "pairs" {
		unread("truncate", "of what reads prompts or captions")
	}
	if kind == "probe" {
		s.checkProbe(path)
	}
	s.checkTraining(path, kind)
	s.checkScores(path, kind)
	if kind != "zeroshot" {
		unread("protocol", "of zeroshot")
	}
	if kind == "retrieval" {
		unread("promptsFile", "of zeroshot, probe and finetune")
		unread("knowledge", "of zeroshot, probe and finetune")
		s.checkCaptions(path)
	}
	if kind == "pairs" {
		unread("prompts", "of zeroshot, retrieval, probe and finetune")
		unread("promptsFile", "of zeroshot, probe and finetune")
	}
	if learns(kind) && s.v.number(path+".shots") == 0 && s.v.number(path+".samples") > 1 {
		s.report(path+".samples", "%s draws of all images are one (shots, or 1)", s.v[path+".samples"])
	}
}

// checkProbe reports fields that only training by steps reads.
func (s scene) checkProbe(path string) {
	method := s.v.text(path + ".method")
	if method == "sgd" || method == "" || s.isBad(path+".method") {
		return
	}
	for _, field := range []string{"init", "best"} {
		if p := path + "." + field; s.given(p) && !s.isBad(p) {
			s.report(p, "not read by method %q (of sgd)", method)
		}
	}
}

// checkCaptions: a template stands around a caption, so there is at most one, and a world's sets have labels only.
func (s scene) checkCaptions(path string) {
	var prompts []string
	if json.Unmarshal(s.v[path+".prompts"], &prompts) == nil && len(prompts) > 1 {
		s.report(path+".prompts", "%d templates (retrieval puts at most one around each caption)", len(prompts))
	}
	if strings.HasPrefix(s.v.text(path+".dataset"), "pool:") {
		s.report(path+".dataset", "the sets of a world pool have labels, not captions (a folder with Karpathy's JSON or webdataset captions)")
	}
	if e, err := datasets.Find(s.v.text(path + ".benchmark")); err == nil && e.Kind != "captions" {
		s.report(path+".benchmark", "%s has labels, not captions (one of %s)", e.Name, strings.Join(captioned(), ", "))
	}
}

func captioned() []string {
	all := slices.DeleteFunc(slices.Clone(datasets.Catalogue()), func(e *datasets.Entry) bool { return e.Kind != "captions" })
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	return names
}

// checkEvaluation holds the fields of an evaluation together: which read which, and what the catalogue knows.
func (s scene) checkEvaluation(path string) {
	s.checkBenchmark(path)
	s.checkKind(path)
	if s.v.has(path+".promptsFile") && s.v.has(path+".prompts") {
		s.report(path+".promptsFile", "given beside prompts (one of them)")
	}
	s.checkKnowledge(path)
}

// checkBenchmark looks the name up in the catalogue.
func (s scene) checkBenchmark(path string) {
	s.benchmarkExists(path + ".benchmark")
}

// benchmarkExists reports a name that the catalogue does not have.
func (s scene) benchmarkExists(p string) {
	if !s.v.has(p) || s.isBad(p) {
		return
	}
	name := s.v.text(p)
	if _, err := datasets.Find(name); err != nil {
		var names []string
		for _, e := range datasets.Catalogue() {
			names = append(names, e.Name)
		}
		s.report(p, "no benchmark %q%s", name, didYouMean(name, names, "benchmarks"))
	}
}
