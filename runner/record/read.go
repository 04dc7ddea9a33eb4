package record

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"react/runner/experiment"
	"react/runner/schedule"
	"react/runner/store"
)

// Outputs reads what a sweep recorded of its outputs, by key.
func Outputs(w *store.Sweep) (map[string]Output, error) {
	lines, err := store.ReadLines[Output](w, OutputsFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	outputs := make(map[string]Output, len(lines))
	for _, line := range lines {
		outputs[line.Key] = line
	}
	return outputs, nil
}

// TrialMetrics are a trial's numbers: from its outputs, else from its record.
func TrialMetrics(s *store.Store, sweep *store.Sweep, trial *Trial) ([]Metric, error) {
	whole := true
	metrics, err := MetricsOf(trial.Stages, func(key string) (store.Entry, bool) {
		e, ok, err := LookupResults(s, key)
		whole = whole && ok && err == nil
		return e, ok && err == nil
	})
	if err != nil || whole || !sweep.Has(ResultPath(trial.ID)) {
		return metrics, err
	}
	return RecordedMetrics(sweep, trial)
}

// RecordedMetrics are a trial's numbers as its sweep recorded them, none when
// it was not done.
func RecordedMetrics(sweep *store.Sweep, trial *Trial) ([]Metric, error) {
	var result Result
	err := sweep.ReadJSON(ResultPath(trial.ID), &result)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return result.Metrics, err
}

// Name is "task/acc@1", as tables call a metric.
func (m *Metric) Name() string {
	if strings.Contains(m.Metric, "/") {
		return m.Metric
	}
	return m.Set + "/" + m.Metric
}

// StoredEntries are Entries; none is an error.
func StoredEntries(e *experiment.Experiment) (map[string]store.Entry, error) {
	entries, err := Entries(e)
	if err == nil && len(entries) == 0 {
		err = fmt.Errorf("%s: no stage of it is in store %s; runner sweep runs it", e.File, e.Store.Root())
	}
	return entries, err
}

// Entries are those of the experiment's stages that are in the store, by key.
// Results are as they were made, or it is an error.
func Entries(e *experiment.Experiment) (map[string]store.Entry, error) {
	tasks := e.Tasks()
	survey, err := schedule.Look(e.Store, tasks)
	if err != nil {
		return nil, err
	}
	entries := map[string]store.Entry{}
	for i, task := range tasks {
		// it is not pending: it has no right number
		if found := survey.Damaged[i]; found != nil && task.Wanted {
			return nil, ExplainDamage(e.Store, found)
		}
		if survey.Status[i] != schedule.Cached {
			continue
		}
		entries[task.Key] = survey.Entries[i]
		if task.Wanted {
			if err := checkResults(e.Store, survey.Entries[i]); err != nil {
				return nil, err
			}
		}
	}
	return entries, nil
}
