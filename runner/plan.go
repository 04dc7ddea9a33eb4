package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

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

func newPlan() *cobra.Command {
	var sets []string
	var storeDir string
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "Print trials and stages: what is cached, what would run, and what it takes",
		Long: `plan expands an experiment and prints its stages (each once, inputs first) and
its trials, with what a sweep would do. It runs nothing. Outside files are read
for their digests, once as long as they do not change.

A stage is "cached" when its output is in the store, "run" when a sweep would
make it, "not needed" when nothing that would run reads it.

Time, disk and memory are estimated from the stages that the store holds: from
those of the same kind (op, mode, model, pool) and the nearest size, on this host
and the engine that ran last or that --engine names. What was never made is
"unknown". What cannot fit the disk or the memory ends with 4, here and in sweep,
unless --overcommit is given.

With --without-data, files that are missing are listed with the ways to them, and
the work is estimated from what the stages are: steps, images, matrix products,
and the hours of a GPU that sustains --tflops. Keys are then not those of a sweep.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			e, err := experiment.LoadWith(cmd.Context(), files[0], sets, storeDir, plan.Options{WithoutData: o.withoutData})
			if err != nil {
				return err
			}
			if o.withoutData {
				return printScale(e, cmd.OutOrStdout(), o)
			}
			if err := o.fit.Check(); err != nil {
				return cli.Usage(err)
			}
			return printPlan(cmd.Context(), e, cmd.OutOrStdout(), o)
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	flags := cmd.Flags()
	flags.BoolVar(&o.asJSON, "json", false, "print the plan as JSON (schema runner.plan/v1)")
	flags.BoolVar(&o.check, "check", false, "exit with 6 when something would run")
	o.jobs = 1
	flags.VarP(&o.jobs, "jobs", "j", "estimate for this many stages at a time")
	flags.StringVar(&o.engine, "engine", "auto", "estimate for this `engine`: "+engine.Choices)
	cli.OvercommitFlag(flags, &o.overcommit)
	flags.BoolVar(&o.withoutData, "without-data", false, "plan although data are missing: say what, how to get it, and how much work there is")
	flags.Float64Var(&o.tflops, "tflops", 60, "with --without-data: what a GPU sustains, in 10^12 operations a second")
	o.fit.Flags(flags)
	return cmd
}

// planOptions are the flags of plan.
type planOptions struct {
	asJSON, check, overcommit bool
	withoutData               bool
	tflops                    float64
	jobs                      exec.Jobs
	engine                    string
	fit                       exec.Fit
}

// printPlan prints what a sweep would do; the error says that it would have
// work, or not fit.
func printPlan(ctx context.Context, e *experiment.Experiment, w io.Writer, o planOptions) error {
	tasks := e.Tasks()
	survey, err := schedule.Look(e.Store, tasks)
	if err == nil {
		err = e.CheckInputs(ctx, survey)
	}
	if err != nil {
		return err
	}
	f, err := forecast.New(e.Store, tasks, survey, forecast.On(o.engine, o.jobs.Assumed()))
	if err != nil {
		return err
	}
	name := cmp.Or(f.Engine(), "go")
	machine := &plan.Machine{Engine: name, Fit: o.fit.On(name)}
	f.ComputeMemory(e.Plan.Stages, machine)
	p := record.Describe(e)
	p.Warnings = e.Plan.Warnings
	for i := range p.Stages {
		p.Stages[i].State = survey.Status[i].String()
		if damaged := survey.Damaged[i]; damaged != nil {
			p.Stages[i].Damaged = damaged.Why
		}
		p.Stages[i].Estimate = stageEstimate(f.Stages[i])
	}
	if o.asJSON {
		p.Estimate = f.Record(e.Store.Root())
		enc := json.NewEncoder(w)
		enc.SetIndent("", "\t")
		err = enc.Encode(p)
	} else {
		fmt.Fprintln(w, e.Summary(survey))
		for _, d := range e.Defaulted {
			fmt.Fprintln(w, d.String())
		}
		e.PrintWarnings(w)
		err = errors.Join(f.Print(w, e.Store.Root()), printStages(&p, w))
	}
	if err == nil {
		err = errors.Join(f.Check(e.Store.Root(), o.overcommit), forecast.CheckFit(e.Plan.Stages, survey, machine, o.overcommit))
	}
	if err == nil && o.check && survey.Count(schedule.ToRun) > 0 {
		return cli.ErrWork
	}
	return err
}

// printScale prints a plan without data.
func printScale(e *experiment.Experiment, w io.Writer, o planOptions) error {
	if o.tflops <= 0 {
		return cli.Usage(fmt.Errorf("--tflops %g: want a number over 0", o.tflops))
	}
	p := record.Describe(e)
	p.Missing, p.Scale = e.Plan.Missing, forecast.Scales(e.Plan.Stages, o.tflops)
	if o.asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "\t")
		return enc.Encode(p)
	}
	fmt.Fprintf(w, "%s: %s, %s\n", e.Name, words.Plural(len(e.Plan.Trials), "trial"), words.Plural(len(e.Plan.Stages), "stage"))
	printMissing(w, p.Missing)
	return forecast.PrintScales(w, p.Scale, o.tflops)
}

// printMissing lists what a sweep would refuse to begin without.
func printMissing(w io.Writer, missing []plan.Missing) {
	if len(missing) == 0 {
		fmt.Fprintln(w, "all data are there")
		return
	}
	fmt.Fprintf(w, "\nnotice: %s missing here; a sweep needs them\n", words.Plural(len(missing), "input"))
	for _, m := range missing {
		fmt.Fprintf(w, "  %s: %s\n", m.Field, m.Path)
		for _, way := range m.Get {
			fmt.Fprintf(w, "      %s\n", way)
		}
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

func printStages(p *record.Plan, w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nSTAGE\tKEY\tTRIALS\tSTATE\n")
	state := map[string]string{}
	for _, s := range p.Stages {
		state[s.Key] = s.State
		note := s.State
		if s.Estimate != nil && s.Estimate.Seconds != nil {
			note += ", about " + forecast.Duration(s.Estimate.Seconds)
		}
		if s.Damaged != "" {
			note += " (damaged: " + s.Damaged + ")"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", s.Op, s.Key[:12], s.Trials, note)
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
		if left > 0 {
			note = fmt.Sprintf("%d of %s to run", left, words.Plural(len(t.Stages), "result"))
		}
		fmt.Fprintf(table, "%s\t%s\n", t.Name, note)
	}
	return table.Flush()
}
