package experiment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"react/runner/cli"
	"react/runner/plan"
	"react/runner/schedule"
	"react/runner/spec"
	"react/runner/spec/bounded"
	"react/runner/spec/mistake"
	"react/runner/store"
)

// Experiment is a file on its way to results: its trials, stages and tasks,
// and the store that they are in.
type Experiment struct {
	*spec.Experiment
	Plan  *plan.Plan
	Store *store.Store
	Line  string // the command that gave it, where no file holds it
}

// Load reads a file, expands it and keys its stages. It writes
// nothing but digests of outside files, and those only into a store that exists.
func Load(ctx context.Context, file string, sets []string, storeDir string) (*Experiment, error) {
	return LoadWith(ctx, file, sets, storeDir, plan.Options{})
}

// LoadWith is Load with a plan's options.
func LoadWith(ctx context.Context, file string, sets []string, storeDir string, o plan.Options) (*Experiment, error) {
	exp, err := bounded.Load(ctx, file, sets)
	if err != nil {
		return nil, err
	}
	return planned(ctx, exp, storeDir, o)
}

// LoadText is Load of an experiment that no file holds; line is the command that gave it.
func LoadText(ctx context.Context, t spec.Text, sets []string, storeDir, line string) (
	*Experiment, error) {
	exp, err := bounded.LoadText(ctx, t, sets)
	if err != nil {
		return nil, err
	}
	e, err := planned(ctx, exp, storeDir, plan.Options{})
	if err == nil {
		e.Line = line
	}
	return e, err
}

// planned is an experiment with its plan, on a store.
func planned(ctx context.Context, exp *spec.Experiment, storeDir string, o plan.Options) (
	*Experiment, error) {
	s, err := store.Open(storeDir)
	if err != nil {
		return nil, err
	}
	o.Digest = identify(ctx, s)
	p, err := plan.New(exp, o)
	if err != nil {
		return nil, placed(exp, err)
	}
	if err := checkTables(exp, p.Trials, false); err != nil {
		return nil, err
	}
	return &Experiment{Experiment: exp, Plan: p, Store: s}, nil
}

// placed gives an error of a plan its place in the file.
func placed(exp *spec.Experiment, err error) error {
	at := new(plan.FieldError)
	switch {
	case errors.As(err, at):
		return plan.Faults{fmt.Errorf("%s: %w", exp.Place(at.Field), err)}
	case !cli.IsSpecError(err):
		return fmt.Errorf("%s: %w", exp.File, err)
	}
	return err
}

// Vet checks a file, and its tables by the trials that there will be. It looks at no store, and of
// input data only whether a pool has labels, and a folder of weights any.
func Vet(ctx context.Context, file string, sets []string) (warnings []string, err error) {
	exp, err := bounded.Load(ctx, file, sets)
	if err != nil {
		return nil, err
	}
	var idle mistake.Errors
	p, err := plan.New(exp, plan.Options{Unseen: true})
	if err == nil {
		idle = p.Idle
		err = checkTables(exp, p.Trials, true)
	} else {
		err = placed(exp, err)
	}
	return warningTexts(exp, idle...), err
}

// warningTexts are the warnings of an experiment's file and of its plan, each with its place.
func warningTexts(exp *spec.Experiment, idle ...mistake.Error) []string {
	var out []string
	for _, w := range slices.Concat(exp.Warnings, idle, unlabelled(exp)) {
		out = append(out, w.Error())
	}
	return out
}

// identify is what a plan calls outside files by.
func identify(ctx context.Context, s *store.Store) func(path string) (string, error) {
	return func(path string) (string, error) {
		if ctx.Err() != nil { // a large pool takes minutes
			return "", ctx.Err()
		}
		return s.Identify(path, cli.IsStrict())
	}
}

// CheckInputs looks at the outside data of what is to run, before it runs.
func (e *Experiment) CheckInputs(ctx context.Context, survey *schedule.Survey) error {
	e.Plan.Warnings = warningTexts(e.Experiment, e.Plan.Idle...)
	return e.Plan.CheckInputs(ctx, func(i int) bool { return survey.Status[i] == schedule.ToRun }, identify(ctx, e.Store))
}

// PrintWarnings says what may mean something else than it seems to.
func (e *Experiment) PrintWarnings(w io.Writer) {
	for _, text := range e.Plan.Warnings {
		fmt.Fprintln(w, "warning:", text)
	}
}

// Tasks are the stages without what they do; sweep adds that. Stages that
// trials name are wanted, others only where one of those runs.
func (e *Experiment) Tasks() []*schedule.Task {
	wanted := map[*plan.Stage]bool{}
	trials := map[*plan.Stage][]string{}
	for _, t := range e.Plan.Trials {
		named, label := slices.Collect(maps.Values(t.Stages)), TrialName(t)
		for _, stage := range named {
			wanted[stage] = true
		}
		for stage := range MadeFrom(named...) {
			trials[stage] = append(trials[stage], label)
		}
	}
	tasks := make([]*schedule.Task, len(e.Plan.Stages))
	for i, stage := range e.Plan.Stages {
		tasks[i] = &schedule.Task{Key: stage.Key, Op: stage.Op, Lines: stage.Lines, Needs: InputKeys(stage),
			Wanted: wanted[stage], Trials: trials[stage]}
	}
	return tasks
}

// MadeFrom are stages and all that they are made from.
func MadeFrom(stages ...*plan.Stage) map[*plan.Stage]bool {
	seen := map[*plan.Stage]bool{}
	var visit func(s *plan.Stage)
	visit = func(s *plan.Stage) {
		if seen[s] {
			return
		}
		seen[s] = true
		for _, in := range s.In {
			visit(in)
		}
	}
	for _, s := range stages {
		visit(s)
	}
	return seen
}

// InputKeys are the keys of a stage's inputs, each once, sorted.
func InputKeys(s *plan.Stage) []string {
	keys := map[string]bool{}
	for _, in := range s.In {
		keys[in.Key] = true
	}
	return slices.Sorted(maps.Keys(keys))
}

// TrialName is how messages call a trial: by its case or its axes, its seed
// and its id.
func TrialName(t plan.Trial) string {
	var parts []string
	if t.Label != "" {
		parts = append(parts, t.Label)
	}
	for _, path := range slices.Sorted(maps.Keys(t.Axes)) {
		parts = append(parts, fmt.Sprintf("%s=%v", path, t.Axes[path]))
	}
	if t.Seed != nil {
		parts = append(parts, fmt.Sprintf("seed=%d", *t.Seed))
	}
	if len(parts) == 0 {
		return t.ID
	}
	return fmt.Sprintf("%s (%s)", t.ID, strings.Join(parts, " "))
}
