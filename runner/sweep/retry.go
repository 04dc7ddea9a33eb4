package sweep

import (
	"context"
	"fmt"
	"os"
	"strings"

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
	s, err := store.OpenExisting(storeDir)
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
		return nil, cli.Usage(fmt.Errorf("sweep %s/%s is of %s: it can be read but not resumed; to make it anew: %s",
			folder.Name, folder.Hash, v1.Version, anew(e, folder)))
	}
	return e, err
}

// anew are the commands that make a sweep of runner/v1 from its file, or, where that is gone, from
// the copy in its records.
func anew(e *experiment.Experiment, folder *store.Sweep) string {
	file, words := e.File, []string{}
	if _, err := os.Stat(file); err != nil || file == folder.Path(record.SpecFile) {
		file = folder.Name + "-again.cue"
		words = append(words, "cp", cli.Quote(cli.ShownPath(folder.Path(record.SpecFile))), file, "&&")
	}
	file = cli.Quote(file)
	words = append(words, "runner", "fmt", "--update", file, "&&", "runner", "sweep", file)
	for _, set := range e.Overrides {
		words = append(words, "--set", cli.Quote(set))
	}
	return strings.Join(words, " ")
}
