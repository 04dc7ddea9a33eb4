package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"react/data/words"
	"react/ops"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/experiment"
	"react/runner/forecast"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
	"react/runner/tables"
)

// sweepOptions are the flags of sweep: where and how, never what.
type sweepOptions struct {
	exec.Settings
	sets       []string
	store      string
	tables     string
	jobs       exec.Jobs
	failFast   bool
	overcommit bool
	launcher   string
	cluster    clusterOptions

	keepDiff  bool
	keepGoing bool // the opposite of failFast, for who is used to make's
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
	o.Settings.Flags(flags)
	flags.StringVar(&o.tables, "tables", "", "write the tables into this `directory` too")
	o.jobs = 1
	flags.VarP(&o.jobs, "jobs", "j", "run this many stages at a time; auto: as many as cores, memory and devices allow")
	overcommitFlag(cmd, &o.overcommit)
	flags.BoolVar(&o.failFast, "fail-fast", false, "stop everything at the first failure")
	flags.BoolVarP(&o.keepGoing, "keep-going", "k", true, "after a failure go on with what does not depend on it; the opposite of --fail-fast")
	flags.BoolVar(&o.keepDiff, "keep-diff", false, "keep in the run's record how tracked files of the experiment's git repository differ from the commit; else only that they do")
	flags.StringVar(&o.launcher, "launcher", "local", "where stages run: local, slurm, or k8s")
	o.cluster.flags(flags)
}

// check finds flags that contradict each other or are out of bounds.
func (o *sweepOptions) check(given *pflag.FlagSet) error {
	if o.failFast && o.keepGoing && given.Changed("keep-going") {
		return errors.New("--fail-fast and --keep-going: one of them")
	}
	o.failFast = o.failFast || !o.keepGoing
	if err := o.Settings.Check(); err != nil {
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
	return errors.Join(failure, tables.Write(e, cmd.OutOrStdout(), folder, report.Entries, report.Failures, o.tables))
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
	return tables.Print(e, cmd.OutOrStdout(), o.tables)
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
	expected, err := forecast.New(e.Store, tasks, survey, forecast.On(o.Engine, o.jobs.Assumed()))
	if err != nil {
		return nil, err
	}
	if err := expected.Check(e.Store.Root(), o.overcommit); err != nil {
		return nil, err
	}
	engines := exec.NewEngines(o.Engine, stderr)
	defer engines.Close()
	if err := prepareEngine(e, engines, survey); err != nil {
		return nil, err
	}
	machine := &plan.Machine{Engine: engines.Name(), Fit: o.Fit.On(engines.Name())}
	if err := forecast.CheckFit(e.Plan.Stages, survey, machine, o.overcommit); err != nil {
		return nil, err
	}
	for i, stage := range e.Plan.Stages {
		tasks[i].Uses = o.jobs.Uses(stage)
		tasks[i].Uses.Memory = expected.Memory(i, stage, machine)
		maker := exec.Maker{Engines: engines, Workers: tasks[i].Uses.Cores, Jobs: o.jobs.Assumed(), SaveEvery: o.SaveEvery, Fit: o.Fit, Identify: e.Store.Identify}
		tasks[i].Run, tasks[i].Assist = maker.Run(stage), maker.Assist(stage)
	}
	options := schedule.Options{Store: e.Store, Jobs: o.jobs.AtOnce(), Limits: o.jobs.Limits(engines.Name()),
		FailFast: o.failFast, Retries: o.cluster.retries, Reporter: placingReporter{exec.NewTimedReporter(stderr, forecast.NewCountdown(expected)), e}}
	record.KeepSound(&options, stderr)
	toRun := survey.Count(schedule.ToRun)
	if toRun == 0 && folder.Has(record.ProvenanceFile) {
		return schedule.Run(ctx, tasks, options)
	}
	process := record.Process{Engine: cmp.Or(engines.Name(), o.Engine), Jobs: o.jobs.String(), Total: toRun}
	return exec.Watched(folder, options, process, func(options schedule.Options) (*schedule.Report, error) {
		recording := exec.Recording{Run: record.RunOf(ctx, e, o.Engine, o.keepDiff), Folder: folder, Engines: engines}
		return recording.Make(ctx, tasks, options)
	})
}

// prepareEngine opens the engine before the first stage, when one will want
// it: a library that is missing should not show an hour later.
func prepareEngine(e *experiment.Experiment, engines *exec.Engines, survey *schedule.Survey) error {
	for i, stage := range e.Plan.Stages {
		if survey.Status[i] == schedule.ToRun && ops.All[stage.Op].UsesEngine {
			_, err := engines.Open()
			return err
		}
	}
	return nil
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
