package exec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"react/ops"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/op"
	"react/runner/apart"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
)

// Maker makes stages: an op's run of a stage and an attempt.
type Maker struct {
	Engines   *Engines
	Workers   int           // goroutines of an op
	Jobs      int           // stages at a time, for the manifests
	SaveEvery time.Duration // between two saves of a training
	Fit       Fit
	Identify  plan.Identify // what keys call outside files
	// told of the lines of a training's log while it runs; nil for nobody
	Lines func(lines []byte, before bool)
}

// Run makes a stage.
func (m Maker) Run(stage *plan.Stage) func(context.Context, *schedule.Attempt) error {
	return m.make(stage, false)
}

// Assist has an op do parts of a stage that another process makes; nil for an
// op that cannot.
func (m Maker) Assist(stage *plan.Stage) func(context.Context, *schedule.Attempt) error {
	if !ops.All[stage.Op].Divisible {
		return nil
	}
	run := m.make(stage, true)
	return func(ctx context.Context, a *schedule.Attempt) error {
		if err := run(ctx, a); !errors.Is(err, embed.ErrNotBegun) {
			return err
		}
		return schedule.ErrNotBegun
	}
}

func (m Maker) make(stage *plan.Stage, assist bool) func(context.Context, *schedule.Attempt) error {
	return func(ctx context.Context, a *schedule.Attempt) error {
		run := &op.Run{Assist: assist, Dir: a.Dir, Partial: a.Partial, SaveEvery: m.SaveEvery,
			In: map[string]string{}, Files: stage.Files, Workers: m.Workers, Log: a.Log, Warn: a.Warn, Fact: a.Fact}
		if !assist {
			run.Lines = m.Lines
		}
		for role, in := range stage.In {
			run.In[role] = a.In[in.Key]
		}
		run.Progress = func(p op.Progress) { a.Progress(p.Done, p.Total, p.Note) }
		opened := func() {
			name, libraries := m.Engines.opened()
			a.Fact(record.EngineFact, name)
			a.Fact(record.EngineLibrariesFact, libraries)
		}
		run.OpenEngine = func() (*engine.Engine, error) {
			eng, err := m.Engines.Open()
			if err != nil {
				return nil, err
			}
			run.Fit = m.fit(eng.Name())
			opened()
			return eng, nil
		}
		a.Fact(record.JobsFact, m.Jobs)
		done, peak := measurePeak(a.Fact), int64(0)
		defer func() { done(peak) }()
		return readAsPlanned(stage, m.Identify, func() (err error) {
			if m.Engines.kept == nil || !ops.All[stage.Op].UsesEngine {
				peak, err = apart.Run(ctx, stage.Op, run, stage.Params)
				return err
			}
			if err := m.Engines.Prepare(); err != nil {
				return err
			}
			run.Fit = m.fit(m.Engines.Name())
			peak, err = m.Engines.kept.Run(ctx, stage.Op, run, stage.Params, opened)
			return err
		})
	}
}

// fit is what a training is told on an engine.
func (m Maker) fit(engineName string) op.Fit {
	fit := m.Fit.On(engineName)
	fit.Devices = m.Engines.share.Each()
	return fit
}

// readAsPlanned runs a stage between two looks at its outside files: what it read
// must be what its key names, from the first byte to the last.
func readAsPlanned(stage *plan.Stage, identify plan.Identify, run func() error) error {
	check := func() error {
		return errors.Join(plan.CheckFiles(stage.Lines, stage.Files, cli.IsStrict(), identify)...)
	}
	if err := check(); err != nil {
		return fmt.Errorf("since the stage was planned: %w", err)
	}
	if err := run(); err != nil {
		return err
	}
	if err := check(); err != nil {
		return fmt.Errorf("while the stage ran: %w", err)
	}
	return nil
}
