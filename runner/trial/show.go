// Package trial is what one trial left behind: its params, stages, metrics and runs as they are
// on record, the directories of its files, and the logs of its stages. It makes nothing.
package trial

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"react/data/words"
	"react/ops/op"
	"react/results"
	"react/results/grid"
	"react/runner/record"
	"react/runner/store"
)

// Shown is what runner show prints of a trial.
type Shown struct {
	Schema  string          `json:"schema"`
	Sweep   string          `json:"sweep"` // NAME/HASH
	Records string          `json:"records"`
	Trial   record.Trial    `json:"trial"`
	Note    string          `json:"note,omitempty"` // what else its name stands for
	Stages  []stage         `json:"stages"`         // inputs first
	Metrics []record.Metric `json:"metrics"`
	Means   []mean          `json:"means,omitempty"`   // over seeds
	Classes []classMetric   `json:"classes,omitempty"` // with --classes
	Runs    []record.Run    `json:"runs"`              // that made its stages, oldest first
}

// stage is one stage of a trial, or of what it is made from.
type stage struct {
	Name     string    `json:"name,omitempty"` // in the trial; "" for what only others read
	Op       string    `json:"op"`
	Key      string    `json:"key"`
	State    string    `json:"state"` // stored, freed in part, freed, damaged, not made
	Why      string    `json:"why,omitempty"`
	Seconds  float64   `json:"seconds,omitempty"`
	Engine   string    `json:"engine,omitempty"`
	Finished time.Time `json:"finished,omitzero"`
	Run      string    `json:"run,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`
	Dir      string    `json:"dir,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	Log      string    `json:"log,omitempty"`
}

// Show gathers what is known of a trial, with classes the numbers of single classes too.
func Show(s *store.Store, name string, classes bool) (*Shown, error) {
	found, err := record.FindTrial(s, name)
	if err != nil {
		return nil, err
	}
	sweep, trial := found.Sweep, found.Trial
	outputs, err := record.Outputs(sweep)
	if err != nil {
		return nil, err
	}
	shown := &Shown{Schema: "runner.show/v1", Sweep: sweep.Name + "/" + sweep.Hash, Records: sweep.Dir, Trial: *trial, Note: found.Note}
	names := map[string]string{}
	for name, key := range trial.Stages {
		names[key] = strings.TrimPrefix(names[key]+", "+name, ", ")
	}
	ofTrial := map[string]bool{} // ids of runs
	for _, planned := range found.Plan.MadeFrom(trial) {
		one, err := look(s, planned, outputs[planned.Key])
		if err != nil {
			return nil, err
		}
		one.Name = names[planned.Key]
		ofTrial[one.Run] = true
		shown.Stages = append(shown.Stages, one)
	}
	if shown.Metrics, err = record.TrialMetrics(s, sweep, trial); err != nil {
		return nil, err
	}
	if shown.Means, err = meansOf(s, found); err != nil {
		return nil, err
	}
	if classes {
		if shown.Classes, err = classMetrics(s, trial.Stages); err != nil {
			return nil, err
		}
	}
	delete(ofTrial, "")
	shown.Runs, err = madeBy(s, sweep, ofTrial)
	return shown, err
}

// madeBy are the runs of those ids, oldest first: also of other sweeps, whose outputs this one
// found. Where no id is on record it is the sweep's own run, if it has only one.
func madeBy(s *store.Store, sweep *store.Sweep, ids map[string]bool) (made []record.Run, err error) {
	sweeps := []*store.Sweep{sweep}
	if len(ids) > 0 {
		if sweeps, err = s.Sweeps(); err != nil {
			return nil, err
		}
	}
	for _, w := range sweeps {
		runs, err := record.Runs(w)
		if err != nil {
			return nil, err
		}
		for _, run := range runs {
			if ids[run.ID] || len(ids) == 0 && len(runs) == 1 {
				made = append(made, run)
			}
		}
	}
	slices.SortFunc(made, func(a, b record.Run) int { return strings.Compare(a.ID, b.ID) })
	return made, nil
}

// look says what is there of a stage: in the store, else on record.
func look(s *store.Store, planned record.Stage, recorded record.Output) (stage, error) {
	out := stage{Op: planned.Op, Key: planned.Key, State: "not made"}
	if log := s.LogPath(planned.Key, planned.Op); fileExists(log) {
		out.Log = log
	}
	e, ok, err := s.Lookup(planned.Key)
	var damaged *store.Damaged
	switch {
	case errors.As(err, &damaged):
		out.State, out.Why = "damaged", damaged.Why
	case err != nil:
		return out, err
	case ok:
		out.State, out.Dir, out.Bytes = "stored", e.Dir, e.Bytes(-1)
		if len(e.Evicted) > 0 {
			out.State, out.Why = "freed in part", words.Plural(len(e.Evicted), "large file")+" removed by gc"
		}
		recorded = record.OutputOf(e.Manifest)
	case recorded.Key != "":
		out.State = "freed"
	}
	if recorded.Key != "" {
		out.Seconds = max(0, recorded.Finished.Sub(recorded.Started).Seconds())
		out.Engine, out.Finished, out.Run, out.SHA256 = recorded.Engine, recorded.Finished, recorded.Run, recorded.SHA256
	}
	return out, nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// classMetric is a number of a single class, or of two.
type classMetric struct {
	record.Metric
	Class string `json:"class"`
	Other string `json:"other,omitempty"`
}

// classMetrics reads the numbers of single classes from what a trial's stages stored.
func classMetrics(s *store.Store, stages map[string]string) ([]classMetric, error) {
	var out []classMetric
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		e, ok, err := record.LookupResults(s, stages[name])
		if errors.As(err, new(*store.Error)) {
			return nil, err
		}
		if err != nil || !ok {
			continue
		}
		rows, err := op.ReadRows(e.Dir)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Class != "" {
				out = append(out, classMetric{record.Metric{Set: strings.TrimPrefix(name, "evaluate/"), Metric: row.Metric, Value: row.Value, N: row.N}, row.Class, row.Other})
			}
		}
	}
	return out, nil
}

// mean is a metric over the seeds of a trial, as a table has it.
type mean struct {
	Set    string  `json:"set"`
	Metric string  `json:"metric"`
	Mean   float64 `json:"mean"`
	Std    float64 `json:"std"` // of the sample
	Seeds  int     `json:"seeds"`
	title  string
	text   string // in the unit of title
}

// meansOf are the metrics of a trial over all seeds that the sweep has it of, as far as they are
// done: those that several seeds give.
func meansOf(s *store.Store, of record.TrialOf) (means []mean, err error) {
	var rows []results.Row
	var names []string
	for i := range of.Plan.Trials {
		t := &of.Plan.Trials[i]
		if t.Seed == nil || !t.IsSeedOf(of.Trial) {
			continue
		}
		metrics, err := record.TrialMetrics(s, of.Sweep, t)
		if err != nil {
			return nil, err
		}
		for _, m := range metrics {
			set, metric, _ := strings.Cut(m.Name(), "/")
			rows = append(rows, results.Row{Trial: t.ID, Set: set, Metric: metric, Params: t.Params,
				Seed: t.Seed, Value: m.Value, N: m.N, Key: cmp.Or(t.Stages["evaluate/"+set], t.Stages[set])})
			if !slices.Contains(names, m.Name()) {
				names = append(names, m.Name())
			}
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	spec := grid.Table{Name: of.Trial.ID, Rows: grid.Names{"label"}, Metrics: names}
	table, err := grid.Build(spec, rows, grid.Options{})
	if err != nil {
		return nil, err
	}
	for i, m := range table.Metrics {
		c := table.Lines[0].Cells[i][0]
		if c.Seeds < 2 || c.Status != grid.Done {
			continue
		}
		text, spread, _ := c.Parts(m, "")
		set, metric, _ := strings.Cut(m.Name, "/")
		m.Shown = m.Name
		means = append(means, mean{set, metric, c.Mean, c.Std, c.Seeds, m.Title(),
			strings.TrimSpace(text + " " + spread)})
	}
	return means, nil
}
