package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/exec"
	"react/runner/listen"
	"react/runner/record"
	"react/runner/report"
	"react/runner/retrieved"
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
			e, err := record.OpenAny(cmd.Context(), strings.Join(given, ""), o.sets, o.store)
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

// browseOptions are the flags of browse.
type browseOptions struct {
	store  string
	listen string
	engine string
}

func newBrowse() *cobra.Command {
	var o browseOptions
	cmd := &cobra.Command{
		Use:   "browse TRIAL|INDEX",
		Short: "Serve a local page: search a pool by text, look at what each class retrieved",
		Long: `browse serves a web page that loads nothing from elsewhere, until Ctrl-C: a search
box that gives the nearest images and captions to a text, encoded by the model
that the pool was embedded with; and for each class of a trial the pairs that were
retrieved for it, with score, modality, rank, copies and known leaks.

TRIAL is the id of a trial (or its beginning), the label of a case, or
SWEEP:TRIAL. INDEX is the key of an index, embed or retrieve stage (or its
beginning), or its directory in the store. Nothing is written.

It listens on this machine alone, and answers no page that was opened under
another name. --listen :7788 opens it to the network, where anyone who reaches
the port sees the pool's images.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return o.serve(cmd.Context(), given[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:7788", "`address` to serve on; port 0 takes a free one")
	cmd.Flags().StringVar(&o.engine, "engine", "auto", "`engine` that encodes texts")
	return cmd
}

// serve opens what is named and answers requests until ctx ends.
func (o browseOptions) serve(ctx context.Context, name string, stdout, stderr io.Writer) error {
	if err := listen.Check(o.listen, "127.0.0.1:7788"); err != nil {
		return err
	}
	s, err := store.OpenExisting(o.store)
	if err != nil {
		return err
	}
	defer s.Close()
	engines := exec.NewEngines(o.engine, exec.Share{}, s, stderr)
	defer engines.Close()
	b, err := retrieved.Open(ctx, s, engines, name)
	if err != nil {
		return err
	}
	defer b.Close()
	record.PrintNote(stderr, b.Note)
	server := listen.Server{Address: o.listen, Says: "shows " + b.Site.Title, Handler: b.Site.Handler}
	return server.Run(ctx, stdout, stderr)
}
