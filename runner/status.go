package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/spec/bounded"
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
			folder, err := findStatus(cmd.Context(), s, strings.Join(given, ""), o.sets)
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

// findStatus finds the folder of a sweep by its name or its file.
func findStatus(ctx context.Context, s *store.Store, what string, sets []string) (*store.Sweep, error) {
	if _, err := os.Stat(what); what != "" && (err == nil || strings.HasSuffix(what, ".cue")) {
		return sweepOfFile(ctx, s, what, sets)
	}
	if len(sets) > 0 {
		return nil, cli.Usage(errors.New("--set goes with a FILE: it makes another sweep of it"))
	}
	sweeps, err := s.Sweeps()
	if what != "" && err == nil {
		sweeps, err = record.FindSweeps(s, []string{what})
	}
	if err != nil {
		return nil, err
	}
	if len(sweeps) == 0 {
		return nil, cli.Usage(fmt.Errorf("no sweep in store %s yet; runner sweep FILE starts one", s.Root()))
	}
	for _, sweep := range sweeps {
		if sweep.Held() {
			return sweep, nil
		}
	}
	return sweeps[0], nil
}

func sweepOfFile(ctx context.Context, s *store.Store, file string, sets []string) (*store.Sweep, error) {
	exp, err := bounded.Load(ctx, file, sets)
	if err != nil {
		return nil, err
	}
	folder, err := s.Sweep(exp.Name, exp.Digest[:8])
	if err != nil || folder.Has(record.PlanFile) {
		return folder, err
	}
	others, err := s.Sweeps()
	if err != nil {
		return nil, err
	}
	hint := ""
	for _, w := range others {
		if w.Name == exp.Name {
			hint = fmt.Sprintf("; %s/%s is of this file as it was before, or with other --set", w.Name, w.Hash)
			break
		}
	}
	return nil, cli.Usage(fmt.Errorf("%s: no sweep of it in store %s yet (runner sweep %s starts one)%s", file, s.Root(), cli.Quote(file), hint))
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
