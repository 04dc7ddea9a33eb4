package main

import (
	"errors"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/store"
)

func newRetry() *cobra.Command {
	var o sweepOptions
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
			return retry(cmd, o, names[0])
		},
	}
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().BoolVar(&failed, "failed", false, "the stages that failed")
	addRunFlags(cmd, &o)
	return cmd
}

// retry runs a sweep from its records.
func retry(cmd *cobra.Command, o sweepOptions, name string) error {
	s, err := store.Open(o.store)
	if err != nil {
		return err
	}
	sweeps, err := record.FindSweeps(s, []string{name})
	if err != nil {
		return err
	}
	folder := sweeps[0]
	records, err := launch.Load(folder.Path(slurmFolder))
	if err != nil {
		return err
	}
	if len(records) > 0 && !cmd.Flags().Changed("launcher") {
		o.launcher = "slurm"
	}
	if err := o.check(cmd.Flags()); err != nil {
		return cli.Usage(err)
	}
	o.cluster.retryFailed = true
	e, err := record.Load(cmd.Context(), folder, o.store)
	if err != nil {
		return err
	}
	defer e.Store.Close()
	return runSweep(e, cmd, o)
}
