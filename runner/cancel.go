package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/cluster"
	"react/runner/record"
	"react/runner/store"
)

func newCancel() *cobra.Command {
	var storeDir string
	cmd := &cobra.Command{
		Use:   "cancel SWEEP|TRIAL",
		Short: "End what runs or is queued for a sweep or a trial",
		Long: `cancel ends the jobs of a sweep on Slurm, and the processes of this machine that
run it, as Ctrl-C would: what runs saves its state. Of a trial it ends the jobs
that no other trial needs. What is done is kept; the sweep's command goes on.

SWEEP is a name, or NAME/HASH, or its beginning; TRIAL the id of a trial or its
beginning, or the label of a case.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			sweeps, err := record.FindSweeps(s, given)
			if err == nil {
				return cluster.CancelSweeps(cmd.OutOrStdout(), s, sweeps)
			}
			sweep, p, trial, notTrial := record.FindTrial(s, given[0])
			if notTrial != nil {
				return errors.Join(err, notTrial)
			}
			return cluster.CancelTrial(cmd.OutOrStdout(), s, record.TrialOf{Sweep: sweep, Plan: p, Trial: trial})
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}

func newScale() *cobra.Command {
	var storeDir string
	cmd := &cobra.Command{
		Use:   "scale SWEEP N",
		Short: "Change how many stages of each job array run at a time",
		Long: `scale changes the limit that sweep --throttle set, for the job arrays of a sweep
that Slurm has. 0 is no limit.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			n, err := strconv.Atoi(given[1])
			if err != nil || n < 0 {
				return cli.Usage(fmt.Errorf("%q: a number from 0", given[1]))
			}
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			sweeps, err := record.FindSweeps(s, given[:1])
			if err != nil {
				return err
			}
			return cluster.Throttle(cmd.OutOrStdout(), s, sweeps[0], n)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}
