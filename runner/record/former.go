package record

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strconv"

	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/spec"
	"react/runner/spec/bounded"
	"react/runner/spec/v1"
	"react/runner/store"
)

// loadFormer makes the experiment of a sweep of runner/v1 from its records: the stages are those
// that it ran, under the keys of then, and its trials, its tables and its source have today's
// names. Of other sweeps it gives nil.
func loadFormer(ctx context.Context, w *store.Sweep, sets []string, storeDir string) (*experiment.Experiment, error) {
	text, err := os.ReadFile(w.Path(SpecFile))
	if err != nil || !bytes.Contains(text, []byte(strconv.Quote(v1.Version))) {
		return nil, err
	}
	exp, err := bounded.LoadRecorded(ctx, w.Path(SpecFile), sets)
	if err != nil || !exp.Former {
		return nil, err
	}
	var p Plan
	if err := w.ReadJSON(PlanFile, &p); err != nil {
		return nil, err
	}
	if exp.Resolved, err = os.ReadFile(w.Path("spec.resolved.json")); err != nil {
		return nil, err
	}
	exp.Digest = SHA256Hex(exp.Resolved)
	// else it stays as it was written
	if _, now, err := bounded.Update(ctx, w.Path(SpecFile)); err == nil {
		exp.Source = now
	}
	for i, set := range exp.Overrides {
		exp.Overrides[i] = v1.Assignment(set)
	}
	for name, t := range exp.Tables {
		exp.Tables[name] = t.Current(p.Labels())
	}
	s, err := store.Open(storeDir)
	if err != nil {
		return nil, err
	}
	return &experiment.Experiment{Experiment: exp, Plan: p.planned(exp), Store: s}, nil
}

// planned is a recorded plan as it was before it was written down.
func (p *Plan) planned(exp *spec.Experiment) *plan.Plan {
	out := &plan.Plan{Experiment: exp}
	stages := map[string]*plan.Stage{}
	of := func(keys map[string]string) map[string]*plan.Stage {
		in := map[string]*plan.Stage{}
		for role, key := range keys {
			if stages[key] != nil {
				in[role] = stages[key]
			}
		}
		return in
	}
	for _, s := range p.Stages { // inputs before readers
		stage := &plan.Stage{Op: s.Op, Params: compact(s.Params), In: of(s.In), Files: s.Files, Key: s.Key, Lines: s.Lines}
		stages[s.Key] = stage
		out.Stages = append(out.Stages, stage)
	}
	for _, t := range p.Trials {
		out.Trials = append(out.Trials, plan.Trial{ID: t.ID, Label: t.Label, Axes: t.Axes, Params: t.Params, Seed: t.Seed, Stages: of(t.Stages)})
	}
	return out
}

// compact is JSON on one line, as it was before it was written down.
func compact(raw json.RawMessage) json.RawMessage {
	out, err := json.Marshal(raw)
	if err != nil {
		return raw
	}
	return out
}
