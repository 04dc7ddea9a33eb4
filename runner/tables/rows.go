package tables

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/ops/op"
	"react/results"
	"react/results/grid"
	"react/runner/cli"
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

// filtered is what a table's filter lets through of each experiment. It chooses among what the first
// one varies: an experiment that has one other value of a path is not chosen from, and stands with
// it. What is left out is said.
func (c *Comparison) filtered(t *grid.Table) (of joined) {
	leftOut := t.LeftOut()
	var paths, said []string
	for _, m := range c.members {
		lifted, before, out := c.lifted(m.name, leftOut), len(of.trials), 0
		for _, path := range slices.Sorted(maps.Keys(lifted)) {
			fmt.Fprintf(c.Stderr, "table %s: its filter of %s is not applied to %s, where it is %s throughout\n", t.Name, path, m.name, lifted[path])
		}
		keeps := func(r *results.Row) bool {
			by := slices.DeleteFunc(leftOut(r), func(path string) bool { return lifted[path] != "" })
			paths = append(paths, by...)
			return len(by) == 0
		}
		for _, trial := range c.all.trials {
			switch {
			case trial.Params[experimentPath] != m.name:
			case keeps(rowOf(trial)):
				of.trials = append(of.trials, trial)
			default:
				out++
			}
		}
		for _, r := range c.all.rows {
			if r.Params[experimentPath] == m.name && keeps(&r) {
				of.rows = append(of.rows, r)
			}
		}
		if out > 0 {
			said = append(said, fmt.Sprintf("%d of %d of %s", out, out+len(of.trials)-before, m.name))
		}
	}
	if len(said) > 0 {
		slices.Sort(paths)
		fmt.Fprintf(c.Stderr, "table %s: its filter of %s leaves out trials: %s\n", t.Name, strings.Join(slices.Compact(paths), ", "), strings.Join(said, ", "))
	}
	return of
}

// rowOf is a trial as a filter reads it.
func rowOf(t grid.Trial) *results.Row {
	return &results.Row{Trial: t.ID, Label: t.Label, Params: t.Params, Seed: t.Seed}
}

// lifted are the paths of a filter of which an experiment has one value alone, which the filter does
// not let through, with that value.
func (c *Comparison) lifted(name string, leftOut func(*results.Row) []string) map[string]string {
	values, kept := map[string]string{}, map[string]bool{}
	for _, t := range c.all.trials {
		if t.Params[experimentPath] != name {
			continue
		}
		by := leftOut(rowOf(t))
		for path, v := range t.Params {
			text := cli.JSONText(v)
			if had, seen := values[path]; !slices.Contains(by, path) || seen && had != text {
				kept[path] = true
			}
			values[path] = text
		}
	}
	maps.DeleteFunc(values, func(path, _ string) bool { return kept[path] })
	return values
}

// once leaves one of the lines whose trials are the same in all experiments, made by the same stages,
// and says whether there are any: a test between them finds no difference, and would count in the
// correction of the others.
func (c *Comparison) once(of *joined, rows grid.Names) bool {
	lineOf := func(t grid.Trial) string {
		line := t.Label
		for _, path := range rows {
			line += "\x00" + cli.JSONText(t.Params[path])
		}
		return line
	}
	made := map[string]map[any][]string{} // line → experiment → its trials
	for _, t := range of.trials {
		line, name := lineOf(t), t.Params[experimentPath]
		if made[line] == nil {
			made[line] = map[any][]string{}
		}
		made[line][name] = append(made[line][name], c.made[t.ID])
	}
	first := c.members[0].name
	shared := map[string]bool{} // by trial
	for _, t := range of.trials {
		by := made[lineOf(t)]
		shared[t.ID] = true
		for _, m := range c.members {
			shared[t.ID] = shared[t.ID] && sameSet(by[m.name], by[first])
		}
	}
	ofOthers := func(id string, params map[string]any) bool { return shared[id] && params[experimentPath] != first }
	of.trials = slices.DeleteFunc(of.trials, func(t grid.Trial) bool { return ofOthers(t.ID, t.Params) })
	of.rows = slices.DeleteFunc(of.rows, func(r results.Row) bool { return ofOthers(r.Trial, r.Params) })
	renamed := map[uintptr]map[string]any{} // rows of a trial share their params
	rename := func(params map[string]any) map[string]any {
		id := results.ParamsID(params)
		if renamed[id] == nil {
			renamed[id] = maps.Clone(params)
			renamed[id][experimentPath] = inAll
		}
		return renamed[id]
	}
	some := false
	for i, t := range of.trials {
		if shared[t.ID] {
			of.trials[i].Params, some = rename(t.Params), true
		}
	}
	for i, r := range of.rows {
		if shared[r.Trial] {
			of.rows[i].Params = rename(r.Params)
		}
	}
	return some
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
