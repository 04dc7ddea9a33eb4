package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/store"
)

func newWhy() *cobra.Command {
	var storeDir string
	var sets []string
	cmd := &cobra.Command{
		Use:   "why [FILE] TRIAL STAGE",
		Short: "Print what the key of a trial's stage is made of, and why it would run",
		Long: `why prints the lines whose hash is the key of a stage: format, op and version,
params, keys of the inputs, digests of outside files. A stage runs again exactly
when one of these lines changes. For a stage that is not in the store, the stored
one that shares most with it is found, and the lines that differ are printed as
old → new; an input that differs is followed to the params or files that made it
another.

TRIAL is the id of a trial (or its beginning), or the label of a case; without
FILE, the newest sweep in the store that has it is taken. STAGE is a name such as
"tune" or "evaluate/task", or an op such as "embed" among the stages before it.

` + cli.ExitHelp,
		Args: cli.Args(cobra.RangeArgs(2, 3)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) == 2 {
				if len(sets) > 0 {
					return cli.Usage(errors.New("--set changes a file: give FILE TRIAL STAGE"))
				}
				return whyRecorded(cmd.OutOrStdout(), storeDir, given[0], given[1])
			}
			e, err := loadExperiment(cmd.Context(), given[0], sets, storeDir)
			if err != nil {
				return err
			}
			return e.why(cmd.OutOrStdout(), given[1], given[2])
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}

// whyRecorded answers from the records of a sweep.
func whyRecorded(w io.Writer, storeDir, name, stage string) error {
	s, err := store.Open(storeDir)
	if err != nil {
		return err
	}
	sweep, p, trial, err := findTrial(s, name)
	if err != nil {
		return err
	}
	return p.why(w, s, whyOf{trial, stage, fmt.Sprintf("%s (sweep %s)", sweep.Name, sweep.Hash)})
}

// why answers for a file, swept or not.
func (e *experiment) why(w io.Writer, name, stage string) error {
	p := e.describe()
	trial, err := p.trial(name)
	if err != nil {
		return err
	}
	if trial == nil {
		return cli.Usage(fmt.Errorf("%s has no trial %q; runner plan %s prints its trials", e.File, name, e.File))
	}
	return p.why(w, e.store, whyOf{trial, stage, e.File})
}

// whyOf is a question: a stage of a trial of a plan, and where that is from.
type whyOf struct {
	trial *trialRecord
	stage string
	from  string
}

// why prints the stages that are asked for.
func (p *planRecord) why(w io.Writer, s *store.Store, of whyOf) error {
	stages, err := p.stagesOf(of.trial, of.stage)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "trial %s of %s\n", of.trial.Name, of.from)
	var known *catalogue
	for _, stage := range stages {
		state, there := entryState(s, stage.Key)
		fmt.Fprintf(w, "\nstage %s %s, %s\n", stage.Op, stage.Key, state)
		for _, line := range stage.Lines {
			fmt.Fprintf(w, "\t%s\n", line)
		}
		if there {
			continue
		}
		if known == nil { // reads every manifest of the store
			if known, err = newCatalogue(s, p); err != nil {
				return err
			}
		}
		known.printNearest(w, stage)
	}
	return nil
}

// findTrial looks through the sweeps, newest first, or through those that the
// SWEEP of "SWEEP:TRIAL" names. A label that several trials share (over seeds)
// is taken as its first trial; part of an id that begins several is a mistake.
func findTrial(s *store.Store, name string) (*store.Sweep, *planRecord, *trialRecord, error) {
	sweeps, err := s.Sweeps()
	if err != nil {
		return nil, nil, nil, err
	}
	if of, rest, ok := strings.Cut(name, ":"); ok {
		if some, err := findSweeps(s, []string{of}); err == nil {
			sweeps, name = some, rest
		}
	}
	for _, sweep := range sweeps {
		var p planRecord
		if err := sweep.ReadJSON(planFile, &p); err != nil {
			return nil, nil, nil, err
		}
		trial, err := p.trial(name)
		if trial != nil || err != nil {
			return sweep, &p, trial, err
		}
	}
	return nil, nil, nil, cli.Usage(fmt.Errorf("no trial %q in the sweeps of store %s; runner plan FILE prints trials", name, s.Root()))
}

func (p *planRecord) trial(name string) (*trialRecord, error) {
	var found []*trialRecord
	for i := range p.Trials {
		t := &p.Trials[i]
		if t.ID == name || t.Label == name {
			return t, nil
		}
		if strings.HasPrefix(t.ID, name) {
			found = append(found, t)
		}
	}
	if len(found) > 1 {
		return nil, cli.Usage(fmt.Errorf("trial %q: %s begin so, such as %s and %s", name, cli.Plural(len(found), "trial"), found[0].ID, found[1].ID))
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return nil, nil
}

// stagesOf finds a trial's stage by name, or the stages with that op among all
// that the trial is made from, in the order they run.
func (p *planRecord) stagesOf(t *trialRecord, name string) ([]stageRecord, error) {
	made := p.madeFrom(t)
	known := slices.Sorted(maps.Keys(t.Stages))
	var found []stageRecord
	for _, s := range made {
		if s.Key == t.Stages[name] || s.Op == name && t.Stages[name] == "" {
			found = append(found, s)
		}
		if !slices.Contains(known, s.Op) {
			known = append(known, s.Op)
		}
	}
	if len(found) == 0 {
		return nil, cli.Usage(fmt.Errorf("trial %s has no stage %q; it has %s", t.Name, name, strings.Join(known, ", ")))
	}
	return found, nil
}

// madeFrom lists a trial's stages and all that they are made from, inputs
// first.
func (p *planRecord) madeFrom(t *trialRecord) []stageRecord {
	needed := map[string]bool{}
	for _, key := range t.Stages {
		needed[key] = true
	}
	var made []stageRecord
	for i := len(p.Stages) - 1; i >= 0; i-- { // readers before inputs
		if s := p.Stages[i]; needed[s.Key] {
			made = append(made, s)
			for _, key := range s.In {
				needed[key] = true
			}
		}
	}
	slices.Reverse(made)
	return made
}

// entryState says what the store has under a key; there is false only where
// the key has nothing, good or bad.
func entryState(s *store.Store, key string) (state string, there bool) {
	entry, ok, err := s.Lookup(key)
	var damaged *store.Damaged
	switch {
	case errors.As(err, &damaged):
		return "damaged, so it would run: " + damaged.Why, true
	case err != nil:
		return err.Error(), true
	case !ok:
		return "not in the store", false
	}
	m := entry.Manifest
	if len(entry.Evicted) > 0 {
		return fmt.Sprintf("made %s in %s on %s; gc removed %s, so it runs again when something reads it",
			cli.Stamp(m.Finished), took(m), m.Host, cli.Plural(len(entry.Evicted), "large file")), true
	}
	return fmt.Sprintf("made %s in %s on %s", cli.Stamp(m.Finished), took(m), m.Host), true
}

// took is how long a stage ran; a clock that was set back meanwhile makes it 0.
func took(m store.Manifest) string { return cli.Seconds(max(0, m.Finished.Sub(m.Started))) }
