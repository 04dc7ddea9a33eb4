package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/listen"
	"react/runner/record"
	"react/runner/report"
	"react/runner/store"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	sets    []string
	store   string
	listen  string
	gallery string
	every   time.Duration
}

func newServe() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve [SWEEP|FILE]",
		Short: "Serve the report of a sweep while it runs",
		Long: `serve is report and status as a web page that follows the sweep: what runs and the
time left change as they do, tables and figures as stages are done. It only reads:
the sweep may run in any process or on a cluster, be killed and started again, or
not have begun; serve may be ended and started again, and open pages go on by
themselves.

SWEEP is a name, or NAME/HASH; FILE is an experiment. Without either it is the
sweep that runs, else the newest. It listens on this machine alone; --listen :7789
opens it to the network.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := report.CheckGallery(o.gallery); err != nil {
				return err
			}
			if err := listen.Check(o.listen, "127.0.0.1:7789"); err != nil {
				return err
			}
			e, err := o.open(cmd, strings.Join(given, ""))
			if err != nil {
				return err
			}
			defer e.Store.Close()
			live := report.Live{Experiment: e, Gallery: o.gallery, Every: o.every}
			return live.Serve(cmd.Context(), o.listen, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cli.SetFlag(cmd, &o.sets)
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:7789", "`address` to serve on; port 0 takes a free one")
	cmd.Flags().StringVar(&o.gallery, "gallery", "all", "`images` of retrieved pairs: all; world, those of pools that runner made; none")
	cmd.Flags().DurationVar(&o.every, "every", time.Second, "`time` between two looks at the sweep")
	return cmd
}

// open takes a file, also one that was never run, or finds a sweep as status
// does.
func (o serveOptions) open(cmd *cobra.Command, name string) (*experiment.Experiment, error) {
	if _, err := os.Stat(name); name != "" && (err == nil || strings.HasSuffix(name, ".cue")) {
		return experiment.Load(cmd.Context(), name, o.sets, o.store)
	}
	s, err := store.Open(o.store)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	folder, err := record.FindSweep(cmd.Context(), s, name, o.sets)
	if err != nil {
		return nil, err
	}
	return record.Load(cmd.Context(), folder, o.store)
}
