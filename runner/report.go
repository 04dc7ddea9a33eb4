package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/report"
)

func newReport() *cobra.Command {
	var o report.Options
	var sets []string
	var storeDir string
	cmd := &cobra.Command{
		Use:   "report FILE|SWEEP",
		Short: "Write a self-contained HTML page about an experiment",
		Long: `report writes one HTML page that loads nothing: question and spec, tables that
sort, figures, losses, what was retrieved, which classes gained and lost, time and
cost by stage, and where every number is from; beside it the tables and figures as
files. It takes a .cue file or the name of a sweep in the store (NAME or NAME/HASH,
the newest where there are several), and runs nothing: what is not done is shown as
such.

With --plain it leaves out what differs from machine to machine (times, host,
build), so that the same rows give the same bytes.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := report.CheckGallery(o.Gallery); err != nil {
				return err
			}
			e, err := record.Open(cmd.Context(), names[0], sets, storeDir)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			page, err := report.Write(cmd.Context(), e, o)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "written to %s\n", cli.ShownPath(page))
			return nil
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().StringVarP(&o.Out, "output", "o", "", "write into this `directory` (default: report/ in the sweep's records)")
	cmd.Flags().StringVar(&o.Gallery, "gallery", "all", "`images` of retrieved pairs: all; world, those of pools that runner made; none")
	cmd.Flags().BoolVar(&o.Plain, "plain", false, "leave out times, host and build")
	return cmd
}
