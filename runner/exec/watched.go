package exec

import (
	"context"
	"errors"
	"os"
	"sort"
	"sync"
	"time"

	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// recorder is a reporter that writes down what it is told, for status, and
// tells another. A write that fails is left out: a sweep does not stop because
// nobody can watch it.
type recorder struct {
	schedule.Reporter // told next
	rest              func() *record.Rest
	presence          *store.Presence
	now               func() time.Time
	stop, stopped     chan struct{}

	mu      sync.Mutex
	state   record.Process
	running map[string]*record.Running
	changed bool
}

// Watch has what a run does kept where status finds it, in the folder of its sweep.
type Watch struct {
	Folder  *store.Sweep
	Process record.Process      // its engine, jobs and total
	Rest    func() *record.Rest // how long the rest takes; nil where that is not known
}

// Run runs with a reporter that also writes down what it is told. Where nothing is to run nothing
// is written.
func (w Watch) Run(options schedule.Options, run func(schedule.Options) (*schedule.Report, error)) (*schedule.Report, error) {
	if w.Process.Total == 0 {
		return run(options)
	}
	recorder, err := w.start(options.Reporter)
	if err != nil {
		return nil, err
	}
	options.Reporter = recorder
	report, err := run(options)
	recorder.close(err)
	return report, err
}

// start makes the process's file in the sweep's folder and keeps it fresh until close.
func (w Watch) start(next schedule.Reporter) (*recorder, error) {
	presence, err := w.Folder.Join()
	if err != nil {
		return nil, err
	}
	process := w.Process
	process.Schema, process.Process, process.Command = "runner.process/v1", presence.Process, os.Args
	process.Dir, _ = os.Getwd()
	r := &recorder{Reporter: next, rest: w.Rest, presence: presence, now: time.Now, stop: make(chan struct{}), stopped: make(chan struct{}),
		running: map[string]*record.Running{}, changed: true, state: process}
	r.write()
	go r.keep()
	return r, nil
}

// keep writes what changed once a second, and a heartbeat where nothing did.
func (r *recorder) keep() {
	defer close(r.stopped)
	tick := time.NewTicker(record.StateEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.mu.Lock()
			if r.changed || r.now().Sub(r.state.Beat) >= record.BeatEvery {
				r.write()
			}
			r.mu.Unlock()
		}
	}
}

// write is called with the state locked, or before it is shared.
func (r *recorder) write() {
	r.state.Beat = r.now().UTC().Truncate(time.Millisecond)
	if r.rest != nil {
		r.state.Rest = r.rest()
	}
	r.state.Running = make([]record.Running, 0, len(r.running))
	for _, s := range r.running {
		r.state.Running = append(r.state.Running, *s)
	}
	sort.Slice(r.state.Running, func(i, j int) bool {
		a, b := r.state.Running[i], r.state.Running[j]
		return a.Since.Before(b.Since) || a.Since.Equal(b.Since) && a.Key < b.Key
	})
	r.changed = r.presence.Write(r.state) != nil
}

// close writes how the process ended and leaves.
func (r *recorder) close(err error) {
	close(r.stop)
	<-r.stopped
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now().UTC().Truncate(time.Millisecond)
	r.state.Ended, r.state.End = &now, endOf(err)
	clear(r.running)
	r.write()
	r.presence.Leave()
}

func endOf(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.As(err, new(*schedule.Failed)):
		return "failed"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	}
	return err.Error()
}

// note changes the entry of a stage, which it makes where there is none.
func (r *recorder) note(t *schedule.Task, change func(s *record.Running)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.running[t.Key]
	if s == nil {
		s = &record.Running{Key: t.Key, Op: t.Op, Since: r.now().UTC().Truncate(time.Millisecond)}
		r.running[t.Key] = s
	}
	change(s)
	r.changed = true
}

// Begin notes the stage.
func (r *recorder) Begin(t *schedule.Task, n, total int) {
	r.note(t, func(s *record.Running) { s.Since, s.Waits = r.now().UTC().Truncate(time.Millisecond), "" })
	r.mu.Lock()
	r.state.Total = total
	r.mu.Unlock()
	r.Reporter.Begin(t, n, total)
}

// Wait notes who makes the stage.
func (r *recorder) Wait(t *schedule.Task, holder string) {
	r.note(t, func(s *record.Running) { s.Waits = holder })
	r.Reporter.Wait(t, holder)
}

// Progress notes how far the stage is.
func (r *recorder) Progress(t *schedule.Task, done, total int, note string) {
	r.note(t, func(s *record.Running) {
		if s.FirstAt.IsZero() || done < s.Done { // or it begins anew
			s.First, s.FirstAt = done, r.now().UTC().Truncate(time.Millisecond)
		}
		s.Done, s.Total, s.Note = done, total, note
	})
	r.Reporter.Progress(t, done, total, note)
}

// End notes a failure; what is made, the store knows.
func (r *recorder) End(t *schedule.Task, o schedule.Outcome) {
	r.mu.Lock()
	delete(r.running, t.Key)
	switch {
	case o.Err == nil && !o.Cached:
		r.state.Made++
	case o.Err != nil && !errors.Is(o.Err, context.Canceled):
		r.state.Failed = append(r.state.Failed, record.Failed{Key: t.Key, Op: t.Op, At: r.now().UTC().Truncate(time.Millisecond), Error: o.Err.Error()})
	}
	r.changed = true
	r.mu.Unlock()
	r.Reporter.End(t, o)
}
