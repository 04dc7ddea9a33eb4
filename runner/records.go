package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"react/ops"
	"react/runner/plan"
	"react/runner/schedule"
	"react/runner/store"
)

// Records of a sweep, by name in its folder.
const (
	planFile       = "plan.json"
	trialsFile     = "trials.jsonl"
	outputsFile    = "outputs.jsonl"
	provenanceFile = "provenance.json" // the newest of runsFolder
	runsFolder     = "runs"            // a file for each run that had something to do
)

// sweepFolder is where the records of this resolved spec are.
func (e *experiment) sweepFolder() (*store.Sweep, error) {
	return e.store.Sweep(e.Name, e.Digest[:8])
}

// record writes what was asked and planned, before anything runs.
func (e *experiment) record(w *store.Sweep) error {
	p := e.describe()
	overrides := append([]string{}, e.Overrides...)
	for _, write := range []func() error{
		func() error { return w.Write("spec.cue", e.Source) },
		func() error { return w.Write("spec.resolved.json", e.Resolved) },
		func() error { return w.WriteJSON("overrides.json", overrides) },
		func() error { return store.WriteLines(w, trialsFile, p.Trials) },
		func() error { return w.WriteJSON(planFile, p) },
		w.Latest,
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// resultRecord is trials/<id>/result.json; that it is there says that the
// trial is done.
type resultRecord struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Stages  map[string]string `json:"stages"` // name → key
	Metrics []metricRecord    `json:"metrics,omitempty"`
}

// metricRecord is one number of a trial: of an evaluation set, or of a stage
// such as pairs.
type metricRecord struct {
	Set    string  `json:"set"`
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	N      int     `json:"n,omitempty"`
}

// outputRecord is a line of outputs.jsonl: what a stage's output was, for the
// day when the store has it no more.
type outputRecord struct {
	Key    string `json:"key"`
	Op     string `json:"op"`
	SHA256 string `json:"sha256"` // of the list of the files' digests, ops.TimedFile left out

	Inputs   map[string]string `json:"inputs,omitempty"` // key → SHA256 of what was read of it
	Engine   string            `json:"engine,omitempty"`
	Commit   string            `json:"commit,omitempty"`
	Run      string            `json:"run,omitempty"`
	Host     string            `json:"host"`
	Started  time.Time         `json:"started"`
	Finished time.Time         `json:"finished"`
}

func outputOf(m store.Manifest) outputRecord {
	fact := func(name string) string { text, _ := m.Facts[name].(string); return text }
	return outputRecord{Key: m.Key, Op: m.Op, SHA256: outputDigest(m), Inputs: m.Inputs, Engine: fact(engineFact), Commit: fact(commitFact), Run: fact(runFact),
		Host: m.Host, Started: m.Started, Finished: m.Finished}
}

// recordResults writes a result for each trial whose stages all have entries,
// and what the outputs are. Where nothing was made since, nothing is written.
func (e *experiment) recordResults(w *store.Sweep, report *schedule.Report) error {
	made := map[string]bool{}
	for _, t := range report.Made {
		made[t.Key] = true
	}
	if err := e.recordOutputs(w, report.Entries); err != nil {
		return err
	}
	for _, t := range e.plan.Trials {
		if !madeIn(t, made) && w.Has(resultPath(t.ID)) || !done(t, report.Entries) {
			continue
		}
		metrics, err := metricsOf(keysOf(t.Stages), func(key string) (store.Entry, bool) { e, ok := report.Entries[key]; return e, ok })
		if err != nil {
			return err
		}
		if err := w.WriteJSON(resultPath(t.ID), resultRecord{t.ID, trialName(t), keysOf(t.Stages), metrics}); err != nil {
			return err
		}
	}
	return nil
}

func resultPath(trial string) string { return "trials/" + trial + "/result.json" }

func done(t plan.Trial, entries map[string]store.Entry) bool {
	for _, stage := range t.Stages {
		if _, ok := entries[stage.Key]; !ok {
			return false
		}
	}
	return true
}

// madeIn reports whether one of the trial's stages was made.
func madeIn(t plan.Trial, made map[string]bool) bool {
	for _, stage := range t.Stages {
		if made[stage.Key] {
			return true
		}
	}
	return false
}

func (e *experiment) recordOutputs(w *store.Sweep, entries map[string]store.Entry) error {
	var outputs []outputRecord
	for _, stage := range e.plan.Stages {
		if entry, ok := entries[stage.Key]; ok {
			outputs = append(outputs, outputOf(entry.Manifest))
		}
	}
	return store.WriteLines(w, outputsFile, outputs)
}

// metricsOf reads a trial's numbers from its stages' rows, those of single
// classes left out, in the order of the stages' names.
func metricsOf(stages map[string]string, entry func(key string) (store.Entry, bool)) ([]metricRecord, error) {
	var metrics []metricRecord
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		e, ok := entry(stages[name])
		if !ok {
			continue
		}
		rows, err := ops.ReadRows(e.Dir)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Class == "" {
				metrics = append(metrics, metricRecord{strings.TrimPrefix(name, "evaluate/"), row.Metric, row.Value, row.N})
			}
		}
	}
	return metrics, nil
}
