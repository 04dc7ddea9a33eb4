package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/exported"
	"react/runner/record"
)

// exportOptions are the flags of export.
type exportOptions struct {
	sets  []string
	store string
	to    string
}

func newExport() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export FILE|SWEEP DIR --to tensorboard|wandb|mlflow|rows|elevater",
		Short: "Write trainings and results for TensorBoard, W&B, MLflow, DuckDB, pandas or a leaderboard",
		Long: `export writes what is stored for other programs, and runs nothing.

  tensorboard   event files, a folder a trial: tensorboard --logdir DIR
                (sweep --tensorboard DIR writes such while it runs)
  wandb         offline runs of Weights & Biases, a run a trial, in a project with the
                experiment's name. Upload them: wandb sync DIR/offline-run-*
  mlflow        a file store, a run a trial. MLflow from 3.13 on opens one only so:
                MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri DIR
                or, moved into a database:
                mlflow migrate-filestore --source DIR --target sqlite:///mlflow.db
  rows          rows.parquet, a number of a trial each: DuckDB, pandas, R
  elevater      all_predictions.zip for the EvalAI leaderboard of ELEVATER (challenge
                1832), a folder for each model, way of learning and shots, with what the
                toolkit writes for each benchmark: of evaluations with scores: true and
                a benchmark. Images are in the order of the set's files, which is the
                leaderboard's for the copies that the toolkit downloads.

A trial has its training's curves (tune/loss, tune/lr, ...) and its results
(task/acc@1) at the last step; a pretraining is a run of its own. MLflow and W&B take
no @ in names, so that there acc@1 is acc_at_1.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if !slices.Contains(exported.Forms, o.to) {
				return cli.Usage(fmt.Errorf("--to %q: tensorboard, wandb, mlflow, rows or elevater", o.to))
			}
			if names, err := os.ReadDir(given[1]); err == nil && len(names) > 0 {
				return cli.Usage(fmt.Errorf("%s is not empty; name another directory", given[1]))
			}
			e, err := record.Open(cmd.Context(), given[0], o.sets, o.store)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			said, err := exported.Write(e, given[1], o.to)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "written to %s: %s\n", cli.ShownPath(given[1]), said)
			if o.to == "mlflow" {
				fmt.Fprintf(cmd.OutOrStdout(), "look: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri %s\n", cli.Quote(given[1]))
			}
			return nil
		},
	}
	cli.SetFlag(cmd, &o.sets)
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().StringVar(&o.to, "to", "", "`program`: tensorboard, wandb, mlflow, rows or elevater")
	return cmd
}
