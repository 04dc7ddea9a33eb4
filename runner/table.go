package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/status"
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

// given is a command as it was given: its arguments, then its flags.
func given(cmd *cobra.Command, args []string) string {
	words := []string{cmd.CommandPath()}
	for _, arg := range args {
		words = append(words, cli.Quote(arg))
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		words = append(words, "--"+f.Name, cli.Quote(f.Value.String()))
	})
	return strings.Join(words, " ")
}

func newCompare() *cobra.Command {
	var storeDir, table, out string
	cmd := &cobra.Command{
		Use:   "compare A B...",
		Short: "Print tables over several experiments, each line against the first's",
		Long: `compare makes tables of the rows of several experiments: those of the first, with a
line for each experiment, and the difference of each to the line of the same name
in the first, tested as the differences of a table are. It says which params are
not the same in all, and runs nothing. What is the same in all stands once. The
filter of a table chooses among the values that an experiment varies; trials that
it leaves out are counted on stderr.

A, B are .cue files or sweeps in the store (NAME, or NAME/HASH for an older one).
What varies inside a cell is footnoted as always. runner diff A B compares specs
and stages, and single trials.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, names []string) error {
			c := &tables.Comparison{Stderr: cmd.ErrOrStderr(), Command: given(cmd, names)}
			defer c.Close()
			for _, name := range names {
				e, err := record.Open(cmd.Context(), name, nil, storeDir)
				if err != nil {
					return err
				}
				if err := c.Add(e, status.FailuresOf(e)); err != nil {
					return err
				}
			}
			return c.Print(cmd.OutOrStdout(), table, out)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().StringVar(&table, "table", "", "only this `table` of the first experiment")
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the tables into this `directory` too")
	return cmd
}
