package main

import (
	"errors"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/differ"
	"react/runner/experiment"
	"react/runner/store"
	"react/runner/trial"
)

func newShow() *cobra.Command {
	var storeDir string
	var asJSON, classes bool
	cmd := &cobra.Command{
		Use:   "show TRIAL",
		Short: "Print a trial: params, stages, metrics, who made it and where its files are",
		Long: `show prints what is on record of a trial: its params, its stages with state, time
and engine, its metrics, and their means over all seeds that the sweep has of it,
as its tables have them; the runs that made it, and the directories of its files.
Of outputs that gc has freed it prints what the record kept.

TRIAL is the id of a trial (or its beginning), or the label of a case; the newest
sweep in the store that has it is taken, or the one that SWEEP:TRIAL names.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.OpenExisting(storeDir)
			if err != nil {
				return err
			}
			shown, err := trial.Show(s, given[0], classes)
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintTabbed(cmd.OutOrStdout(), shown)
			}
			return shown.Print(cmd.OutOrStdout())
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON (schema runner.show/v1)")
	cmd.Flags().BoolVar(&classes, "classes", false, "numbers of single classes too: accuracy, change against the base, confusions")
	return cmd
}

func newDiff() *cobra.Command {
	var storeDir string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two trials, or two sweeps: params, stages, metrics",
		Long: `diff prints what two trials do not share: params, the lines of the keys of their
stages (an input that differs is followed to what made it another), and metrics
with their difference. Of two sweeps it prints what differs in the resolved specs,
the trials that only one has, and the trials that both have whose stages differ.

A trial is an id (or its beginning), or the label of a case, in its newest sweep,
or SWEEP:TRIAL; a sweep is NAME, NAME/HASH or the beginning of one.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.OpenExisting(storeDir)
			if err != nil {
				return err
			}
			return differ.Print(cmd.OutOrStdout(), s, given[0], given[1])
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}

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
				return differ.WhyRecorded(cmd.OutOrStdout(), storeDir, given[0], given[1])
			}
			e, err := experiment.Load(cmd.Context(), given[0], sets, storeDir)
			if err != nil {
				return err
			}
			return differ.WhyInFile(cmd.OutOrStdout(), e, given[1], given[2])
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}
