package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/status"
	"react/runner/store"
	"react/runner/trial"
)

func newStatus() *cobra.Command {
	var o status.Options
	var storeDir string
	var sets []string
	cmd := &cobra.Command{
		Use:   "status [SWEEP|FILE]",
		Short: "Print the progress of a sweep: what runs, what failed, the time left",
		Long: `status prints the progress of a sweep: how many trials and stages are done,
running, waiting or failed, what runs now, an estimate of the time left, and
failures with the end of their log. The sweep may run in another process, on
another host of the same file system or on Slurm; it may also have ended or been
killed. Nothing is changed.

SWEEP is a name, or NAME/HASH; FILE is an experiment. Without either it is the
running sweep, else the newest. --watch keeps a live screen on a terminal until
the sweep ends, and prints a line for each change elsewhere. Set NO_COLOR for no
colours.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.OpenExisting(storeDir)
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

func newList() *cobra.Command {
	var storeDir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the sweeps of a store: date, overrides, state, size",
		Long: `list prints the sweeps of a store, newest first: when each was planned last, whether
it is done, running, failed, interrupted or killed, how many of its trials are done,
how much its outputs take (those that sweeps share count for each), and what --set
gave. runner status SWEEP says more of one, runner rm SWEEP deletes it.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := store.OpenExisting(storeDir)
			if err != nil {
				return err
			}
			list, err := status.NewList(s)
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintTabbed(cmd.OutOrStdout(), list)
			}
			return list.Print(cmd.OutOrStdout())
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON (schema runner.list/v1)")
	return cmd
}

func newLogs() *cobra.Command {
	var storeDir string
	var follow, failed bool
	cmd := &cobra.Command{
		Use:   "logs TRIAL [STAGE]",
		Short: "Print the logs of a trial's stages, also while they run",
		Long: `logs prints what the stages of a trial wrote, in the order in which they run, and
for stages that a cluster made, what their workers printed. A log holds all the
attempts at a stage, the last one at its end.

TRIAL is the id of a trial (or its beginning), or the label of a case, in the
newest sweep that has it. STAGE is a name such as "tune" or "evaluate/task", or
an op such as "embed".

` + cli.ExitHelp,
		Args: cli.Args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.OpenExisting(storeDir)
			if err != nil {
				return err
			}
			logs, err := trial.NewLogs(s, given[0], strings.Join(given[1:], ""), failed)
			if err != nil {
				return err
			}
			record.PrintNote(cmd.ErrOrStderr(), logs.Note)
			return logs.Print(cmd.Context(), cmd.OutOrStdout(), follow)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing for as long as one of the stages runs or is queued")
	cmd.Flags().BoolVar(&failed, "failed", false, "only stages that failed, or were lost on a cluster")
	return cmd
}
