package main

import (
	"errors"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/differ"
	"react/runner/record"
	"react/runner/store"
)

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
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			a, errA := record.FindSweeps(s, given[:1])
			b, errB := record.FindSweeps(s, given[1:])
			if errA == nil && errB == nil {
				return differ.Sweeps(w, a[0], b[0])
			}
			if !cli.IsUsage(errors.Join(errA, errB)) {
				return errors.Join(errA, errB)
			}
			return differ.Trials(w, s, given[0], given[1])
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}
