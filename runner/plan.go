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

	"react/ops"
	"react/ops/engine"
	"react/runner/cli"
	"react/runner/estimate"
	"react/runner/plan"
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
			e, err := loadWith(cmd.Context(), files[0], sets, storeDir, plan.Options{WithoutData: o.withoutData})
			if err != nil {
				return err
			}
			if o.withoutData {
				return e.printScale(cmd.OutOrStdout(), o)
			}
			if err := o.fit.check(); err != nil {
				return cli.Usage(err)
			}
			return e.printPlan(cmd.Context(), cmd.OutOrStdout(), o)
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
	overcommitFlag(cmd, &o.overcommit)
	flags.BoolVar(&o.withoutData, "without-data", false, "plan although data are missing: say what, how to get it, and how much work there is")
	flags.Float64Var(&o.tflops, "tflops", 60, "with --without-data: what a GPU sustains, in 10^12 operations a second")
	o.fit.flags(flags)
	return cmd
}

// planOptions are the flags of plan.
type planOptions struct {
	asJSON, check, overcommit bool
	withoutData               bool
	tflops                    float64
	jobs                      jobs
	engine                    string
	fit                       fitOptions
}

func overcommitFlag(cmd *cobra.Command, overcommit *bool) {
	cmd.Flags().BoolVar(overcommit, "overcommit", false, "go on although disk or memory are estimated not to suffice")
}

// engineOf is the engine that --engine names; "" for auto.
func engineOf(flag string) string {
	if flag == "auto" {
		return ""
	}
	return flag
}

// printPlan prints what a sweep would do; the error says that it would have
// work, or not fit.
func (e *experiment) printPlan(ctx context.Context, w io.Writer, o planOptions) error {
	tasks := e.tasks()
	survey, err := schedule.Look(e.store, tasks)
	if err == nil {
		err = e.checkInputs(ctx, survey)
	}
	if err != nil {
		return err
	}
	f, err := newForecast(e.store, tasks, survey, forecastOn(engineOf(o.engine), o.jobs.assumed()))
	if err != nil {
		return err
	}
	name := cmp.Or(f.where.Engine, "go")
	machine := &plan.Machine{Engine: name, Fit: o.fit.fit(name)}
	f.computeMemory(e.plan.Stages, machine)
	p := e.describe()
	p.Warnings = e.plan.Warnings
	for i := range p.Stages {
		p.Stages[i].State = survey.Status[i].String()
		if damaged := survey.Damaged[i]; damaged != nil {
			p.Stages[i].Damaged = damaged.Why
		}
		p.Stages[i].Estimate = stageEstimate(f.stages[i])
	}
	if o.asJSON {
		p.Estimate = f.record(e.store.Root())
		enc := json.NewEncoder(w)
		enc.SetIndent("", "\t")
		err = enc.Encode(p)
	} else {
		fmt.Fprintln(w, e.summary(survey))
		e.printWarnings(w)
		err = errors.Join(f.print(w, e.store.Root()), p.print(w))
	}
	if err == nil {
		err = errors.Join(f.check(e.store.Root(), o.overcommit), e.checkFit(survey, machine, o.overcommit))
	}
	if err == nil && o.check && survey.Count(schedule.ToRun) > 0 {
		return cli.ErrWork
	}
	return err
}

// stageEstimate is nil where nothing is known.
func stageEstimate(e estimate.Estimate) *estimateRecord {
	if !e.Seconds.Known() && !e.Bytes.Known() {
		return nil
	}
	r := &estimateRecord{}
	r.add(e)
	return r
}

// summary is the one line that plan and sweep begin with.
func (e *experiment) summary(survey *schedule.Survey) string {
	text := fmt.Sprintf("%s: %s, %s: %d cached, %d to run", e.Name, cli.Plural(len(e.plan.Trials), "trial"),
		cli.Plural(len(e.plan.Stages), "stage"), survey.Count(schedule.Cached), survey.Count(schedule.ToRun))
	if n := survey.Count(schedule.Unneeded); n > 0 {
		text += fmt.Sprintf(", %d not needed", n)
	}
	return text
}

// planRecord is a plan for machines: plan --json, and plan.json of a sweep.
type planRecord struct {
	Schema     string        `json:"schema"`
	Experiment string        `json:"experiment"`
	Question   string        `json:"question,omitempty"`
	Stages     []stageRecord `json:"stages"` // inputs before readers
	Trials     []trialRecord `json:"trials"`
	Estimate   *planEstimate `json:"estimate,omitempty"` // plan --json only
	Warnings   []string      `json:"warnings,omitempty"` // plan --json only

	Missing []plan.Missing `json:"missing,omitempty"` // plan --without-data only
	Scale   []opScale      `json:"scale,omitempty"`   // plan --without-data only
}

// stageRecord is one stage of a plan.
type stageRecord struct {
	Key     string               `json:"key"`
	Op      string               `json:"op"`
	Params  json.RawMessage      `json:"params"`
	In      map[string]string    `json:"in,omitempty"` // role → key
	Files   map[string]ops.Files `json:"files,omitempty"`
	Lines   []string             `json:"lines"`  // the key's preimage
	Trials  int                  `json:"trials"` // that need it
	State   string               `json:"state,omitempty"`
	Damaged string               `json:"damaged,omitempty"` // why the entry in the store is not used

	Estimate *estimateRecord `json:"estimate,omitempty"` // plan --json only
}

// trialRecord is one trial: a line of trials.jsonl.
type trialRecord struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Label  string            `json:"label,omitempty"`
	Axes   map[string]any    `json:"axes,omitempty"`
	Seed   *int              `json:"seed,omitempty"`
	Params map[string]any    `json:"params"`
	Stages map[string]string `json:"stages"` // name → key
}

func (e *experiment) describe() planRecord {
	p := planRecord{Schema: "runner.plan/v1", Experiment: e.Name, Question: e.Question}
	for i, task := range e.tasks() {
		stage := e.plan.Stages[i]
		p.Stages = append(p.Stages, stageRecord{Key: stage.Key, Op: stage.Op, Params: stage.Params,
			In: keysOf(stage.In), Files: stage.Files, Lines: stage.Lines, Trials: len(task.Trials)})
	}
	for _, t := range e.plan.Trials {
		p.Trials = append(p.Trials, trialRecord{t.ID, trialName(t), t.Label, t.Axes, t.Seed, t.Params, keysOf(t.Stages)})
	}
	return p
}

func keysOf(stages map[string]*plan.Stage) map[string]string {
	keys := make(map[string]string, len(stages))
	for name, stage := range stages {
		keys[name] = stage.Key
	}
	return keys
}

func (p *planRecord) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nSTAGE\tKEY\tTRIALS\tSTATE\n")
	state := map[string]string{}
	for _, s := range p.Stages {
		state[s.Key] = s.State
		note := s.State
		if s.Estimate != nil && s.Estimate.Seconds != nil {
			note += ", about " + durationOf(s.Estimate.Seconds)
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
			note = fmt.Sprintf("%d of %s to run", left, cli.Plural(len(t.Stages), "result"))
		}
		fmt.Fprintf(table, "%s\t%s\n", t.Name, note)
	}
	return table.Flush()
}
