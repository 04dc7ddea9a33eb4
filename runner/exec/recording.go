package exec

import (
	"context"

	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// Recording is a run that is put on record.
type Recording struct {
	record.Run
	Folder  *store.Sweep
	Engines *Engines
}

// Make is schedule.Run with its record written before and after.
func (r Recording) Make(ctx context.Context, tasks []*schedule.Task, options schedule.Options) (*schedule.Report, error) {
	if err := r.Begin(r.Folder); err != nil {
		return nil, err
	}
	for _, t := range tasks {
		t.Run = r.Stamp(t.Run)
	}
	report, failure := schedule.Run(ctx, tasks, options)
	if name, libraries := r.Engines.opened(); name != "" {
		r.Engine.Name, r.Engine.Libraries = name, libraries
	}
	if err := r.End(r.Folder, report, failure); failure == nil {
		failure = err
	}
	return report, failure
}
