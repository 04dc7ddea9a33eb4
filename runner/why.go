package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"react/runner/store"
)

func newWhy() *cobra.Command {
	var storeDir string
	cmd := &cobra.Command{
		Use:   "why TRIAL STAGE",
		Short: "Print what the key of a trial's stage is made of",
		Long: `why prints the lines whose hash is the key of a stage: format, op and version,
params, keys of the inputs, digests of outside files. A stage runs again exactly
when one of these lines changes.

TRIAL is the id of a trial (or its beginning), or the label of a case; the newest
sweep in the store that has it is taken. STAGE is a name such as "tune" or
"evaluate/task", or an op such as "embed" among the stages before it.

` + exitHelp,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			sweep, p, trial, err := findTrial(s, given[0])
			if err != nil {
				return err
			}
			stages, err := p.stagesOf(trial, given[1])
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "trial %s of %s (sweep %s)\n", trial.Name, sweep.Name, sweep.Hash)
			for _, stage := range stages {
				printWhy(w, s, stage)
			}
			return nil
		},
	}
	storeFlag(cmd, &storeDir)
	return cmd
}

// findTrial looks through the sweeps, newest first. A label that several
// trials share (over seeds) is taken as its first trial; part of an id that
// begins several is a mistake.
func findTrial(s *store.Store, name string) (*store.Sweep, *planRecord, *trialRecord, error) {
	sweeps, err := s.Sweeps()
	if err != nil {
		return nil, nil, nil, err
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
	return nil, nil, nil, usageError{fmt.Errorf("no trial %q in the sweeps of store %s; runner plan FILE prints trials", name, s.Root())}
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
		return nil, usageError{fmt.Errorf("trial %q: %s begin so, such as %s and %s", name, plural(len(found), "trial"), found[0].ID, found[1].ID)}
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
		return nil, usageError{fmt.Errorf("trial %s has no stage %q; it has %s", t.Name, name, strings.Join(known, ", "))}
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

func printWhy(w io.Writer, s *store.Store, stage stageRecord) {
	fmt.Fprintf(w, "\nstage %s %s, %s\n", stage.Op, stage.Key, entryState(s, stage.Key))
	for _, line := range stage.Lines {
		fmt.Fprintf(w, "\t%s\n", line)
	}
}

func entryState(s *store.Store, key string) string {
	entry, ok, err := s.Lookup(key)
	var damaged *store.Damaged
	switch {
	case errors.As(err, &damaged):
		return "damaged: " + damaged.Why
	case err != nil:
		return err.Error()
	case !ok:
		return "not in the store"
	}
	m := entry.Manifest
	return fmt.Sprintf("made %s in %s on %s", m.Finished.Format("2006-01-02 15:04:05 MST"), seconds(m.Finished.Sub(m.Started)), m.Host)
}
