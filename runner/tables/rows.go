package tables

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/ops/op"
	"react/results"
	"react/results/grid"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// Rows gathers what the stages of all trials measured. Trials that share a
// stage have its rows each.
func Rows(e *experiment.Experiment, entries map[string]store.Entry) ([]results.Row, error) {
	measured := map[*plan.Stage][]op.MetricRow{}
	var rows []results.Row
	for _, t := range e.Plan.Trials {
		for _, name := range t.StageNames() {
			stage := t.Stages[name]
			entry, ok := entries[stage.Key]
			if !ok {
				continue
			}
			if _, read := measured[stage]; !read {
				var err error
				if measured[stage], err = op.ReadRows(entry.Dir); err != nil {
					return nil, err
				}
			}
			engine := enginesOf(stage, entries)
			params := experiment.ParamsBy(t.Params)
			for _, m := range measured[stage] {
				rows = append(rows, results.Row{Trial: t.ID, Label: t.Label, Set: strings.TrimPrefix(name, "evaluate/"), Metric: m.Metric,
					Class: m.Class, Params: params(m.Other), Seed: t.Seed, Value: m.Value, N: m.N, Engine: engine, Key: stage.Key})
			}
		}
	}
	return rows, nil
}

// enginesOf names the engines that a stage's numbers went through: its own and
// those of all that it is made from, joined by "+".
func enginesOf(stage *plan.Stage, entries map[string]store.Entry) string {
	names := map[string]bool{}
	for s := range experiment.MadeFrom(stage) {
		if name := record.EngineOf(entries[s.Key].Manifest.Facts); name != "" {
			names[name] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), "+")
}

// trialStates tells results what was planned and how far it came.
func trialStates(e *experiment.Experiment, entries map[string]store.Entry, failures []schedule.Failure) []grid.Trial {
	failed := map[string]string{}
	for _, f := range failures {
		failed[f.Task.Key] = fmt.Sprintf("%s: %v", f.Task.Op, f.Err)
	}
	states := make([]grid.Trial, len(e.Plan.Trials))
	for i, t := range e.Plan.Trials {
		states[i] = grid.Trial{ID: t.ID, Label: t.Label, Params: t.Params, Seed: t.Seed, Status: grid.Done}
		for _, stage := range t.Stages {
			if _, ok := entries[stage.Key]; !ok {
				states[i].Status = grid.Pending
			}
		}
		ofTrial := experiment.MadeFrom(slices.Collect(maps.Values(t.Stages))...)
		for _, stage := range e.Plan.Stages { // in order: the first failure is the cause
			if reason := failed[stage.Key]; reason != "" && ofTrial[stage] {
				states[i].Status, states[i].Reason = grid.Failed, reason
				break
			}
		}
	}
	return states
}
