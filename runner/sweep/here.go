package sweep

import (
	"cmp"
	"context"

	"react/ops"
	"react/runner/exec"
	"react/runner/forecast"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
)

// runHere brings the plan's stages into the store. The report is nil when nothing
// was begun.
func (s *Sweep) runHere(ctx context.Context) (*schedule.Report, error) {
	tasks := s.TitledTasks()
	spec := exec.EngineFor(s.Engine, s.Plan.Stages)
	share := s.Devices.Share(spec, s.jobs)
	expected, err := forecast.New(s.Store, tasks, s.survey, forecast.On(spec, s.jobs.Assumed()).Spread(share.Each()))
	if err == nil {
		expected.Expect(s.Plan.Stages, spec)
		err = expected.Check(s.Store.Root(), s.overcommit)
	}
	if err != nil {
		return nil, err
	}
	engines := exec.NewEngines(spec, share, s.Store, s.Stderr)
	defer engines.Close()
	if err := s.prepareEngine(engines); err != nil {
		return nil, err
	}
	machine := &plan.Machine{Engine: engines.Name(), Fit: s.Fit.On(engines.Name())}
	machine.Fit.Devices = share.Each()
	if err := forecast.CheckFit(s.Plan.Stages, s.survey, machine, s.overcommit); err != nil {
		return nil, err
	}
	for i, stage := range s.Plan.Stages {
		tasks[i].Uses = s.jobs.Uses(stage)
		tasks[i].Uses.Memory = expected.Memory(i, stage, machine)
		maker := exec.Maker{Engines: engines, Workers: tasks[i].Uses.Cores, Jobs: s.jobs.Assumed(),
			SaveEvery: s.SaveEvery, Fit: s.Fit, Identify: s.Store.Identify, Lines: s.live.Lines(tasks[i])}
		tasks[i].Run, tasks[i].Assist = maker.Run(stage), maker.Assist(stage)
	}
	s.left = forecast.NewCountdown(expected, s.Plan.Stages, engines.Name())
	options := schedule.Options{Store: s.Store, Jobs: s.jobs.AtOnce(), Limits: s.jobs.Limits(engines.Name(), share),
		FailFast: s.failFast, Retries: s.Cluster.Retries,
		Reporter: s.live.Reporter(placingReporter{exec.NewTimedReporter(s.Stderr, s.left), s.Experiment})}
	record.KeepSound(&options, s.Stderr)
	return s.recorded(ctx, tasks, options, engines)
}

// recorded runs the tasks with the run on record, and what it does meanwhile. Where
// nothing is to run, and there is a record, none is written.
func (s *Sweep) recorded(ctx context.Context, tasks []*schedule.Task, options schedule.Options, engines *exec.Engines) (*schedule.Report, error) {
	toRun := s.survey.Count(schedule.ToRun)
	if toRun == 0 && s.folder.Has(record.ProvenanceFile) {
		return schedule.Run(ctx, tasks, options)
	}
	process := record.Process{Engine: cmp.Or(engines.Name(), s.Engine), Jobs: s.jobs.String(), Total: toRun}
	return exec.Watch{Folder: s.folder, Process: process, Rest: s.left.Rest}.Run(options, func(options schedule.Options) (*schedule.Report, error) {
		recording := exec.Recording{Run: record.RunOf(ctx, s.Experiment, s.Engine, s.keepDiff), Folder: s.folder, Engines: engines}
		return recording.Make(ctx, tasks, options)
	})
}

// prepareEngine opens the engine before the first stage, when one will want
// it: a library that is missing should not show an hour later.
func (s *Sweep) prepareEngine(engines *exec.Engines) error {
	for i, stage := range s.Plan.Stages {
		if s.survey.Status[i] == schedule.ToRun && ops.All[stage.Op].UsesEngine {
			return engines.Prepare()
		}
	}
	return nil
}
