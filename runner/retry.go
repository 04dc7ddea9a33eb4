package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/store"
)

func newRetry() *cobra.Command {
	var o sweepOptions
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
			return retry(cmd, o, names[0])
		},
	}
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().BoolVar(&failed, "failed", false, "the stages that failed")
	addRunFlags(cmd, &o)
	return cmd
}

// retry runs a sweep from its records.
func retry(cmd *cobra.Command, o sweepOptions, name string) error {
	s, err := store.Open(o.store)
	if err != nil {
		return err
	}
	sweeps, err := record.FindSweeps(s, []string{name})
	if err != nil {
		return err
	}
	folder := sweeps[0]
	records, err := launch.Load(folder.Path(slurmFolder))
	if err != nil {
		return err
	}
	if len(records) > 0 && !cmd.Flags().Changed("launcher") {
		o.launcher = "slurm"
	}
	if err := o.check(cmd.Flags()); err != nil {
		return cli.Usage(err)
	}
	o.cluster.retryFailed = true
	e, err := loadRecorded(cmd, folder, o.store)
	if err != nil {
		return err
	}
	defer e.Store.Close()
	return runSweep(e, cmd, o)
}

// loadRecorded makes the experiment of a sweep from its records.
func loadRecorded(cmd *cobra.Command, folder *store.Sweep, storeDir string) (*experiment.Experiment, error) {
	var sets []string
	if err := folder.ReadJSON("overrides.json", &sets); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	e, err := experiment.Load(cmd.Context(), folder.Path("spec.cue"), sets, storeDir)
	if err != nil {
		return nil, err
	}
	if e.Digest[:8] != folder.Hash {
		return nil, fmt.Errorf("sweep %s/%s: this program reads its spec otherwise than the one that ran it (it would be sweep %s)", folder.Name, folder.Hash, e.Digest[:8])
	}
	if file := sweptFile(folder); file != "" {
		e.File = file // what tables name
	}
	return e, nil
}

// sweptFile is the file that the sweep was started with, "" where that is not
// on record.
func sweptFile(folder *store.Sweep) string {
	var p struct {
		Command []string `json:"command"`
	}
	if folder.ReadJSON(record.ProvenanceFile, &p) != nil {
		return ""
	}
	for _, word := range p.Command {
		if strings.HasSuffix(word, ".cue") {
			return word
		}
	}
	return ""
}
