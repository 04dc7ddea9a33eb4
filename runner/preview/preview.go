// Package preview says what a sweep would do, and does none of it: which stages are in the store
// and which would run, what that takes, and what of it does not fit (runner plan). Without data it
// says which files are missing, and how much work there is.
package preview

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"react/data/words"
	"react/ops/engine"
	"react/runner/cli"
	"react/runner/estimate"
	"react/runner/exec"
	"react/runner/experiment"
	"react/runner/forecast"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
)

// Options are the flags of plan.
type Options struct {
	WithoutData               bool
	asJSON, check, overcommit bool
	tflops                    float64
	jobs                      exec.Jobs
	engine                    string
	devices                   exec.Devices
	fit                       exec.Fit
}

// Flags adds the flags.
func (o *Options) Flags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.asJSON, "json", false, "print the plan as JSON (schema runner.plan/v1)")
	flags.BoolVar(&o.check, "check", false, "exit with 6 when something would run")
	o.jobs = 1
	flags.VarP(&o.jobs, "jobs", "j", "estimate for this many stages at a time")
	flags.StringVar(&o.engine, "engine", "auto", "estimate for this `engine`: "+engine.Choices)
	o.devices.Flag(flags)
	cli.OvercommitFlag(flags, &o.overcommit)
	flags.BoolVar(&o.WithoutData, "without-data", false, "plan although data are missing: say what, how to get it, and how much work there is")
	flags.Float64Var(&o.tflops, "tflops", 60, "with --without-data: what a GPU sustains, in 10^12 operations a second")
	o.fit.Flags(flags)
}

// Print prints what a sweep would do; the error says that it would have work, or not fit.
func Print(ctx context.Context, e *experiment.Experiment, w io.Writer, o Options) error {
	if o.WithoutData {
		return printScale(e, w, o)
	}
	if err := errors.Join(o.devices.Check(o.engine), o.fit.Check()); err != nil {
		return cli.Usage(err)
	}
	tasks := e.Tasks()
	survey, err := schedule.Look(e.Store, tasks)
	if err == nil {
		err = e.CheckInputs(ctx, survey)
	}
	if err != nil {
		return err
	}
	spec := exec.EngineFor(o.engine, e.Plan.Stages)
	share := o.devices.Share(spec, o.jobs)
	f, err := forecast.New(e.Store, tasks, survey, forecast.On(spec, o.jobs.Assumed()).Spread(share.Each()))
	if err != nil {
		return err
	}
	f.Expect(e.Plan.Stages, likelyEngine(f.Engine()))
	name := cmp.Or(f.Engine(), "go")
	machine := &plan.Machine{Engine: name, Fit: o.fit.On(name)}
	machine.Fit.Devices = share.Each()
	f.ComputeMemory(e.Plan.Stages, machine)
	if err := show(e, w, survey, f, o.asJSON); err != nil {
		return err
	}
	if n := share.Each(); n > 1 && !o.asJSON && survey.Count(schedule.ToRun) > 0 {
		fmt.Fprintf(w, "\neach stage uses %d devices; times are too long where no run on as many is on record\n", n)
	}
	err = errors.Join(f.Check(e.Store.Root(), o.overcommit), forecast.CheckFit(e.Plan.Stages, survey, machine, o.overcommit))
	if err == nil && o.check && survey.Count(schedule.ToRun) > 0 {
		return cli.ErrWork
	}
	return err
}

// likelyEngine is what auto will take where nothing ran yet, as far as files tell.
func likelyEngine(known string) string {
	if known != "" {
		return known
	}
	if _, err := engine.FindONNX(); err != nil {
		return "go"
	}
	return "onnx"
}

// show prints the plan with the state and the estimate of each stage.
func show(e *experiment.Experiment, w io.Writer, survey *schedule.Survey, f *forecast.Forecast, asJSON bool) error {
	p := record.Describe(e)
	p.Warnings = e.Plan.Warnings
	for i := range p.Stages {
		p.Stages[i].State = survey.Status[i].String()
		if damaged := survey.Damaged[i]; damaged != nil {
			p.Stages[i].Damaged = damaged.Why
		}
		p.Stages[i].Estimate = stageEstimate(f.Stages[i])
	}
	if asJSON {
		p.Estimate = f.Record(e.Store.Root())
		return cli.PrintTabbed(w, p)
	}
	fmt.Fprintln(w, e.Summary(survey))
	printDefaults(w, e)
	e.PrintWarnings(w)
	return errors.Join(f.Print(w, e.Store.Root()), printStages(&p, w))
}

// printDefaults says what trials have from their models' families, and why.
func printDefaults(w io.Writer, e *experiment.Experiment) {
	for _, d := range e.Defaulted {
		fmt.Fprintln(w, d.String())
	}
}

// stageEstimate is nil where nothing is known.
func stageEstimate(e estimate.Estimate) *record.Estimate {
	if !e.Seconds.Known() && !e.Bytes.Known() {
		return nil
	}
	r := &record.Estimate{}
	r.Add(e)
	return r
}

// printStages lists the stages and the trials, each with its state.
func printStages(p *record.Plan, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nSTAGE\tKEY\tTRIALS\tSTATE\n")
	state := map[string]string{}
	for _, s := range p.Stages {
		state[s.Key] = s.State
		note := s.State
		if note == schedule.ToRun.String() {
			note = "to run"
		}
		if s.Estimate != nil && s.Estimate.Seconds != nil {
			note += ", about " + forecast.Duration(s.Estimate.Seconds)
		}
		if s.Damaged != "" {
			note += " (damaged: " + s.Damaged + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", s.Op, cli.Short(s.Key), s.Trials, note)
	}
	fmt.Fprintf(table, "\nTRIAL\tSTATE\n")
	for _, t := range p.Trials {
		left := 0
		for _, key := range t.Stages {
			if state[key] != schedule.Cached.String() {
				left++
			}
		}
		note := "done"
		switch n := len(t.Stages); {
		case left == n:
			note = "to run"
		case left > 0:
			note = fmt.Sprintf("%d of %s done, %d to run", n-left, words.Plural(n, "result"), left)
		}
		fmt.Fprintf(table, "%s\t%s\n", t.Name, note)
	}
	return table.Flush()
}
