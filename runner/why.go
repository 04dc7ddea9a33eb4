package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/differ"
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
	return differ.Why(p, w, s, differ.Question{Trial: trial, Stage: stage, From: fmt.Sprintf("%s (sweep %s)", sweep.Name, sweep.Hash)})
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
	return differ.Why(&p, w, e.Store, differ.Question{Trial: trial, Stage: stage, From: e.File})
}
