package reproduce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"react/data/words"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// Options say where a trial is made again, and from which record.
type Options struct {
	Store          string // that outputs go into
	From           string // whose record is read; "" is Store
	Engine         string
	Devices        exec.Devices
	Jobs           int  // stages at a time
	Verify         bool // compare with the record
	Stdout, Stderr io.Writer
}

// Trial makes the stages of one recorded trial again, from its record alone.
func Trial(ctx context.Context, name string, o Options) error {
	r, done, err := newReproduction(o, name)
	if err != nil {
		return err
	}
	defer done()
	return r.run(ctx)
}

// reproduction is one call of Trial.
type reproduction struct {
	Options
	from, to *store.Store
	of       record.TrialOf
	outputs  map[string]record.Output
}

// newReproduction opens the stores and finds the record.
func newReproduction(o Options, name string) (*reproduction, func(), error) {
	r := &reproduction{Options: o}
	var err error
	if r.from, err = store.OpenExisting(cmp.Or(o.From, o.Store)); err != nil {
		return nil, nil, err
	}
	if r.to = r.from; o.From != "" {
		if r.to, err = store.Open(o.Store); err != nil {
			return nil, nil, err
		}
	}
	if r.of, err = record.FindTrial(r.from, name); err != nil {
		return nil, nil, err
	}
	record.PrintNote(o.Stderr, r.of.Note)
	if r.outputs, err = record.Outputs(r.of.Sweep); err != nil {
		return nil, nil, err
	}
	done := func() { r.to.Close() }
	if o.Verify && o.From == "" {
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
	records := r.of.Plan.MadeFrom(r.of.Trial)
	restorer := newRestorer(r.from)
	for key, output := range r.outputs {
		restorer.commits[key] = output.Commit
	}
	stages, err := restorer.stages(records)
	if err != nil {
		return fmt.Errorf("trial %s cannot be made as it was:\n%w", r.of.Trial.Name, err)
	}
	report, err := r.make(ctx, stages)
	if err != nil {
		return err
	}
	if err := r.recordResult(report.Entries); err != nil {
		return err
	}
	fmt.Fprintf(r.Stdout, "trial %s of %s/%s: %s, %d made, %d found in store %s\n", r.of.Trial.Name, r.of.Sweep.Name, r.of.Sweep.Hash,
		words.Plural(len(stages), "stage"), len(report.Made), len(report.Cached), cli.ShownPath(r.to.Root()))
	if !r.Verify {
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
	engines := exec.NewEngines(r.Engine, r.Devices.Share(r.Engine, exec.Jobs(r.Jobs)), r.to, r.Stderr)
	defer engines.Close()
	maker := exec.Maker{Engines: engines, Workers: max(1, runtime.GOMAXPROCS(0)/r.Jobs), Identify: r.to.Identify}
	tasks := make([]*schedule.Task, len(stages))
	for i, stage := range stages {
		tasks[i] = &schedule.Task{Key: stage.Key, Op: stage.Op, Lines: stage.Lines, Needs: experiment.InputKeys(stage), Wanted: r.wanted(stage.Key),
			Trials: []string{r.of.Trial.Name}, Run: maker.Run(stage)}
	}
	this := record.NewRun()
	this.Engine.Asked, this.Data = r.Engine, record.DataOf(stages)
	options := schedule.Options{Store: r.to, Jobs: r.Jobs, Reporter: exec.NewReporter(r.Stderr)}
	record.KeepSound(&options, r.Stderr)
	return exec.Recording{Run: this, Folder: folder, Engines: engines}.Make(ctx, tasks, options)
}

// folder is where the records go: in the record's own store, where they are.
func (r *reproduction) folder() (*store.Sweep, error) {
	if r.to.Root() == r.of.Sweep.Root() {
		return r.of.Sweep, nil
	}
	return r.to.Sweep(r.of.Sweep.Name, record.SHA256Hex([]byte(r.of.Sweep.Hash + r.of.Trial.ID))[:8])
}

// recordResult writes what was made as a sweep would, but not over the record
// that it was made from.
func (r *reproduction) recordResult(entries map[string]store.Entry) error {
	folder, err := r.folder()
	if err != nil || folder == r.of.Sweep {
		return err
	}
	var outputs []record.Output
	for _, stage := range r.of.Plan.MadeFrom(r.of.Trial) {
		if e, ok := entries[stage.Key]; ok {
			outputs = append(outputs, record.OutputOf(e.Manifest))
		}
	}
	metrics, err := record.MetricsOf(r.of.Trial.Stages, func(key string) (store.Entry, bool) { e, ok := entries[key]; return e, ok })
	if err != nil {
		return err
	}
	return errors.Join(store.WriteLines(folder, record.OutputsFile, outputs),
		folder.WriteJSON(record.ResultPath(r.of.Trial.ID), record.Result{ID: r.of.Trial.ID, Name: r.of.Trial.Name, Stages: r.of.Trial.Stages, Metrics: metrics}))
}

func (r *reproduction) wanted(key string) bool {
	return slices.Contains(slices.Collect(maps.Values(r.of.Trial.Stages)), key)
}

// record writes the plan of this trial alone; in the record's own folder it is
// written already.
func (r *reproduction) record(folder *store.Sweep) error {
	if folder == r.of.Sweep {
		return nil
	}
	p := *r.of.Plan
	p.Trials, p.Stages = []record.Trial{*r.of.Trial}, r.of.Plan.MadeFrom(r.of.Trial)
	errs := []error{store.WriteLines(folder, record.TrialsFile, p.Trials), folder.WriteJSON(record.PlanFile, p), record.CopySpec(r.of.Sweep, folder)}
	for _, name := range []string{"spec.resolved.json", "overrides.json"} {
		data, err := os.ReadFile(r.of.Sweep.Path(name))
		if err == nil {
			err = folder.Write(name, data)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, folder.Latest())...)
}

func (r *reproduction) printMetrics(entries map[string]store.Entry) error {
	metrics, err := record.MetricsOf(r.of.Trial.Stages, func(key string) (store.Entry, bool) { e, ok := entries[key]; return e, ok })
	for _, m := range metrics {
		fmt.Fprintf(r.Stdout, "%s %s\n", m.Name(), cli.JSONText(m.Value))
	}
	return err
}
