package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sort"
	"sync"
	"time"

	"react/runner/schedule"
	"react/runner/store"
)

// stateEvery is the least time between two writes of a process's state;
// beatEvery the most. A state of another host that is older than beatMissed is
// a dead process's.
const (
	stateEvery = time.Second
	beatEvery  = 5 * time.Second
	beatMissed = time.Minute
)

// processState is what a process says of itself in processes/ of the sweep's
// folder: schema runner.process/v1. status reads it.
type processState struct {
	Schema string `json:"schema"`
	store.Process
	Beat    time.Time      `json:"beat"` // of the last write
	Command []string       `json:"command"`
	Dir     string         `json:"dir"`
	Engine  string         `json:"engine,omitempty"`
	Jobs    string         `json:"jobs"`  // at a time
	Total   int            `json:"total"` // stages to make
	Made    int            `json:"made"`  // of them
	Running []runningState `json:"running"`
	Failed  []failedState  `json:"failed,omitempty"`
	Ended   *time.Time     `json:"ended,omitempty"` // nil while it runs, and after a kill
	End     string         `json:"end,omitempty"`   // done, failed, interrupted, or the error
}

// runningState is a stage that is being made.
type runningState struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	Since time.Time `json:"since"`
	Done  int       `json:"done,omitempty"`
	Total int       `json:"total,omitempty"`
	Note  string    `json:"note,omitempty"`
	Waits string    `json:"waits,omitempty"` // another process makes it: who
}

// failedState is a stage whose attempt failed.
type failedState struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}

// recorder is a reporter that writes down what it is told, for status, and
// tells another. A write that fails is left out: a sweep does not stop because
// nobody can watch it.
type recorder struct {
	schedule.Reporter // told next
	presence          *store.Presence
	now               func() time.Time
	stop, stopped     chan struct{}

	mu      sync.Mutex
	state   processState
	running map[string]*runningState
	changed bool
}

// watched runs with a reporter that also keeps what it is told where status
// finds it. Where nothing is to run nothing is written.
func watched(folder *store.Sweep, options schedule.Options, o sweepOptions, run func(schedule.Options) (*schedule.Report, error)) (*schedule.Report, error) {
	if o.toRun == 0 {
		return run(options)
	}
	recorder, err := startRecorder(folder, options.Reporter, o)
	if err != nil {
		return nil, err
	}
	options.Reporter = recorder
	report, err := run(options)
	recorder.close(err)
	return report, err
}

// startRecorder makes the process's file in the sweep's folder and keeps it
// fresh until close.
func startRecorder(folder *store.Sweep, next schedule.Reporter, o sweepOptions) (*recorder, error) {
	presence, err := folder.Join()
	if err != nil {
		return nil, err
	}
	r := &recorder{Reporter: next, presence: presence, now: time.Now, stop: make(chan struct{}), stopped: make(chan struct{}),
		running: map[string]*runningState{}, changed: true,
		state: processState{Schema: "runner.process/v1", Process: presence.Process, Command: os.Args, Engine: cmp.Or(o.opened, o.engine), Jobs: o.jobs.String(), Total: o.toRun}}
	r.state.Dir, _ = os.Getwd()
	r.write()
	go r.keep()
	return r, nil
}

// keep writes what changed once a second, and a heartbeat where nothing did.
func (r *recorder) keep() {
	defer close(r.stopped)
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.mu.Lock()
			if r.changed || r.now().Sub(r.state.Beat) >= beatEvery {
				r.write()
			}
			r.mu.Unlock()
		}
	}
}

// write is called with the state locked, or before it is shared.
func (r *recorder) write() {
	r.state.Beat = r.now().UTC().Truncate(time.Millisecond)
	r.state.Running = make([]runningState, 0, len(r.running))
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
func (r *recorder) note(t *schedule.Task, change func(s *runningState)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.running[t.Key]
	if s == nil {
		s = &runningState{Key: t.Key, Op: t.Op, Since: r.now().UTC().Truncate(time.Millisecond)}
		r.running[t.Key] = s
	}
	change(s)
	r.changed = true
}

// Begin notes the stage.
func (r *recorder) Begin(t *schedule.Task, n, total int) {
	r.note(t, func(s *runningState) { s.Since, s.Waits = r.now().UTC().Truncate(time.Millisecond), "" })
	r.mu.Lock()
	r.state.Total = total
	r.mu.Unlock()
	r.Reporter.Begin(t, n, total)
}

// Wait notes who makes the stage.
func (r *recorder) Wait(t *schedule.Task, holder string) {
	r.note(t, func(s *runningState) { s.Waits = holder })
	r.Reporter.Wait(t, holder)
}

// Progress notes how far the stage is.
func (r *recorder) Progress(t *schedule.Task, done, total int, note string) {
	r.note(t, func(s *runningState) { s.Done, s.Total, s.Note = done, total, note })
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
		r.state.Failed = append(r.state.Failed, failedState{t.Key, t.Op, r.now().UTC().Truncate(time.Millisecond), o.Err.Error()})
	}
	r.changed = true
	r.mu.Unlock()
	r.Reporter.End(t, o)
}
