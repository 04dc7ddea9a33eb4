package main

import (
	"context"

	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// runRecording is a run that is put on record.
type runRecording struct {
	record.Run
	folder  *store.Sweep
	engines *engines
}

// recordedRun is schedule.Run with its record written before and after.
func recordedRun(ctx context.Context, tasks []*schedule.Task, options schedule.Options, r runRecording) (*schedule.Report, error) {
	if err := r.Begin(r.folder); err != nil {
		return nil, err
	}
	for _, t := range tasks {
		t.Run = r.Stamp(t.Run)
	}
	report, failure := schedule.Run(ctx, tasks, options)
	if eng := r.engines.opened(); eng != nil {
		r.Engine.Name, r.Engine.Libraries = eng.Name(), eng.Describe()
	}
	if err := r.End(r.folder, report, failure); failure == nil {
		failure = err
	}
	return report, failure
}
