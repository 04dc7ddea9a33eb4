package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/data/words"
	"react/ops/op"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/v1"
)

// Plan is a plan for machines: plan --json, and plan.json of a sweep.
type Plan struct {
	Schema     string        `json:"schema"`
	Experiment string        `json:"experiment"`
	Question   string        `json:"question,omitempty"`
	Stages     []Stage       `json:"stages"` // inputs before readers
	Trials     []Trial       `json:"trials"`
	Estimate   *PlanEstimate `json:"estimate,omitempty"` // plan --json only
	Warnings   []string      `json:"warnings,omitempty"` // plan --json only

	Defaults []contract.Defaulted `json:"defaults,omitempty"` // of tune, that depend on the model

	Missing []plan.Missing `json:"missing,omitempty"` // plan --without-data only
	Scale   []OpScale      `json:"scale,omitempty"`   // plan --without-data only
}

// UnmarshalJSON reads a plan, also one of runner/v1: in today's names, but for the lines of its
// stages, which are what their keys are made of.
func (p *Plan) UnmarshalJSON(data []byte) error {
	type bare Plan // without this method
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode((*bare)(p)); err != nil {
		return err
	}
	for i := range p.Stages {
		p.Stages[i].Params = v1.OpParams(p.Stages[i].Op, p.Stages[i].Params)
	}
	for i := range p.Trials {
		t := &p.Trials[i]
		fields.PlainNumbers(t.Params)
		fields.PlainNumbers(t.Axes)
		if v1.IsFormer(t.Axes) {
			t.Axes = v1.Params(t.Axes)
			t.Name = experiment.TrialName(plan.Trial{ID: t.ID, Label: t.Label, Axes: t.Axes, Seed: t.Seed})
		}
		t.Params = v1.Params(t.Params)
	}
	return nil
}

// Stage is one stage of a plan.
type Stage struct {
	Key     string              `json:"key"`
	Op      string              `json:"op"`
	Params  json.RawMessage     `json:"params"`
	In      map[string]string   `json:"in,omitempty"` // role → key
	Files   map[string]op.Files `json:"files,omitempty"`
	Lines   []string            `json:"lines"`  // the key's preimage
	Trials  int                 `json:"trials"` // that need it
	State   string              `json:"state,omitempty"`
	Damaged string              `json:"damaged,omitempty"` // why the entry in the store is not used

	Estimate *Estimate `json:"estimate,omitempty"` // plan --json only
}

// Trial is one trial: a line of trials.jsonl.
type Trial struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Label  string            `json:"label,omitempty"`
	Axes   map[string]any    `json:"axes,omitempty"`
	Seed   *int              `json:"seed,omitempty"`
	Params map[string]any    `json:"params"`
	Stages map[string]string `json:"stages"` // name → key
}

// Describe writes down what an experiment expands to.
func Describe(e *experiment.Experiment) Plan {
	p := Plan{Schema: "runner.plan/v1", Experiment: e.Name, Question: e.Question, Defaults: e.Defaulted}
	for i, task := range e.Tasks() {
		stage := e.Plan.Stages[i]
		p.Stages = append(p.Stages, Stage{Key: stage.Key, Op: stage.Op, Params: stage.Params,
			In: KeysOf(stage.In), Files: stage.Files, Lines: stage.Lines, Trials: len(task.Trials)})
	}
	for _, t := range e.Plan.Trials {
		p.Trials = append(p.Trials, Trial{t.ID, experiment.TrialName(t), t.Label, t.Axes, t.Seed, t.Params, KeysOf(t.Stages)})
	}
	return p
}

// KeysOf are the keys of stages, by the same names.
func KeysOf(stages map[string]*plan.Stage) map[string]string {
	keys := make(map[string]string, len(stages))
	for name, stage := range stages {
		keys[name] = stage.Key
	}
	return keys
}

// Named are the trials that a name stands for: an id, a label, or the beginning of an id; none where
// there is none. The trials of a label, and those that differ in their seed alone, go by one name.
// What else begins several ids is a mistake in the command line.
func (p *Plan) Named(name string) (found []*Trial, err error) {
	if name == "" { // the label of all trials of the grid, and the beginning of every id
		return nil, nil
	}
	var begun []*Trial
	points := map[string]bool{}
	for i := range p.Trials {
		t := &p.Trials[i]
		switch {
		case t.ID == name:
			return []*Trial{t}, nil
		case t.Label == name:
			found = append(found, t)
		case strings.HasPrefix(t.ID, name):
			begun = append(begun, t)
			points[t.point()] = true
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	if len(points) > 1 {
		return nil, cli.Usage(fmt.Errorf("trial %q: %s begin so: %s; give more of the id",
			name, words.Plural(len(begun), "trial"), shownTrials(begun)))
	}
	return begun, nil
}

// point is what the ids of trials that differ in their seed have in common.
func (t *Trial) point() string {
	before, _, _ := strings.Cut(t.ID, "-s")
	return before
}

// IsSeedOf says whether two trials differ in their seed at most.
func (t *Trial) IsSeedOf(other *Trial) bool { return t.point() == other.point() }

// shownTrials names the first few.
func shownTrials(trials []*Trial) string {
	names := make([]string, len(trials))
	for i, t := range trials {
		names[i] = t.Name
	}
	return cli.ShortList(names)
}

// Labels are those of the trials that have one.
func (p *Plan) Labels() map[string]bool {
	labels := map[string]bool{}
	for _, t := range p.Trials {
		labels[t.Label] = t.Label != ""
	}
	return labels
}

// StagesOf finds a trial's stage by name, or the stages with that op among all
// that the trial is made from, in the order they run.
func (p *Plan) StagesOf(t *Trial, name string) ([]Stage, error) {
	known := slices.Sorted(maps.Keys(t.Stages))
	var found []Stage
	for _, s := range p.MadeFrom(t) {
		if s.Key == t.Stages[name] || s.Op == name && t.Stages[name] == "" {
			found = append(found, s)
		}
		if !slices.Contains(known, s.Op) {
			known = append(known, s.Op)
		}
	}
	if len(found) == 0 {
		return nil, cli.Usage(fmt.Errorf("trial %s has no stage %q; it has %s", t.Name, name, strings.Join(known, ", ")))
	}
	return found, nil
}

// MadeFrom lists a trial's stages and all that they are made from, inputs
// first.
func (p *Plan) MadeFrom(t *Trial) []Stage {
	needed := map[string]bool{}
	for _, key := range t.Stages {
		needed[key] = true
	}
	var stages []Stage
	for i := len(p.Stages) - 1; i >= 0; i-- { // readers before inputs
		if s := p.Stages[i]; needed[s.Key] {
			stages = append(stages, s)
			for _, key := range s.In {
				needed[key] = true
			}
		}
	}
	slices.Reverse(stages)
	return stages
}

// Stage finds a stage by its key, nil where the plan has none.
func (p *Plan) Stage(key string) *Stage {
	i := slices.IndexFunc(p.Stages, func(s Stage) bool { return s.Key == key })
	if i < 0 {
		return nil
	}
	return &p.Stages[i]
}
