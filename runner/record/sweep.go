package record

import (
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"react/ops/op"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/schedule"
	"react/runner/spec"
	"react/runner/store"
)

// Records of a sweep, by name in its folder.
const (
	SpecFile       = "spec.cue" // beside which common.cue is, where the experiment had one
	PlanFile       = "plan.json"
	TrialsFile     = "trials.jsonl"
	OutputsFile    = "outputs.jsonl"
	ProvenanceFile = "provenance.json" // the newest of runsFolder
	runsFolder     = "runs"            // a file for each run that had something to do
)

// SweepFolder is where the records of this resolved spec are.
func SweepFolder(e *experiment.Experiment) (*store.Sweep, error) {
	return e.Store.Sweep(e.Name, e.Digest[:8])
}

// WritePlan writes what was asked and planned, before anything runs.
func WritePlan(e *experiment.Experiment, w *store.Sweep) error {
	p := Describe(e)
	overrides := append([]string{}, e.Overrides...)
	for _, write := range []func() error{
		func() error { return writeSpec(w, e.Source, e.Common) },
		func() error { return w.Write("spec.resolved.json", e.Resolved) },
		func() error { return w.WriteJSON("overrides.json", overrides) },
		func() error { return store.WriteLines(w, TrialsFile, p.Trials) },
		func() error { return w.WriteJSON(PlanFile, p) },
		w.Latest,
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// writeSpec writes an experiment's text, and what its folder shared: beside it, as it was there.
func writeSpec(w *store.Sweep, text, common []byte) error {
	if err := w.Write(SpecFile, text); err != nil {
		return err
	}
	if common != nil {
		return w.Write(spec.Common, common)
	}
	if w.Has(spec.Common) { // of a run before, which meant the same
		return os.Remove(w.Path(spec.Common))
	}
	return nil
}

// CopySpec gives a sweep the experiment that another recorded.
func CopySpec(from, to *store.Sweep) error {
	text, err := os.ReadFile(from.Path(SpecFile))
	if err != nil {
		return err
	}
	common, err := spec.ReadCommon(from.Path(SpecFile))
	if err != nil {
		return err
	}
	return writeSpec(to, text, common)
}

// Result is trials/<id>/result.json; that it is there says that the
// trial is done.
type Result struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Stages  map[string]string `json:"stages"` // name → key
	Metrics []Metric          `json:"metrics,omitempty"`
}

// Metric is one number of a trial: of an evaluation set, or of a stage
// such as pairs.
type Metric struct {
	Set    string  `json:"set"`
	Metric string  `json:"metric"`
	Value  float64 `json:"value"`
	N      int     `json:"n,omitempty"`
}

// Output is a line of outputs.jsonl: what a stage's output was, for the
// day when the store has it no more.
type Output struct {
	Key    string `json:"key"`
	Op     string `json:"op"`
	SHA256 string `json:"sha256"` // of the list of the files' digests, train.TimedFile left out

	Inputs   map[string]string `json:"inputs,omitempty"` // key → SHA256 of what was read of it
	Engine   string            `json:"engine,omitempty"`
	Devices  string            `json:"devices,omitempty"` // how many, where more than one
	Commit   string            `json:"commit,omitempty"`
	Run      string            `json:"run,omitempty"`
	Host     string            `json:"host"`
	Started  time.Time         `json:"started"`
	Finished time.Time         `json:"finished"`
}

// OutputOf is what a manifest says of an output, for the record.
func OutputOf(m store.Manifest) Output {
	fact := func(name string) string { text, _ := m.Facts[name].(string); return text }
	return Output{Key: m.Key, Op: m.Op, SHA256: OutputDigest(m), Inputs: m.Inputs, Engine: fact(EngineFact), Devices: DevicesOf(m.Facts), Commit: fact(CommitFact), Run: fact(runFact),
		Host: m.Host, Started: m.Started, Finished: m.Finished}
}

// On names the engine, and its devices where there were several.
func (o Output) On() string { return onDevices(o.Engine, o.Devices) }

// WriteResults writes a result for each trial whose stages all have entries,
// and what the outputs are. Where nothing was made since, nothing is written.
func WriteResults(e *experiment.Experiment, w *store.Sweep, report *schedule.Report) error {
	fresh := map[string]bool{}
	for _, t := range report.Made {
		fresh[t.Key] = true
	}
	hasFresh := func(t plan.Trial) bool {
		for _, stage := range t.Stages {
			if fresh[stage.Key] {
				return true
			}
		}
		return false
	}
	if err := writeOutputs(e, w, report.Entries); err != nil {
		return err
	}
	for _, t := range e.Plan.Trials {
		if !hasFresh(t) && w.Has(ResultPath(t.ID)) || !done(t, report.Entries) {
			continue
		}
		metrics, err := MetricsOf(KeysOf(t.Stages), func(key string) (store.Entry, bool) { e, ok := report.Entries[key]; return e, ok })
		if err != nil {
			return err
		}
		if err := w.WriteJSON(ResultPath(t.ID), Result{t.ID, experiment.TrialName(t), KeysOf(t.Stages), metrics}); err != nil {
			return err
		}
	}
	return nil
}

// ResultPath is a trial's result in the folder of its sweep.
func ResultPath(trial string) string { return "trials/" + trial + "/result.json" }

func done(t plan.Trial, entries map[string]store.Entry) bool {
	for _, stage := range t.Stages {
		if _, ok := entries[stage.Key]; !ok {
			return false
		}
	}
	return true
}

func writeOutputs(e *experiment.Experiment, w *store.Sweep, entries map[string]store.Entry) error {
	var outputs []Output
	for _, stage := range e.Plan.Stages {
		if entry, ok := entries[stage.Key]; ok {
			outputs = append(outputs, OutputOf(entry.Manifest))
		}
	}
	return store.WriteLines(w, OutputsFile, outputs)
}

// MetricsOf reads a trial's numbers from its stages' rows, those of single
// classes left out, in the order of the stages' names.
func MetricsOf(stages map[string]string, entry func(key string) (store.Entry, bool)) ([]Metric, error) {
	var metrics []Metric
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		e, ok := entry(stages[name])
		if !ok {
			continue
		}
		rows, err := op.ReadRows(e.Dir)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Class == "" {
				metrics = append(metrics, Metric{strings.TrimPrefix(name, "evaluate/"), row.Metric, row.Value, row.N})
			}
		}
	}
	return metrics, nil
}
