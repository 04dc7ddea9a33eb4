package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"react/data/words"
	"react/ops"
	"react/ops/engine"
	"react/ops/op"
	"react/runner/apart"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// sweepOptions are the flags of sweep: where and how, never what.
type sweepOptions struct {
	sets       []string
	store      string
	engine     string
	tables     string
	jobs       jobs
	failFast   bool
	overcommit bool
	launcher   string
	cluster    clusterOptions
	fit        fitOptions

	keepDiff  bool
	keepGoing bool // the opposite of failFast, for who is used to make's

	saveEvery time.Duration

	toRun  int    // stages, once the store was looked at; no flag
	opened string // the engine's name once it is open; no flag
}

func newSweep() *cobra.Command {
	var o sweepOptions
	cmd := &cobra.Command{
		Use:   "sweep FILE",
		Short: "Run an experiment, or go on where it stopped, and print its tables",
		Long: `sweep runs the stages of an experiment that are not in the store yet, each once
however many trials share it, then prints the tables of the file and writes them
below the store (.runner/sweeps/NAME/HASH/tables). Run again, it finds everything
done and prints the same tables. A stage that fails stops only the trials that
need it.

The first Ctrl-C stops the running stages where they are: trainings save their
state, and the same command goes on from there, to the same result; the second
kills. Killed, a training loses what it did since it was saved last, another
stage what it did; nothing else is lost. Several sweeps may run on one store.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := o.check(cmd.Flags()); err != nil {
				return cli.Usage(err)
			}
			e, err := experiment.Load(cmd.Context(), files[0], o.sets, o.store)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			return runSweep(e, cmd, o)
		},
	}
	cli.SetFlag(cmd, &o.sets)
	cli.StoreFlag(cmd, &o.store)
	addRunFlags(cmd, &o)
	return cmd
}

// addRunFlags adds the flags of a run, however it came by its experiment.
func addRunFlags(cmd *cobra.Command, o *sweepOptions) {
	flags := cmd.Flags()
	flags.StringVar(&o.engine, "engine", "auto", "`engine` that computes: "+engine.Choices)
	flags.StringVar(&o.tables, "tables", "", "write the tables into this `directory` too")
	o.jobs = 1
	flags.VarP(&o.jobs, "jobs", "j", "run this many stages at a time; auto: as many as cores, memory and devices allow")
	overcommitFlag(cmd, &o.overcommit)
	flags.BoolVar(&o.failFast, "fail-fast", false, "stop everything at the first failure")
	flags.BoolVarP(&o.keepGoing, "keep-going", "k", true, "after a failure go on with what does not depend on it; the opposite of --fail-fast")
	flags.DurationVar(&o.saveEvery, "save-every", 30*time.Second, "`time` between two saves of a training that runs, from which it goes on after a kill")
	flags.BoolVar(&o.keepDiff, "keep-diff", false, "keep in the run's record how tracked files of the experiment's git repository differ from the commit; else only that they do")
	flags.StringVar(&o.launcher, "launcher", "local", "where stages run: local, slurm, or k8s")
	o.cluster.flags(flags)
	o.fit.flags(flags)
}

// check finds flags that contradict each other or are out of bounds.
func (o *sweepOptions) check(given *pflag.FlagSet) error {
	if o.failFast && o.keepGoing && given.Changed("keep-going") {
		return errors.New("--fail-fast and --keep-going: one of them")
	}
	o.failFast = o.failFast || !o.keepGoing
	if o.saveEvery <= 0 {
		return fmt.Errorf("--save-every %s: more than 0", o.saveEvery)
	}
	if !engine.Known(o.engine) {
		return fmt.Errorf("--engine %s: %s", o.engine, engine.Choices)
	}
	if err := o.fit.check(); err != nil {
		return err
	}
	return o.cluster.check(o.launcher, given)
}

// runSweep runs what is left to run. Tables are printed also when trials failed,
// with what is there; the error says what is not.
func runSweep(e *experiment.Experiment, cmd *cobra.Command, o sweepOptions) error {
	if err := e.Store.Prepare(); store.Unwritable(err) {
		return sweepReadOnly(e, cmd, o, err)
	} else if err != nil {
		return err
	}
	folder, err := record.SweepFolder(e)
	if err != nil {
		return err
	}
	release, err := folder.Hold(func() error { return record.WritePlan(e, folder) })
	if err != nil {
		return err
	}
	defer release()
	switch o.launcher {
	case "slurm":
		return sweepSlurm(e, cmd, folder, o)
	case "k8s":
		return printK8s(e, cmd, folder, o)
	}
	report, failure := runStages(cmd.Context(), e, cmd.ErrOrStderr(), folder, o)
	if report == nil {
		return failure
	}
	for _, entry := range report.Entries {
		e.Store.Touch(entry)
	}
	err = record.WriteResults(e, folder, report)
	if err != nil || failure != nil && !errors.As(failure, new(*schedule.Failed)) {
		return errors.Join(failure, err)
	}
	keptWarnings(e, cmd.ErrOrStderr(), report)
	return errors.Join(failure, writeTables(e, cmd.OutOrStdout(), folder, report.Entries, report.Failures, o.tables))
}

// sweepReadOnly is sweep on a store that cannot be written: with nothing to run,
// the tables are all there is to do.
func sweepReadOnly(e *experiment.Experiment, cmd *cobra.Command, o sweepOptions, unwritable error) error {
	survey, err := schedule.Look(e.Store, e.Tasks())
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), e.Summary(survey))
	if n := survey.Count(schedule.ToRun); n > 0 {
		return fmt.Errorf("%w; %s to run need a store that can be written", unwritable, words.Plural(n, "stage"))
	}
	return printTables(e, cmd.OutOrStdout(), o.tables)
}

// runStages brings the plan's stages into the store. The report is nil when
// nothing was begun.
func runStages(ctx context.Context, e *experiment.Experiment, stderr io.Writer, folder *store.Sweep, o sweepOptions) (*schedule.Report, error) {
	tasks := e.Tasks()
	survey, err := schedule.Look(e.Store, tasks)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(stderr, e.Summary(survey))
	if err := e.CheckInputs(ctx, survey); err != nil {
		return nil, err
	}
	e.PrintWarnings(stderr)
	forecast, err := newForecast(e.Store, tasks, survey, forecastOn(engineOf(o.engine), o.jobs.assumed()))
	if err != nil {
		return nil, err
	}
	if err := forecast.check(e.Store.Root(), o.overcommit); err != nil {
		return nil, err
	}
	engines := &engines{spec: o.engine, stderr: stderr}
	defer engines.close()
	if err := prepareEngine(e, engines, survey); err != nil {
		return nil, err
	}
	machine := &plan.Machine{Engine: engines.name(), Fit: o.fit.fit(engines.name())}
	if err := checkFit(e, survey, machine, o.overcommit); err != nil {
		return nil, err
	}
	for i, stage := range e.Plan.Stages {
		tasks[i].Uses = o.jobs.uses(stage)
		tasks[i].Uses.Memory = int64(forecast.stages[i].Memory.Value)
		if survey.Status[i] == schedule.ToRun {
			tasks[i].Uses.Memory = max(tasks[i].Uses.Memory, hostBytes(stage, machine))
		}
		how := how{workers: tasks[i].Uses.Cores, saveEvery: o.saveEvery, jobs: o.jobs.assumed(), fit: o.fit, identify: e.Store.Identify}
		tasks[i].Run, tasks[i].Assist = stageRunner(stage, engines, how), stageHelper(stage, engines, how)
	}
	options := schedule.Options{Store: e.Store, Jobs: o.jobs.atOnce(), Limits: o.jobs.limits(engines.name()),
		FailFast: o.failFast, Retries: o.cluster.retries, Reporter: placingReporter{newTimedReporter(stderr, newCountdown(forecast)), e}}
	record.KeepSound(&options, stderr)
	o.toRun, o.opened = survey.Count(schedule.ToRun), engines.name()
	if o.toRun == 0 && folder.Has(record.ProvenanceFile) {
		return schedule.Run(ctx, tasks, options)
	}
	return watched(folder, options, o, func(options schedule.Options) (*schedule.Report, error) {
		return recordedRun(ctx, tasks, options, runRecording{record.RunOf(ctx, e, o.engine, o.keepDiff), folder, engines})
	})
}

// prepareEngine opens the engine before the first stage, when one will want
// it: a library that is missing should not show an hour later.
func prepareEngine(e *experiment.Experiment, engines *engines, survey *schedule.Survey) error {
	for i, stage := range e.Plan.Stages {
		if survey.Status[i] == schedule.ToRun && ops.All[stage.Op].UsesEngine {
			_, err := engines.open()
			return err
		}
	}
	return nil
}

// how is what flags say of the running of stages.
type how struct {
	workers   int
	saveEvery time.Duration
	jobs      int
	fit       fitOptions
	assist    bool          // of another process
	identify  plan.Identify // what keys call outside files
}

// stageHelper has an op do parts of a stage that another process makes; nil for
// an op that cannot.
func stageHelper(stage *plan.Stage, engines *engines, how how) func(context.Context, *schedule.Attempt) error {
	if !ops.All[stage.Op].Divisible {
		return nil
	}
	how.assist = true
	run := stageRunner(stage, engines, how)
	return func(ctx context.Context, a *schedule.Attempt) error {
		if err := run(ctx, a); !errors.Is(err, ops.ErrNotBegun) {
			return err
		}
		return schedule.ErrNotBegun
	}
}

// stageRunner makes an op's Run of a stage and an attempt.
func stageRunner(stage *plan.Stage, engines *engines, how how) func(context.Context, *schedule.Attempt) error {
	return func(ctx context.Context, a *schedule.Attempt) error {
		run := &op.Run{Assist: how.assist, Dir: a.Dir, Partial: a.Partial, SaveEvery: how.saveEvery, In: map[string]string{}, Files: stage.Files, Workers: how.workers, Log: a.Log, Warn: a.Warn, Fact: a.Fact}
		for role, in := range stage.In {
			run.In[role] = a.In[in.Key]
		}
		run.Progress = func(p op.Progress) { a.Progress(p.Done, p.Total, p.Note) }
		run.OpenEngine = func() (*engine.Engine, error) {
			eng, err := engines.open()
			if err != nil {
				return nil, err
			}
			run.Fit = how.fit.fit(eng.Name())
			a.Fact(record.EngineFact, eng.Name())
			a.Fact("engine.libraries", eng.Describe())
			return eng, nil
		}
		a.Fact(record.JobsFact, how.jobs)
		done, peak := measurePeak(a.Fact), int64(0)
		defer func() { done(peak) }()
		return readAsPlanned(stage, how.identify, func() (err error) {
			peak, err = apart.Run(ctx, stage.Op, run, stage.Params)
			return err
		})
	}
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

// engines opens one engine for all stages, when the first asks for it.
type engines struct {
	spec   string
	stderr io.Writer

	mu  sync.Mutex
	eng *engine.Engine
	err error
}

func (e *engines) open() (*engine.Engine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.eng != nil || e.err != nil {
		return e.eng, e.err
	}
	if e.eng, e.err = engine.Open(e.spec); e.err != nil {
		e.err = fmt.Errorf("engine %s: %w", e.spec, e.err)
		return nil, e.err
	}
	fmt.Fprintf(e.stderr, "engine: %s\n", e.eng.Name())
	for _, text := range e.eng.Warnings() {
		fmt.Fprintln(e.stderr, "warning:", text)
	}
	return e.eng, nil
}

// name is the open engine's; "" when none is open.
func (e *engines) name() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.eng == nil {
		return ""
	}
	return e.eng.Name()
}

// opened is the engine that a stage has opened, nil when none has.
func (e *engines) opened() *engine.Engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.eng
}

func (e *engines) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.eng != nil {
		e.eng.Close()
		e.eng = nil
	}
}

// placingReporter prints the warnings of stages with their places, and none that
// was printed before the sweep began.
type placingReporter struct {
	schedule.Reporter
	of *experiment.Experiment
}

// Warn passes on what is new.
func (r placingReporter) Warn(t *schedule.Task, text string) {
	if text = placed(r.of, t, text); text != "" {
		r.Reporter.Warn(t, text)
	}
}

// placed is a stage's warning with the place in the file of the field that it
// names; "" where it was said of the inputs.
func placed(e *experiment.Experiment, t *schedule.Task, text string) string {
	if slices.ContainsFunc(e.Plan.Warnings, func(said string) bool { return strings.HasSuffix(said, text) }) {
		return ""
	}
	name, _, _ := strings.Cut(text, ":")
	for _, stage := range e.Plan.Stages {
		if path := stage.Field + "." + name; stage.Key == t.Key && stage.Field != "" && !strings.Contains(name, " ") {
			return fmt.Sprintf("%s: %s.%s", e.Place(path), stage.Field, text)
		}
	}
	return text
}

// keptWarnings prints the warnings of stages that were found done, once each:
// they hold for the tables as much as on the day they were made.
func keptWarnings(e *experiment.Experiment, w io.Writer, report *schedule.Report) {
	stages := map[string]int{}
	for _, t := range report.Cached {
		for _, text := range report.Entries[t.Key].Manifest.Warnings {
			if text = placed(e, t, text); text != "" {
				stages[t.Op+": "+text]++
			}
		}
	}
	texts := make([]string, 0, len(stages))
	for text := range stages {
		texts = append(texts, text)
	}
	sort.Strings(texts)
	for _, text := range texts {
		fmt.Fprintf(w, "warning (%s done before): %s\n", words.Plural(stages[text], "stage"), text)
	}
}
