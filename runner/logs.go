package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/cluster"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/store"
)

func newLogs() *cobra.Command {
	var storeDir string
	var follow, failed bool
	cmd := &cobra.Command{
		Use:   "logs TRIAL [STAGE]",
		Short: "Print the logs of a trial's stages, also while they run",
		Long: `logs prints what the stages of a trial wrote, in the order in which they run, and
for stages that a cluster made, what their workers printed. A log holds all the
attempts at a stage, the last one at its end.

TRIAL is the id of a trial (or its beginning), or the label of a case, in the
newest sweep that has it. STAGE is a name such as "tune" or "evaluate/task", or
an op such as "embed".

` + cli.ExitHelp,
		Args: cli.Args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			sweep, p, trial, err := record.FindTrial(s, given[0])
			if err != nil {
				return err
			}
			stages := p.MadeFrom(trial)
			if len(given) == 2 {
				if stages, err = p.StagesOf(trial, given[1]); err != nil {
					return err
				}
			}
			l := &logPrinter{store: s, sweep: sweep, stages: stages, failed: failed, out: cmd.OutOrStdout(), read: map[string]int64{}}
			return l.print(cmd.Context(), follow)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on printing for as long as one of the stages runs or is queued")
	cmd.Flags().BoolVar(&failed, "failed", false, "only stages that failed, or were lost on a cluster")
	return cmd
}

// logPrinter prints logs as far as they have grown.
type logPrinter struct {
	store  *store.Store
	sweep  *store.Sweep
	stages []record.Stage
	failed bool
	out    io.Writer
	read   map[string]int64 // path → bytes that were printed
	last   string           // the path that was printed last
}

// logPoll is the time between two looks at logs that are followed.
const logPoll = 300 * time.Millisecond

func (l *logPrinter) print(ctx context.Context, follow bool) error {
	for {
		live, err := l.once()
		if err != nil {
			return err
		}
		if !follow || !live {
			break
		}
		select {
		case <-ctx.Done():
			return nil // this is how one ends it
		case <-time.After(logPoll):
		}
	}
	if len(l.read) == 0 {
		which := "no log yet"
		if l.failed {
			which = "no stage of it failed"
		}
		fmt.Fprintln(l.out, which)
	}
	return nil
}

// once prints what is new, and says whether any of the stages may write more.
func (l *logPrinter) once() (live bool, err error) {
	known, err := cluster.States(l.store, l.sweep)
	if err != nil {
		return false, err
	}
	holders, err := l.store.Leases()
	if err != nil {
		return false, err
	}
	held := map[string]bool{}
	for _, h := range holders {
		held[h.Key] = true
	}
	for _, stage := range l.stages {
		st := known[stage.Key]
		live = live || held[stage.Key] || st != nil && st.State.Live()
		if err := l.stage(stage, st, held[stage.Key]); err != nil {
			return false, err
		}
	}
	return live, nil
}

func (l *logPrinter) stage(stage record.Stage, st *launch.Status, held bool) error {
	_, done, err := l.store.Lookup(stage.Key)
	state := "not done"
	switch {
	case done && err == nil:
		state = "done"
	case st != nil && st.State != launch.Stuck:
		state = string(st.State)
	case held:
		state = "running"
	}
	if l.failed && (state == "done" || state == "running" || state == string(launch.Queued)) {
		return nil
	}
	name := stage.Op + " " + cli.Short(stage.Key)
	if err := l.file(l.store.LogPath(stage.Key, stage.Op), name+", "+state); err != nil || st == nil || st.Record == nil {
		return err
	}
	if st.Cause != "" && l.read[l.store.LogPath(stage.Key, stage.Op)] == 0 && l.last != stage.Key {
		l.last = stage.Key
		l.read[stage.Key] = 1
		fmt.Fprintf(l.out, "==> %s, %s: %v\n", name, state, st.Err())
	}
	return l.file(launch.Log(st.Record.Dir, st.Index), name+", its worker (job "+st.Job+")")
}

// file prints a file from where it was left, under a head when another was
// printed in between.
func (l *logPrinter) file(path, head string) error {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(l.read[path], io.SeekStart); err != nil {
		return err
	}
	data, err := io.ReadAll(f)
	if err != nil || len(data) == 0 {
		return err
	}
	if l.last != path {
		l.last = path
		fmt.Fprintf(l.out, "==> %s (%s)\n", head, path)
	}
	l.read[path] += int64(len(data))
	_, err = l.out.Write(data)
	return err
}
