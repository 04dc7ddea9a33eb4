// Package sweep runs an experiment, or resumes it: it finds the stages that are left to run, runs
// them here or on a cluster, records the run, and prints the tables.
//
// It combines other packages: forecast refuses what does not fit, exec runs stages here, cluster
// runs them elsewhere, record writes the records, tables prints.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"

	"react/data/words"
	"react/runner/cluster"
	"react/runner/experiment"
	"react/runner/exported"
	"react/runner/forecast"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
	"react/runner/tables"
)

// Sweep is one run of an experiment. Tables go to Stdout, all else to Stderr.
type Sweep struct {
	*experiment.Experiment
	Options
	Stdout, Stderr io.Writer

	folder *store.Sweep
	survey *schedule.Survey // of before anything ran
	live   *exported.Live
	left   *forecast.Countdown
}

// Run runs what is left to run. Tables are printed also when trials failed, with
// what is there; the error says what is not.
func (s *Sweep) Run(ctx context.Context) error {
	s.live = exported.NewLive(s.TensorBoard, s.Experiment, s.Stderr)
	if err := s.Store.Prepare(); store.Unwritable(err) {
		return s.readOnly(err)
	} else if err != nil {
		return err
	}
	var err error
	if s.folder, err = record.SweepFolder(s.Experiment); err != nil {
		return err
	}
	release, err := s.folder.Hold(func() error { return record.WritePlan(s.Experiment, s.folder) })
	if err != nil {
		return err
	}
	defer release()
	if s.Launcher == "local" {
		if err := s.look(ctx); err != nil {
			return err
		}
		return s.conclude(s.runHere(ctx))
	}
	l, err := cluster.New(s.Experiment, s.folder, s.Settings, s.Cluster, s.Stderr)
	if err == nil {
		err = s.look(ctx)
	}
	switch {
	case err != nil:
		return err
	case s.Launcher == "k8s":
		return l.PrintK8s(s.Stdout)
	}
	return s.conclude(s.runOnSlurm(ctx, l))
}

// look finds what is to run, and what is wrong with what it reads.
func (s *Sweep) look(ctx context.Context) (err error) {
	if s.survey, err = schedule.Look(s.Store, s.Tasks()); err != nil {
		return err
	}
	fmt.Fprintln(s.Stderr, s.Summary(s.survey))
	if err := s.CheckInputs(ctx, s.survey); err != nil {
		return err
	}
	s.PrintWarnings(s.Stderr)
	return nil
}

// readOnly is a sweep on a store that cannot be written: with nothing to run, the
// tables are all there is to do.
func (s *Sweep) readOnly(unwritable error) error {
	survey, err := schedule.Look(s.Store, s.Tasks())
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Stderr, s.Summary(survey))
	if n := survey.Count(schedule.ToRun); n > 0 {
		return fmt.Errorf("%w; %s to run need a store that can be written", unwritable, words.Plural(n, "stage"))
	}
	entries, err := record.Entries(s.Experiment)
	if err != nil {
		return err
	}
	s.live.Complete(s.TitledTasks(), entries)
	return tables.Print(s.Experiment, s.Stdout, s.tables)
}

// runOnSlurm has a cluster make the stages, with the run on record before and after.
func (s *Sweep) runOnSlurm(ctx context.Context, l *cluster.Launcher) (*schedule.Report, error) {
	run := record.RunOf(ctx, s.Experiment, s.Engine, s.keepDiff)
	recorded := s.survey.Count(schedule.ToRun) > 0 || !s.folder.Has(record.ProvenanceFile)
	if recorded {
		if err := run.Begin(s.folder); err != nil {
			return nil, err
		}
	}
	report, failure := l.Run(ctx)
	if report != nil {
		s.live.Complete(s.TitledTasks(), report.Entries)
	}
	if report != nil && recorded {
		failure = errors.Join(failure, run.End(s.folder, report, failure))
	}
	return report, failure
}

// conclude writes down what came out and shows it. Without a report there is
// nothing to show.
func (s *Sweep) conclude(report *schedule.Report, failure error) error {
	if report == nil {
		return failure
	}
	for _, entry := range report.Entries {
		s.Store.Touch(entry)
	}
	err := record.WriteResults(s.Experiment, s.folder, report)
	if err != nil || failure != nil && !errors.As(failure, new(*schedule.Failed)) {
		return errors.Join(failure, err)
	}
	keptWarnings(s.Experiment, s.Stderr, report)
	return errors.Join(failure, tables.Write(s.Experiment, s.Stdout, s.folder, report.Entries, report.Failures, s.tables))
}
