package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/status"
	"react/runner/store"
)

func newStatus() *cobra.Command {
	var o status.Options
	var storeDir string
	var sets []string
	cmd := &cobra.Command{
		Use:   "status [SWEEP|FILE]",
		Short: "Print how far a sweep is: what runs, what failed, how long the rest takes",
		Long: `status prints how far a sweep is: trials and stages that are done, running,
waiting or failed, what runs now, the time left as stages made before have it,
and failures with the end of their log. The sweep may run in another process, on
another host of the same file system or on Slurm, may have been killed, or be
done. Nothing is changed.

SWEEP is a name, or NAME/HASH; FILE is an experiment. Without either it is the
sweep that runs, else the newest. --watch keeps a live screen on a terminal until
the sweep ends, and prints a line for each change elsewhere. Set NO_COLOR for no
colours.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			folder, err := record.FindSweep(cmd.Context(), s, strings.Join(given, ""), sets)
			if err != nil {
				return err
			}
			return status.Show(cmd.Context(), s, folder, cmd.OutOrStdout(), o)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cli.SetFlag(cmd, &sets)
	cmd.Flags().BoolVarP(&o.Watch, "watch", "w", false, "go on until the sweep ends")
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON (schema runner.status/v1); with --watch a line for each change")
	cmd.Flags().DurationVar(&o.Every, "every", time.Second, "`time` between two looks of --watch")
	return cmd
}
