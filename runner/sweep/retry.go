package sweep

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"react/runner/cli"
	"react/runner/cluster"
	"react/runner/experiment"
	"react/runner/record"
	"react/runner/spec/v1"
	"react/runner/store"
)

// Retry finds a recorded sweep to go on with, and sets the options so that what failed is made
// again, on Slurm where the sweep was there. given are the flags, of which they were made.
func (o *Options) Retry(ctx context.Context, name, storeDir string, given *pflag.FlagSet) (*experiment.Experiment, error) {
	s, err := store.Open(storeDir)
	if err != nil {
		return nil, err
	}
	sweeps, err := record.FindSweeps(s, []string{name})
	if err != nil {
		return nil, err
	}
	folder := sweeps[0]
	submitted, err := cluster.OnSlurm(folder)
	if err != nil {
		return nil, err
	}
	if submitted && !given.Changed("launcher") {
		o.Launcher = "slurm"
	}
	if err := o.Check(given); err != nil {
		return nil, cli.Usage(err)
	}
	o.Cluster.RetryFailed = true
	e, err := record.Load(ctx, folder, storeDir)
	if err == nil && e.Former {
		e.Store.Close()
		return nil, cli.Usage(fmt.Errorf("sweep %s/%s is of %s: it can be read and not gone on with (runner fmt --update FILE, then runner sweep FILE)", folder.Name, folder.Hash, v1.Version))
	}
	return e, err
}
