package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"react/runner/browse"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/record"
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
			if err := checkGallery(o.gallery); err != nil {
				return err
			}
			if _, _, err := net.SplitHostPort(o.listen); err != nil {
				return cli.Usage(fmt.Errorf("--listen %s: %w (127.0.0.1:7789 is one)", o.listen, err))
			}
			e, err := o.open(cmd, strings.Join(given, ""))
			if err != nil {
				return err
			}
			defer e.Store.Close()
			return o.serve(cmd.Context(), e, cmd.OutOrStdout(), cmd.ErrOrStderr())
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

// serve answers until ctx ends.
func (o serveOptions) serve(ctx context.Context, e *experiment.Experiment, stdout, stderr io.Writer) error {
	site, err := newLiveSite(e, reportOptions{gallery: o.gallery})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w (another port, or port 0 for a free one)", o.listen, err)
	}
	local := browse.IsLoopback(o.listen)
	if !local {
		fmt.Fprintln(stderr, "warning: the page is open to everyone who reaches this port")
	}
	ctx, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { site.watch(ctx, o.every, stderr); close(watched) }()
	defer func() { stop(); <-watched }()
	fmt.Fprintf(stdout, "http://%s/ follows %s; Ctrl-C ends it\n", listener.Addr(), e.Name)
	return answer(ctx, listener, site.handler(local))
}

// handler answers for the page and its events.
func (s *liveSite) handler(local bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local && !browse.IsThisMachine(r.Host) { // a page of elsewhere under a name that leads here
			http.Error(w, "this page is for this machine alone (runner serve --listen serves others)", http.StatusForbidden)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		mux.ServeHTTP(w, r)
	})
}
