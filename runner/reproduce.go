package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"react/ops/engine"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/reproduce"
)

func newReproduce() *cobra.Command {
	var o reproduce.Options
	cmd := &cobra.Command{
		Use:   "reproduce TRIAL",
		Short: "Make a trial again from its record alone",
		Long: `reproduce makes the stages of one recorded trial, without the experiment's file:
ops, params, inputs and outside files are those of the sweep's plan. It refuses
when an op has another version than then, naming the commit it was made from, and
when an outside file is missing or has changed, naming the file.

Stages go into the store that --store names; with --from, the record is read from
another store, of which nothing else is used. --verify compares what was made with
the record, digests and metrics, and ends with 1 when they differ; without --from
it makes the trial in a store of its own, which is dropped.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if o.Jobs < 1 {
				return cli.Usage(fmt.Errorf("--jobs %d: at least 1", o.Jobs))
			}
			if err := exec.CheckEngine(o.Engine); err != nil {
				return cli.Usage(err)
			}
			o.Stdout, o.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return reproduce.Trial(cmd.Context(), given[0], o)
		},
	}
	cli.StoreFlag(cmd, &o.Store)
	flags := cmd.Flags()
	flags.StringVar(&o.From, "from", "", "read the record from the store in this `directory`")
	flags.StringVar(&o.Engine, "engine", "auto", "`engine` that computes: "+engine.Choices)
	flags.IntVarP(&o.Jobs, "jobs", "j", 1, "run this `many` stages at a time")
	flags.BoolVar(&o.Verify, "verify", false, "compare the outputs and metrics with the record")
	return cmd
}
