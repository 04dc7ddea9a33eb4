package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/cluster"
	"react/runner/record"
	"react/runner/spec/v1"
	"react/runner/store"
	"react/runner/sweep"
)

func newRetry() *cobra.Command {
	var o sweep.Options
	var storeDir string
	var failed bool
	cmd := &cobra.Command{
		Use:   "retry SWEEP --failed",
		Short: "Run the stages of a sweep that failed once more",
		Long: `retry --failed goes on with a recorded sweep: stages that failed are made again,
whatever they failed of, and then what waits for them. The spec is taken from the
sweep's records, so a changed file changes nothing; relative paths in it start at
the current folder, as they did.

A sweep that was on Slurm goes back to Slurm and resubmits only these stages;
--mem asks for more memory. Any other runs here.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			if !failed {
				return cli.Usage(errors.New("say --failed: that is what retry does; runner sweep FILE goes on with the rest"))
			}
			return retry(cmd, o, storeDir, names[0])
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVar(&failed, "failed", false, "the stages that failed")
	o.Flags(cmd.Flags())
	return cmd
}

// retry runs a sweep from its records.
func retry(cmd *cobra.Command, o sweep.Options, storeDir, name string) error {
	s, err := store.Open(storeDir)
	if err != nil {
		return err
	}
	sweeps, err := record.FindSweeps(s, []string{name})
	if err != nil {
		return err
	}
	folder := sweeps[0]
	submitted, err := cluster.OnSlurm(folder)
	if err != nil {
		return err
	}
	if submitted && !cmd.Flags().Changed("launcher") {
		o.Launcher = "slurm"
	}
	if err := o.Check(cmd.Flags()); err != nil {
		return cli.Usage(err)
	}
	o.Cluster.RetryFailed = true
	e, err := record.Load(cmd.Context(), folder, storeDir)
	if err != nil {
		return err
	}
	defer e.Store.Close()
	if e.Former {
		return cli.Usage(fmt.Errorf("sweep %s/%s is of %s: it can be read and not gone on with (runner fmt --update FILE, then runner sweep FILE)", folder.Name, folder.Hash, v1.Version))
	}
	return runSweep(cmd, e, o)
}
