package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/store"
)

func newRM() *cobra.Command {
	var storeDir string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "rm SWEEP...",
		Short: "Delete the records of sweeps, so that gc may free what they alone use",
		Long: `rm deletes the records of sweeps: spec, plan, provenance, trials and tables. Stage
outputs stay until runner gc, which frees those that no other sweep names.

SWEEP is a name, which stands for all sweeps of that name, or NAME/HASH, or the
beginning of one. A sweep that is running is not deleted.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			defer s.Close()
			sweeps, err := record.FindSweeps(s, names)
			if err != nil {
				return err
			}
			if dryRun {
				for _, sweep := range sweeps {
					fmt.Fprintf(cmd.OutOrStdout(), "would delete the records of %s/%s\n", sweep.Name, sweep.Hash)
				}
				return nil
			}
			return s.Collect(func() error { return deleteSweeps(cmd.OutOrStdout(), sweeps) })
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "only say what would be deleted")
	return cmd
}

// deleteSweeps deletes all or none: the first that runs stops it before the
// first is deleted.
func deleteSweeps(w io.Writer, sweeps []*store.Sweep) error {
	for _, sweep := range sweeps {
		if sweep.Held() {
			return fmt.Errorf("sweep %s/%s is running; stop it first", sweep.Name, sweep.Hash)
		}
	}
	for _, sweep := range sweeps {
		if err := sweep.Delete(); err != nil {
			return err
		}
		fmt.Fprintf(w, "deleted the records of %s/%s\n", sweep.Name, sweep.Hash)
	}
	fmt.Fprintln(w, "runner gc frees the outputs that no other sweep names")
	return nil
}
