package trial

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"react/runner/cli"
	"react/runner/cluster"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/store"
)

// Logs prints logs of a trial's stages as far as they have grown.
type Logs struct {
	Note string // what else the trial's name stands for

	store  *store.Store
	sweep  *store.Sweep
	stages []record.Stage
	failed bool // only stages that failed, or were lost on a cluster
	out    io.Writer
	read   map[string]int64 // path → bytes that were printed
	last   string           // the path that was printed last
}

// NewLogs finds a trial, and of its stages the one of a name or those of an op, all where that
// is "". With failed it prints only stages that failed.
func NewLogs(s *store.Store, trial, stage string, failed bool) (*Logs, error) {
	found, err := record.FindTrial(s, trial)
	if err != nil {
		return nil, err
	}
	stages := found.Plan.MadeFrom(found.Trial)
	if stage != "" {
		if stages, err = found.Plan.StagesOf(found.Trial, stage); err != nil {
			return nil, err
		}
	}
	return &Logs{Note: found.Note, store: s, sweep: found.Sweep, stages: stages, failed: failed, read: map[string]int64{}}, nil
}

// logPoll is the time between two looks at logs that are followed.
const logPoll = 300 * time.Millisecond

// Print writes what the logs hold; with follow it goes on for as long as one of the stages runs
// or is queued.
func (l *Logs) Print(ctx context.Context, w io.Writer, follow bool) error {
	l.out = w
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
		which := "none of its stages has a log yet"
		if l.failed {
			which = "none of its stages failed"
		}
		fmt.Fprintln(l.out, which)
	}
	return nil
}

// once prints what is new, and says whether any of the stages may write more.
func (l *Logs) once() (live bool, err error) {
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

func (l *Logs) stage(stage record.Stage, st *launch.Status, held bool) error {
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
func (l *Logs) file(path, head string) error {
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
