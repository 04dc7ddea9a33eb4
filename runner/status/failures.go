package status

import (
	"errors"

	"react/runner/experiment"
	"react/runner/record"
	"react/runner/schedule"
)

// FailuresOf are the stages whose last attempt failed, as far as the sweep's records
// say.
func FailuresOf(e *experiment.Experiment) []schedule.Failure {
	folder, err := record.SweepFolder(e)
	if err != nil || !folder.Has(record.PlanFile) {
		return nil
	}
	w, err := New(e.Store, folder)
	if err != nil {
		return nil
	}
	l, err := w.look()
	if err != nil {
		return nil
	}
	var list []schedule.Failure
	for _, t := range w.tasks {
		if f := l.failed[t.Key]; f != nil {
			list = append(list, schedule.Failure{Task: t, Err: errors.New(f.Error)})
		}
	}
	return list
}
