package main

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"react/ops/engine"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/reproduce"
	"react/runner/store"
)

func newReproduce() *cobra.Command {
	var o reproduce.Options
	cmd := &cobra.Command{
		Use:   "reproduce TRIAL",
		Short: "Make a trial again from its record alone",
		Long: `reproduce runs the stages of one recorded trial again, without the experiment's
file: ops, params, inputs and outside files are those of the sweep's plan. It
refuses when the version of an op has changed since, naming the commit of the
record, and when an outside file is missing or has changed, naming the file.

Stages go into the store that --store names; with --from, the record is read from
another store, of which nothing else is used. --verify compares what was made with
the record, digests and metrics, and ends with 1 when they differ; without --from
it makes the trial in a store of its own, which is dropped. Another engine or another
number of devices rounds otherwise: then the metrics are compared, within 0.3 points.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if o.Jobs < 1 {
				return cli.Usage(fmt.Errorf("--jobs %d: at least 1", o.Jobs))
			}
			if err := errors.Join(exec.CheckEngine(o.Engine), o.Devices.Check(o.Engine)); err != nil {
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
	o.Devices.Flag(flags)
	flags.IntVarP(&o.Jobs, "jobs", "j", 1, "run this `many` stages at a time")
	flags.BoolVar(&o.Verify, "verify", false, "compare the outputs and metrics with the record")
	return cmd
}

func newVerify() *cobra.Command {
	var o reproduce.VerifyOptions
	var storeDir string
	cmd := &cobra.Command{
		Use:   "verify [SWEEP...]",
		Short: "Read stored outputs again and compare digests; --rerun makes some once more",
		Long: `verify reads every file of the outputs in the store, or of those that the given
sweeps name (NAME or NAME/HASH), and compares its digest with the manifest. sweep
itself compares what it reads, and of other outputs sizes only.

Each manifest records the digests of what the output was made from, as it was read.
An output is in doubt when these are not the digests that its inputs have now, or
when it records none (it was made before November 2026) and an input was made after
it.

With --set-aside, damaged outputs and those in doubt are moved away, so that the
next sweep makes them again, and with them every output that may have been made from
damaged bytes: one that does not record that it read the sound ones, and all that is
made from such. --descendants moves all that was made from them.

--rerun N makes N of the sound stages once more from the same inputs, in a place
that is dropped afterwards, and compares the digests file by file: the same engine
on the same kind of processor should give the same bytes. Another engine, or another
number of --devices, rounds otherwise: then arrays, results and losses are compared
by their values, within 0.3 %. Stages are drawn with
--seed, or are the --cheapest by the time they took.

It ends with 1 when something is damaged or differs.

` + cli.ExitHelp,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.Check(); err != nil {
				return cli.Usage(err)
			}
			s, err := store.OpenExisting(storeDir)
			if err != nil {
				return err
			}
			defer s.Close()
			o.Stdout, o.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return reproduce.Verify(cmd.Context(), s, names, o)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	flags := cmd.Flags()
	flags.IntVarP(&o.Jobs, "jobs", "j", runtime.GOMAXPROCS(0), "read this `many` files at a time")
	flags.BoolVar(&o.SetAside, "set-aside", false, "move damaged outputs away, so that a sweep makes them again")
	flags.BoolVar(&o.Descendants, "descendants", false, "with --set-aside: also what was made from them and records that it read sound bytes")
	flags.IntVar(&o.Rerun, "rerun", 0, "make this `many` stages once more and compare")
	flags.Uint64Var(&o.Seed, "seed", 0, "`seed` of the draw of stages to rerun")
	flags.BoolVar(&o.Cheapest, "cheapest", false, "rerun those that took the least time")
	flags.StringVar(&o.Op, "op", "", "rerun only stages of this `op`")
	flags.StringVar(&o.Engine, "engine", "auto", "`engine` that reruns compute with: "+engine.Choices)
	o.Devices.Flag(flags)
	return cmd
}
