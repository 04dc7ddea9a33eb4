package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/ops/engine"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// reproduceOptions are the flags of reproduce.
type reproduceOptions struct {
	store  string
	from   string
	engine string
	jobs   int
	verify bool
}

func newReproduce() *cobra.Command {
	var o reproduceOptions
	cmd := &cobra.Command{
		Use:   "reproduce TRIAL",
		Short: "Make a trial again from its record alone",
		Long: `reproduce makes the stages of one recorded trial, without the experiment's file:
ops, params, inputs and outside files are those of the sweep's plan. It refuses
when an op has another version than then, naming the commit it was made from, and
when an outside file is missing or has changed, naming the file.

Stages go into the store that --store names; with --from, the record is read from
another store, of which nothing else is used. --verify compares what was made with
the record, digests and metrics, and ends with 1 when they differ; without --from
it makes the trial in a store of its own, which is dropped.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if o.jobs < 1 {
				return cli.Usage(fmt.Errorf("--jobs %d: at least 1", o.jobs))
			}
			if err := exec.CheckEngine(o.engine); err != nil {
				return cli.Usage(err)
			}
			r, done, err := newReproduction(cmd, o, given[0])
			if err != nil {
				return err
			}
			defer done()
			return r.run(cmd.Context())
		},
	}
	cli.StoreFlag(cmd, &o.store)
	flags := cmd.Flags()
	flags.StringVar(&o.from, "from", "", "read the record from the store in this `directory`")
	flags.StringVar(&o.engine, "engine", "auto", "`engine` that computes: "+engine.Choices)
	flags.IntVarP(&o.jobs, "jobs", "j", 1, "run this `many` stages at a time")
	flags.BoolVar(&o.verify, "verify", false, "compare the outputs and metrics with the record")
	return cmd
}

// reproduction is one call of reproduce.
type reproduction struct {
	o           reproduceOptions
	from, to    *store.Store
	sweep       *store.Sweep
	plan        *record.Plan
	trial       *record.Trial
	outputs     map[string]record.Output
	out, stderr io.Writer
}

// newReproduction opens the stores and finds the record.
func newReproduction(cmd *cobra.Command, o reproduceOptions, name string) (*reproduction, func(), error) {
	r := &reproduction{o: o, out: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
	var err error
	if r.to, err = store.Open(o.store); err != nil {
		return nil, nil, err
	}
	if r.from = r.to; o.from != "" {
		if r.from, err = store.Open(o.from); err != nil {
			return nil, nil, err
		}
	}
	if r.sweep, r.plan, r.trial, err = record.FindTrial(r.from, name); err != nil {
		return nil, nil, err
	}
	if r.outputs, err = record.Outputs(r.sweep); err != nil {
		return nil, nil, err
	}
	done := func() { r.to.Close() }
	if o.verify && o.from == "" {
		dir, err := r.from.TempDir("reproduce")
		if err != nil {
			return nil, nil, err
		}
		if r.to, err = store.Open(filepath.Join(dir, "store")); err != nil {
			return nil, nil, err
		}
		done = func() { r.to.Close(); r.from.Close() } // which drops the directory
	}
	return r, done, nil
}

// run restores the trial's stages, makes those that are not there, and compares.
func (r *reproduction) run(ctx context.Context) error {
	records := r.plan.MadeFrom(r.trial)
	restorer := newRestorer(r.from)
	for key, output := range r.outputs {
		restorer.commits[key] = output.Commit
	}
	stages, err := restorer.stages(records)
	if err != nil {
		return fmt.Errorf("trial %s cannot be made as it was:\n%w", r.trial.Name, err)
	}
	report, err := r.make(ctx, stages)
	if err != nil {
		return err
	}
	if err := r.recordResult(report.Entries); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "trial %s of %s/%s: %s, %d made, %d found in store %s\n", r.trial.Name, r.sweep.Name, r.sweep.Hash,
		words.Plural(len(stages), "stage"), len(report.Made), len(report.Cached), cli.ShownPath(r.to.Root()))
	if !r.o.verify {
		return r.printMetrics(report.Entries)
	}
	return r.compare(stages, report.Entries)
}

// make runs the stages and records them as a sweep of the trial's own, so that
// the store knows what its outputs are for.
func (r *reproduction) make(ctx context.Context, stages []*plan.Stage) (*schedule.Report, error) {
	if err := r.to.Prepare(); err != nil {
		return nil, err
	}
	folder, err := r.folder()
	if err != nil {
		return nil, err
	}
	release, err := folder.Hold(func() error { return r.record(folder) })
	if err != nil {
		return nil, err
	}
	defer release()
	engines := exec.NewEngines(r.o.engine, r.stderr)
	defer engines.Close()
	maker := exec.Maker{Engines: engines, Workers: max(1, runtime.GOMAXPROCS(0)/r.o.jobs), Identify: r.to.Identify}
	tasks := make([]*schedule.Task, len(stages))
	for i, stage := range stages {
		tasks[i] = &schedule.Task{Key: stage.Key, Op: stage.Op, Lines: stage.Lines, Needs: experiment.InputKeys(stage), Wanted: r.wanted(stage.Key),
			Trials: []string{r.trial.Name}, Run: maker.Run(stage)}
	}
	this := record.NewRun()
	this.Engine.Asked, this.Data = r.o.engine, record.DataOf(stages)
	options := schedule.Options{Store: r.to, Jobs: r.o.jobs, Reporter: exec.NewReporter(r.stderr)}
	record.KeepSound(&options, r.stderr)
	return exec.Recording{Run: this, Folder: folder, Engines: engines}.Make(ctx, tasks, options)
}

// folder is where the records go: in the record's own store, where they are.
func (r *reproduction) folder() (*store.Sweep, error) {
	if r.to.Root() == r.sweep.Root() {
		return r.sweep, nil
	}
	return r.to.Sweep(r.sweep.Name, record.SHA256Hex([]byte(r.sweep.Hash + r.trial.ID))[:8])
}

// recordResult writes what was made as a sweep would, but not over the record
// that it was made from.
func (r *reproduction) recordResult(entries map[string]store.Entry) error {
	folder, err := r.folder()
	if err != nil || folder == r.sweep {
		return err
	}
	var outputs []record.Output
	for _, stage := range r.plan.MadeFrom(r.trial) {
		if e, ok := entries[stage.Key]; ok {
			outputs = append(outputs, record.OutputOf(e.Manifest))
		}
	}
	metrics, err := record.MetricsOf(r.trial.Stages, func(key string) (store.Entry, bool) { e, ok := entries[key]; return e, ok })
	if err != nil {
		return err
	}
	return errors.Join(store.WriteLines(folder, record.OutputsFile, outputs),
		folder.WriteJSON(record.ResultPath(r.trial.ID), record.Result{ID: r.trial.ID, Name: r.trial.Name, Stages: r.trial.Stages, Metrics: metrics}))
}

func (r *reproduction) wanted(key string) bool {
	return slices.Contains(slices.Collect(maps.Values(r.trial.Stages)), key)
}

// record writes the plan of this trial alone; in the record's own folder it is
// written already.
func (r *reproduction) record(folder *store.Sweep) error {
	if folder == r.sweep {
		return nil
	}
	p := *r.plan
	p.Trials, p.Stages = []record.Trial{*r.trial}, r.plan.MadeFrom(r.trial)
	errs := []error{store.WriteLines(folder, record.TrialsFile, p.Trials), folder.WriteJSON(record.PlanFile, p)}
	for _, name := range []string{"spec.cue", "spec.resolved.json", "overrides.json"} {
		data, err := os.ReadFile(r.sweep.Path(name))
		if err == nil {
			err = folder.Write(name, data)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, folder.Latest())...)
}

func (r *reproduction) printMetrics(entries map[string]store.Entry) error {
	metrics, err := record.MetricsOf(r.trial.Stages, func(key string) (store.Entry, bool) { e, ok := entries[key]; return e, ok })
	for _, m := range metrics {
		fmt.Fprintf(r.out, "%s %s\n", m.Name(), number(m.Value))
	}
	return err
}

// errDiffers is the end of a reproduce --verify that found a difference.
var errDiffers = errors.New("what was made differs from the record")

// compare prints each stage that came out otherwise, then the metrics.
func (r *reproduction) compare(stages []*plan.Stage, entries map[string]store.Entry) error {
	differ, unknown := 0, 0
	for _, stage := range stages {
		e, ok := entries[stage.Key]
		if !ok {
			continue // nothing that ran read it
		}
		then, known := r.outputs[stage.Key]
		if !known {
			unknown++
			continue
		}
		if in := r.otherInput(then); in != "" {
			differ++
			fmt.Fprintf(r.out, "%s %s: the record contradicts itself: it was made from other bytes of %s than are on record\n", stage.Op, cli.Short(stage.Key), cli.Short(in))
		}
		if how := r.difference(then, e); how != "" {
			differ++
			fmt.Fprintf(r.out, "%s %s differs: %s; engine %s then, %s now\n", stage.Op, cli.Short(stage.Key), how, cmp.Or(then.Engine, "-"), cmp.Or(record.OutputOf(e.Manifest).Engine, "-"))
		}
	}
	if unknown > 0 {
		fmt.Fprintf(r.out, "%s have no digest on record (the sweep did not end)\n", words.Plural(unknown, "stage"))
	}
	changed, err := r.compareMetrics(entries)
	if err != nil {
		return err
	}
	if differ > 0 || changed > 0 {
		return errDiffers
	}
	fmt.Fprintln(r.out, "every output has the bytes on record, every metric its value")
	return nil
}

// otherInput is an input of which an output on record read other bytes than the
// record has of it, "" for none.
func (r *reproduction) otherInput(then record.Output) string {
	for _, in := range slices.Sorted(maps.Keys(then.Inputs)) {
		if made, known := r.outputs[in]; known && made.SHA256 != then.Inputs[in] {
			return in
		}
	}
	return ""
}

// difference says what differs from the output of then, "" when nothing does.
// File by file it can be told where the record's store still has that output,
// or its manifest; else there is one digest for all.
func (r *reproduction) difference(then record.Output, now store.Entry) string {
	if record.OutputOf(now.Manifest).SHA256 == then.SHA256 {
		return ""
	}
	old, ok, err := r.from.Lookup(now.Key)
	if !ok || err != nil {
		return "which files cannot be told, the output of then is gone"
	}
	return strings.Join(differingOutputs(old, now), ", ")
}

// compareMetrics prints the metrics beside those on record.
func (r *reproduction) compareMetrics(entries map[string]store.Entry) (changed int, err error) {
	now, err := record.MetricsOf(r.trial.Stages, func(key string) (store.Entry, bool) { e, ok := entries[key]; return e, ok })
	if err != nil {
		return 0, err
	}
	then, err := record.RecordedMetrics(r.sweep, r.trial)
	if err != nil {
		return 0, err
	}
	of := map[string]float64{}
	for _, m := range then {
		of[m.Name()] = m.Value
	}
	for _, m := range now {
		was, known := of[m.Name()]
		switch {
		case !known:
			fmt.Fprintf(r.out, "%s %s (not on record)\n", m.Name(), number(m.Value))
		case was == m.Value:
			fmt.Fprintf(r.out, "%s %s\n", m.Name(), number(m.Value))
		default:
			changed++
			fmt.Fprintf(r.out, "%s %s, was %s (%.2g off)\n", m.Name(), number(m.Value), number(was), math.Abs(m.Value-was))
		}
	}
	return changed, nil
}
