package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"react/results/writers"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/status"
	"react/runner/tables"
)

// compareOptions are the flags of compare.
type compareOptions struct {
	store string
	table string
	out   string
}

func newCompare() *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "compare A B...",
		Short: "Print tables over several experiments, each line against the first's",
		Long: `compare makes tables of the rows of several experiments: those of the first, with a
line for each experiment, and the difference of each to the line of the same name
in the first, tested as the differences of a table are. It says which params are
not the same in all, and runs nothing.

A, B are .cue files or sweeps in the store (NAME, or NAME/HASH for an older one).
What varies inside a cell is footnoted as always. runner diff A B compares specs
and stages.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, names []string) error {
			c := &tables.Comparison{Stderr: cmd.ErrOrStderr()}
			defer c.Close()
			for _, name := range names {
				e, err := record.Open(cmd.Context(), name, nil, o.store)
				if err != nil {
					return err
				}
				if err := c.Add(e, status.FailuresOf(e)); err != nil {
					return err
				}
			}
			return o.write(cmd.OutOrStdout(), c)
		},
	}
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().StringVar(&o.table, "table", "", "only this `table` of the first experiment")
	cmd.Flags().StringVarP(&o.out, "output", "o", "", "write the tables into this `directory` too")
	return cmd
}

func (o compareOptions) write(w io.Writer, c *tables.Comparison) error {
	grids, err := c.Grids(o.table)
	if err != nil {
		return err
	}
	for _, g := range grids {
		if err := writers.TextWithin(w, g, cli.TextWidth(w)); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if o.out == "" {
		return nil
	}
	if _, err := writers.WriteAll(o.out, grids); err != nil {
		return err
	}
	fmt.Fprintf(w, "written to %s\n", cli.ShownPath(o.out))
	return nil
}
