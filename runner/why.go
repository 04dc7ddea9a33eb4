package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/record"
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
			e, err := experiment.Load(cmd.Context(), given[0], sets, storeDir)
			if err != nil {
				return err
			}
			return whyInFile(e, cmd.OutOrStdout(), given[1], given[2])
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
	sweep, p, trial, err := record.FindTrial(s, name)
	if err != nil {
		return err
	}
	return printWhy(p, w, s, whyOf{trial, stage, fmt.Sprintf("%s (sweep %s)", sweep.Name, sweep.Hash)})
}

// whyInFile answers for a file, swept or not.
func whyInFile(e *experiment.Experiment, w io.Writer, name, stage string) error {
	p := record.Describe(e)
	trial, err := p.Trial(name)
	if err != nil {
		return err
	}
	if trial == nil {
		return cli.Usage(fmt.Errorf("%s has no trial %q; runner plan %s prints its trials", e.File, name, e.File))
	}
	return printWhy(&p, w, e.Store, whyOf{trial, stage, e.File})
}

// whyOf is a question: a stage of a trial of a plan, and where that is from.
type whyOf struct {
	trial *record.Trial
	stage string
	from  string
}

// printWhy prints the stages that are asked for.
func printWhy(p *record.Plan, w io.Writer, s *store.Store, of whyOf) error {
	stages, err := p.StagesOf(of.trial, of.stage)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "trial %s of %s\n", of.trial.Name, of.from)
	var known *knownStages
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
			if known, err = readKnownStages(s, p); err != nil {
				return err
			}
		}
		known.printNearest(w, stage)
	}
	return nil
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
			cli.Stamp(m.Finished), took(m), m.Host, words.Plural(len(entry.Evicted), "large file")), true
	}
	return fmt.Sprintf("made %s in %s on %s", cli.Stamp(m.Finished), took(m), m.Host), true
}

// took is how long a stage ran; a clock that was set back meanwhile makes it 0.
func took(m store.Manifest) string { return cli.Seconds(max(0, m.Finished.Sub(m.Started))) }
