package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/store"
)

// statusOptions are the flags of status.
type statusOptions struct {
	store         string
	sets          []string
	watch, asJSON bool
	every         time.Duration
}

func newStatus() *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status [SWEEP|FILE]",
		Short: "Print how far a sweep is: what runs, what failed, how long the rest takes",
		Long: `status prints how far a sweep is: trials and stages that are done, running,
waiting or failed, what runs now, the time left as stages made before have it,
and failures with the end of their log. The sweep may run in another process, on
another host of the same file system or on Slurm, may have been killed, or be
done. Nothing is changed.

SWEEP is a name, or NAME/HASH; FILE is an experiment. Without either it is the
sweep that runs, else the newest. --watch keeps a live screen on a terminal until
the sweep ends, and prints a line for each change elsewhere. Set NO_COLOR for no
colours.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.Open(o.store)
			if err != nil {
				return err
			}
			folder, err := record.FindSweep(cmd.Context(), s, strings.Join(given, ""), o.sets)
			if err != nil {
				return err
			}
			w, err := newWatcher(s, folder)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), w)
		},
	}
	cli.StoreFlag(cmd, &o.store)
	cli.SetFlag(cmd, &o.sets)
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on until the sweep ends")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON (schema runner.status/v1); with --watch a line for each change")
	cmd.Flags().DurationVar(&o.every, "every", time.Second, "`time` between two looks of --watch")
	return cmd
}

// run prints once, or until the sweep ends. An interrupt ends the watching, not
// the sweep.
func (o statusOptions) run(ctx context.Context, w io.Writer, watcher *watcher) error {
	first, err := watcher.read()
	if err != nil {
		return err
	}
	switch {
	case !o.watch && o.asJSON:
		return writeIndented(w, first)
	case !o.watch:
		_, err := io.WriteString(w, first.text(styleOf(w)).String())
		return err
	case o.asJSON:
		return o.follow(ctx, watcher, first, newJSONLines(w))
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		screen := newScreen(f)
		defer screen.close()
		return o.follow(ctx, watcher, first, screen.show)
	}
	return o.follow(ctx, watcher, first, newChangeLines(w))
}

// follow shows each look until the sweep ends or the context does. A look takes
// at most a fifth of the time.
func (o statusOptions) follow(ctx context.Context, watcher *watcher, status *sweepStatus, show func(*sweepStatus) error) error {
	for {
		if err := show(status); err != nil {
			return err
		}
		if !status.live() {
			return nil
		}
		start := time.Now()
		next, err := watcher.read()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(o.every, 5*time.Since(start))):
		}
		status = next
	}
}

func writeIndented(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "\t")
	return enc.Encode(v)
}
