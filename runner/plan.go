package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/preview"
)

func newPlan() *cobra.Command {
	var sets []string
	var storeDir string
	var o preview.Options
	cmd := &cobra.Command{
		Use:   "plan FILE",
		Short: "Print trials and stages: what is cached, what would run, and what it takes",
		Long: `plan expands an experiment and prints its stages (each once, inputs first) and
its trials, with what a sweep would do. It runs nothing. Outside files are read
for their digests, once as long as they do not change.

A stage is "cached" when its output is in the store, "run" when a sweep would
make it, "not needed" when nothing that would run reads it.

Time, disk and memory are estimated from the stages that the store holds: from
those of the same kind (op, mode, model, pool) and the nearest size, on this host
and the engine that ran last or that --engine names. What was never made is
"unknown", and guessed in the sum, which then says "roughly". What cannot fit the disk
or the memory ends with 4, here and in sweep, unless --overcommit is given. --devices
says how many devices a sweep has; how much faster more of them are is not guessed.

With --without-data, files that are missing are listed with the ways to them, and
the work is estimated from what the stages are: steps, images, matrix products,
and the hours of a GPU that sustains --tflops. Keys are then not those of a sweep.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			e, err := experiment.LoadWith(cmd.Context(), files[0], sets, storeDir, plan.Options{WithoutData: o.WithoutData})
			if plan.IsMissing(err) {
				err = plan.Faults{err, fmt.Errorf("runner plan %s --without-data lists all that is missing, and how to get it",
					cli.Quote(files[0]))}
			}
			if err != nil {
				return err
			}
			return preview.Print(cmd.Context(), e, cmd.OutOrStdout(), o)
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	o.Flags(cmd.Flags())
	return cmd
}
