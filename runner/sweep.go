package main

import (
	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/sweep"
)

func newSweep() *cobra.Command {
	var o sweep.Options
	var sets []string
	var storeDir string
	cmd := &cobra.Command{
		Use:   "sweep FILE",
		Short: "Run an experiment, or go on where it stopped, and print its tables",
		Long: `sweep runs the stages of an experiment that are not in the store yet, each once
however many trials share it, then prints the tables of the file and writes them
below the store (.runner/sweeps/NAME/HASH/tables). Run again, it finds everything
done and prints the same tables. A stage that fails stops only the trials that
need it.

The first Ctrl-C stops the running stages where they are: trainings save their
state, and the same command goes on from there, to the same result; the second
kills. Killed, a training loses what it did since it was saved last, another
stage what it did; nothing else is lost. Several sweeps may run on one store.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := o.Check(cmd.Flags()); err != nil {
				return cli.Usage(err)
			}
			e, err := experiment.Load(cmd.Context(), files[0], sets, storeDir)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			return runSweep(cmd, e, o)
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	o.Flags(cmd.Flags())
	return cmd
}

// runSweep runs what is left to run of an experiment, however it was opened.
func runSweep(cmd *cobra.Command, e *experiment.Experiment, o sweep.Options) error {
	s := sweep.Sweep{Experiment: e, Options: o, Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr()}
	return s.Run(cmd.Context())
}
