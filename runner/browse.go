package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/exec"
	"react/runner/listen"
	"react/runner/retrieved"
	"react/runner/store"
)

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
	s, err := store.Open(o.store)
	if err != nil {
		return err
	}
	defer s.Close()
	engines := exec.NewEngines(o.engine, stderr)
	defer engines.Close()
	b, err := retrieved.Open(ctx, s, engines, name)
	if err != nil {
		return err
	}
	defer b.Close()
	server := listen.Server{Address: o.listen, Says: "shows " + b.Site.Title, Handler: b.Site.Handler}
	return server.Run(ctx, stdout, stderr)
}
