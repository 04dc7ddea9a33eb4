package main

import (
	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/tables"
)

func newTable() *cobra.Command {
	var sets []string
	var storeDir, dir string
	cmd := &cobra.Command{
		Use:   "table FILE|SWEEP",
		Short: "Print the tables of an experiment from what is in the store",
		Long: `table makes the tables of an experiment again from stored rows, prints them and
writes their files. It runs no stage: trials that are not done are shown as such.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			e, err := record.Open(cmd.Context(), files[0], sets, storeDir)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			return tables.Print(e, cmd.OutOrStdout(), dir)
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().StringVar(&dir, "tables", "", "write the tables into this `directory` too")
	return cmd
}
