// Package reads shows a trial's params to the plan, and notes each field that is read.
//
// A trial's id is made of what was noted, so no field can be read without being in the id, and none
// is in it that was not read. The params themselves are out of reach: a getter is the way to each
// (fields.go, which a test in runner/spec writes from the types there), and those whose value can
// be said in two ways, such as "union" and no value, note the one form of both. Aside is the way
// for messages and estimates, which no key holds.
package reads

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"react/ops/pairs"
	"react/runner/spec"
)

// Notes are the fields that were read, and whether the seed was. The zero value is ready for use.
type Notes struct {
	Seeded bool // a stage depends on the trial's seed
	fields map[string]form
}

// form is how a value stands in the id.
type form int

const (
	asGiven   form = iota
	asAbsent       // it means what no value means
	unordered      // a list whose order says nothing
	whole          // a group, all of it
)

// Add notes what others have noted.
func (n *Notes) Add(other *Notes) {
	n.Seeded = n.Seeded || other.Seeded
	for path, f := range other.fields {
		n.set(path, f)
	}
}

func (n *Notes) set(path string, f form) {
	if n.fields == nil {
		n.fields = map[string]form{}
	}
	n.fields[path] = f
}

// Of picks the params that were read from a trial's, by path, and gives what the id is made of: the
// same, with each value in its one form.
func (n *Notes) Of(params map[string]any) (read map[string]any, id []byte) {
	read, forms := map[string]any{}, map[string]any{}
	for path, v := range params {
		f, ok := n.formOf(path)
		if !ok {
			continue
		}
		read[path] = v
		switch list, _ := v.([]any); {
		case f == asAbsent:
		case f == unordered && list != nil:
			forms[path] = slices.SortedFunc(slices.Values(list), byText)
		default:
			forms[path] = v
		}
	}
	id, err := json.Marshal(forms) // map keys are sorted
	if err != nil {
		panic(err) // params came from JSON
	}
	return read, id
}

func byText(a, b any) int { return strings.Compare(a.(string), b.(string)) }

// formOf is how a value is noted: by itself, or with a group above it.
func (n *Notes) formOf(path string) (form, bool) {
	if f, ok := n.fields[path]; ok {
		return f, true
	}
	for p := path; p != ""; {
		p = p[:max(0, strings.LastIndexByte(p, '.'))]
		if n.fields[p] == whole {
			return asGiven, true
		}
	}
	return asGiven, false
}

// at is a place in the params, and where what is read there is noted: nowhere where that is nil.
type at struct {
	path  string
	notes *Notes
}

func (a at) in(name string) at {
	if a.notes == nil {
		return a
	}
	return at{join(a.path, name), a.notes}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (a at) note(name string, f form) {
	if a.notes != nil {
		a.notes.set(join(a.path, name), f)
	}
}

// text notes a choice of which one is what no value means, and gives that as "".
func (a at) text(name, value, absent string) string {
	if value == absent || value == "" {
		a.note(name, asAbsent)
		return ""
	}
	a.note(name, asGiven)
	return value
}

func (a at) augment(name string, v *spec.Augment, absent string) *spec.Augment {
	if v == nil {
		return nil
	}
	a.note(name, whole)
	one := *v
	one.RandAugment = a.in(name).text("randAugment", one.RandAugment, absent)
	return &one
}

// New shows the params of a trial and its seed. With notes nil nothing is noted.
func New(p *spec.Params, seed int, notes *Notes) Params {
	return Params{at{notes: notes}, p, seed}
}

// Params are those of a trial.
type Params struct {
	at
	of   *spec.Params
	seed int
}

// Note notes what others have noted.
func (v Params) Note(other *Notes) {
	if v.notes != nil {
		v.notes.Add(other)
	}
}

// WithoutTune shows the same with a section tune that is empty, and notes apart.
func (v Params) WithoutTune(notes *Notes) Params {
	of := *v.of
	of.Tune = spec.Tune{}
	return New(&of, v.seed, notes)
}

// Aside gives params and notes nothing: for messages, and for estimates, which no key holds.
func (v Params) Aside() *spec.Params { return v.of }

// Seed is the trial's, which is then part of its id.
func (v Params) Seed() int {
	if v.notes != nil {
		v.notes.Seeded = true
	}
	return v.seed
}

// Evaluations are the names of the evaluations, sorted. Each is a stage of its own, by its name.
func (v Params) Evaluations() []string { return slices.Sorted(maps.Keys(v.of.Evaluate)) }

// CheckpointStep is the step of the checkpoint that serves; 0 is the last, by whichever number it
// is called.
func (v Pretrain) CheckpointStep() int {
	step := v.of.Checkpoint.Step
	if step >= v.of.Steps || step == 0 {
		v.note("checkpoint.step", asAbsent)
		return 0
	}
	v.note("checkpoint.step", asGiven)
	return step
}

// Weight is that of T2T in a sum.
func (v Retrieve) Weight() float64 {
	const half = 0.5
	if v.of.Weight == nil || *v.of.Weight == half {
		v.note("weight", asAbsent)
		return half
	}
	v.note("weight", asGiven)
	return *v.of.Weight
}

// Depth is how many hits of a query are looked at for the K that are wanted.
func (v Retrieve) Depth() int { return pairs.Params{K: v.K(), Overfetch: v.Overfetch()}.Depth() }

// Rounds are those of self-training, at least one.
func (v Tune) Rounds() int {
	if v.of.Rounds <= 1 {
		v.note("rounds", asAbsent)
		return 1
	}
	v.note("rounds", asGiven)
	return v.of.Rounds
}
