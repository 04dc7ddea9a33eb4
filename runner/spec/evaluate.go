package spec

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"react/data/datasets/catalogue"
	"react/results/evaluation"
)

// fillLearning gives an evaluation that learns its defaults: three draws of few shots, one of all
// images.
func (c *contract) fillLearning(v values, at string) {
	kind := v.text(at + ".kind")
	if !evaluation.Of(kind).Learns {
		return
	}
	fields := c.params.child("evaluate").elem
	for name, raw := range c.learning {
		if p := at + "." + name; !v.has(p) && fields.child(name).only[0].holds(kind) {
			v[p] = raw
		}
	}
	if p := at + ".samples"; !v.has(p) {
		v[p] = json.RawMessage("3")
		if v.number(at+".shots") == 0 {
			v[p] = json.RawMessage("1")
		}
	}
}

// checkKind holds together the fields that an evaluation of its kind reads.
func (s scene) checkKind(path string) {
	if s.isBad(path + ".kind") {
		return
	}
	kind := evaluation.Of(s.v.text(path + ".kind"))
	if kind.Combines {
		s.checkMean(path)
	}
	if kind.Captions {
		s.checkCaptions(path)
	}
	if kind.TrainsTower {
		s.checkTraining(path + ".training")
	}
	if kind.Learns && s.v.number(path+".shots") == 0 && s.v.number(path+".samples") > 1 {
		s.report(path+".samples", "%s draws of all images are one (shots, or 1)", s.v[path+".samples"])
	}
	if kind.Protocols {
		s.checkScores(path)
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
	if e, err := catalogue.Find(s.v.text(path + ".benchmark")); err == nil && e.Kind != "captions" {
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
	if _, err := catalogue.Find(name); err != nil {
		var names []string
		for _, e := range catalogue.All() {
			names = append(names, e.Name)
		}
		s.report(p, "no benchmark %q%s", name, didYouMean(name, names, "benchmarks"))
	}
}

// mostRuns bounds a grid of learning rates and weight decays.
const mostRuns = 100

// fillTraining gives fine-tuning what its optimizer implies, and an augmentation that is
// begun the rest of the model's.
func (c *contract) fillTraining(v values, at string) {
	if !evaluation.Of(v.text(at + ".kind")).TrainsTower {
		return
	}
	path := at + ".training"
	if p := path + ".optimizer"; !v.has(p) {
		v[p] = json.RawMessage(`"sgd"`)
	}
	for name, raw := range c.training[v.text(path+".optimizer")] {
		if p := path + "." + name; !v.has(p) {
			v[p] = raw
		}
	}
	if !v.below(path + ".augment") {
		return
	}
	for name, raw := range c.origin(v).values {
		if rest, ok := strings.CutPrefix(name, "tune.augment."); ok && !v.has(path+".augment."+rest) {
			v[path+".augment."+rest] = raw
		}
	}
}

// below reports whether a group, or anything in it, has a value.
func (v values) below(group string) bool {
	return v.has(group) || slices.ContainsFunc(slices.Collect(maps.Keys(v)), func(p string) bool { return strings.HasPrefix(p, group+".") })
}

// checkTraining holds fine-tuning's numbers together.
func (s scene) checkTraining(path string) {
	var rates, decays []float64
	_ = json.Unmarshal(s.v[path+".lr"], &rates) // the schema has seen that they are lists
	_ = json.Unmarshal(s.v[path+".weightDecay"], &decays)
	if n := len(rates) * len(decays); n > mostRuns {
		s.report(path+".weightDecay", "%d learning rates times %d weight decays are %d runs (at most %d)", len(rates), len(decays), n, mostRuns)
	}
	if warmup, epochs := s.v.number(path+".warmup"), s.v.number(path+".epochs"); warmup > epochs {
		s.report(path+".warmup", "%g is over epochs %g (at most that)", warmup, epochs)
	}
	for _, ends := range []string{".augment.crop", ".augment.ratio"} {
		s.ordered(path + ends)
	}
}

// checkScores: a kind that goes by a protocol has a probability of each class only with one.
func (s scene) checkScores(path string) {
	if p := path + ".scores"; s.given(p) && string(s.v[p]) == "true" && !s.v.has(path+".protocol") {
		s.report(p, "kept by zeroshot with a protocol only (protocol: \"elevater\", or the name of a benchmark)")
	}
}
