package main

import (
	"time"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/cluster"
)

func newWorker() *cobra.Command {
	var o cluster.WorkerOptions
	cmd := &cobra.Command{
		Use:   "worker --tasks FILE [--index N]",
		Short: "Make one stage of a task file, as a job of a cluster does",
		Long: `worker makes the stage on one line of a task file that sweep --launcher wrote,
and publishes it into the store as a local sweep does. The line is --index, or
SLURM_ARRAY_TASK_ID, or JOB_COMPLETION_INDEX, counted from zero.

What it does stands in attempts/INDEX.json beside the task file, rewritten every
ten seconds. On SIGUSR2 (Slurm's warning before a time limit or a preemption) it
saves what the stage can go on from and puts its job back into the queue; on
SIGTERM it saves and stops. Over the memory that its line asks for it stops
itself, so that the cause is on record.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Settings.Check(); err != nil {
				return cli.Usage(err)
			}
			return cluster.Work(cmd.Context(), o, cmd.ErrOrStderr())
		},
	}
	cli.StoreFlag(cmd, &o.Store)
	flags := cmd.Flags()
	flags.StringVar(&o.Tasks, "tasks", "", "task `file`")
	flags.IntVar(&o.Index, "index", -1, "`line` of the task file, from 0")
	o.Settings.Flags(flags)
	flags.DurationVar(&o.Wait, "wait", time.Minute, "how long to wait for inputs that are not in the store (a network file system shows them late)")
	flags.IntVar(&o.Timeouts, "timeouts", 20, "after this `many` time limits, fail instead of going back into the queue")
	return cmd
}
