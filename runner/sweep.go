package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"react/runner/cli"
	"react/runner/cluster"
	"react/runner/experiment"
	"react/runner/record"
	"react/runner/spec"
	"react/runner/starter"
	"react/runner/store"
	"react/runner/sweep"
)

func newSweep() *cobra.Command {
	var o sweep.Options
	var sets []string
	var storeDir string
	cmd := &cobra.Command{
		Use:   "sweep FILE",
		Short: "Run an experiment, or resume it, and print its tables",
		Long: `sweep runs the stages of an experiment that are not in the store yet, each once
however many trials share it. It then prints the tables of the file and writes
them below the store (.runner/sweeps/NAME/HASH/tables). Run again, it finds
everything cached and prints the same tables. A stage that fails stops only the
trials that need it.

The first Ctrl-C stops the running stages: trainings save their state, and the
same command resumes, to the same result. The second Ctrl-C kills. A killed
training resumes from its last save, any other killed stage starts again; nothing
else is lost. Several sweeps may run on one store.

--tensorboard DIR shows trainings while they run: tensorboard --logdir DIR. Each
training is a run there, and each trial is one, with its results and with what the
sweep varies (on the page HParams). Runs that are missing, or end too early, are
filled in from the store.

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

func newEvaluate() *cobra.Command {
	var o sweep.Options
	var of starter.Evaluation
	var sets []string
	var storeDir string
	var printSpec bool
	cmd := &cobra.Command{
		Use:   "evaluate WEIGHTS|TRIAL DATASET...",
		Short: "Evaluate a checkpoint on labelled images, and print a table",
		Long: `evaluate says how good a model is as it stands: without a file, without a pool,
and without tuning. WEIGHTS is a checkpoint, a folder or a file, as runner inspect
takes it; TRIAL a trial of the store, whose model is taken. A DATASET is a folder
of images in a layout that runner data check knows, such as a folder of images for
each class.

  runner evaluate checkpoints/clip-vit-b-32 birds/test flowers/test
  runner evaluate checkpoints/clip-vit-b-32 datasets/oxford-pets --benchmark oxford-pets
  runner evaluate checkpoints/clip-vit-b-32 birds --kind probe --set evaluate.birds.shots=5

It is a sweep of the experiment that --print-spec prints: what is cached is found,
and table, report, show and the others take its name, evaluate. Images are
classified by the nearest of the class names in the prompts, unless --kind says
otherwise. --set gives any other field; flags of sweep for this machine are taken.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := o.Check(cmd.Flags()); err != nil {
				return cli.Usage(err)
			}
			if o.Launcher != "local" {
				return cli.Usage(errors.New("evaluate runs here; " +
					"on a cluster, sweep the file that --print-spec prints"))
			}
			of.Weights, of.Datasets = given[0], given[1:]
			text, err := evaluationText(of, storeDir, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if printSpec {
				_, err := cmd.OutOrStdout().Write(text.Source)
				return err
			}
			e, err := experiment.LoadText(cmd.Context(), text, sets, storeDir, cli.Line(os.Args))
			if err != nil {
				return err
			}
			defer e.Store.Close()
			return runSweep(cmd, e, o)
		},
	}
	flags := cmd.Flags()
	cli.SetFlag(cmd, &sets)
	o.Flags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		f.Hidden = !slices.Contains([]string{"set", "engine", "devices", "jobs", "tables"}, f.Name)
	})
	cli.StoreFlag(cmd, &storeDir)
	of.Flags(flags)
	flags.BoolVar(&printSpec, "print-spec", false,
		"print the experiment as a file, to go on from, and run nothing")
	kinds := cobra.FixedCompletions(starter.Kinds(), cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc("kind", kinds); err != nil {
		panic(err) // the flag is there
	}
	return cmd
}

// evaluationText is the experiment of an evaluation; what is no path may be a trial.
func evaluationText(of starter.Evaluation, storeDir string, stderr io.Writer) (text spec.Text, err error) {
	if err := of.Check(); err != nil {
		return text, cli.Usage(err)
	}
	of.Checkpoint = of.Weights
	if _, missing := os.Stat(of.Weights); missing != nil {
		s, err := store.Open(storeDir)
		if err != nil {
			return text, err
		}
		defer s.Close()
		if t, err := record.FindTrial(s, of.Weights); err == nil {
			record.PrintNote(stderr, t.Note)
			of.Trial, of.TrialPrompts = true, t.Prompts()
			if of.Checkpoint, err = t.Checkpoint(s); err != nil {
				return text, err
			}
		}
	}
	return of.Spec()
}

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
			e, err := o.Retry(cmd.Context(), names[0], storeDir, cmd.Flags())
			if err != nil {
				return err
			}
			defer e.Store.Close()
			return runSweep(cmd, e, o)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVar(&failed, "failed", false, "the stages that failed")
	o.Flags(cmd.Flags())
	return cmd
}

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
			s, err := store.OpenExisting(storeDir)
			if err != nil {
				return err
			}
			sweeps, err := record.FindSweeps(s, given)
			if err == nil {
				return cluster.CancelSweeps(cmd.OutOrStdout(), s, sweeps)
			}
			trial, notTrial := record.FindTrial(s, given[0])
			if notTrial != nil {
				return errors.Join(err, notTrial)
			}
			record.PrintNote(cmd.ErrOrStderr(), trial.Note)
			return cluster.CancelTrial(cmd.OutOrStdout(), s, trial)
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
			s, err := store.OpenExisting(storeDir)
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
