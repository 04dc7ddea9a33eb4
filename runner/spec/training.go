package spec

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// mostRuns bounds a grid of learning rates and weight decays.
const mostRuns = 100

// fillTraining gives fine-tuning what its optimizer implies, and an augmentation that is begun the rest of it.
func (c *contract) fillTraining(v values, evaluation string) {
	if v.text(evaluation+".kind") != "finetune" {
		return
	}
	path := evaluation + ".training"
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
	for name, raw := range c.defaults {
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
func (s scene) checkTraining(evaluation, kind string) {
	path := evaluation + ".training"
	if kind != "finetune" {
		if s.base.set.below(path) || s.a.set.below(path) {
			s.report(path, "not read by kind %q (of finetune)", kind)
		}
		return
	}
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

// checkScores: not every evaluation has a probability of each class.
func (s scene) checkScores(path, kind string) {
	p := path + ".scores"
	if !s.given(p) || s.isBad(p) || string(s.v[p]) != "true" {
		return
	}
	switch {
	case kind == "zeroshot" && !s.v.has(path+".protocol"):
		s.report(p, "kept by zeroshot with a protocol only (protocol: \"elevater\", or the name of a benchmark)")
	case kind != "zeroshot" && !learns(kind):
		s.report(p, "not read by kind %q (of zeroshot, probe and finetune)", kind)
	}
}
