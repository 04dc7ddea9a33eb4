package exec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// toldReporter counts what it is told.
type toldReporter struct{ begun, ended int }

func (r *toldReporter) Begin(*schedule.Task, int, int)            { r.begun++ }
func (r *toldReporter) Wait(*schedule.Task, string)               {}
func (r *toldReporter) Progress(*schedule.Task, int, int, string) {}
func (r *toldReporter) Warn(*schedule.Task, string)               {}
func (r *toldReporter) End(*schedule.Task, schedule.Outcome)      { r.ended++ }

// TestRecorder: what a process says of itself, while it runs and after.
func TestRecorder(t *testing.T) {
	s, err := store.Open(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := s.Sweep("modes", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	read := func() record.Process {
		t.Helper()
		found, err := folder.Processes()
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
		var state record.Process
		if err := json.Unmarshal(found[0].Data, &state); err != nil {
			t.Fatal(err)
		}
		return state
	}
	next := &toldReporter{}
	left := &record.Rest{Seconds: 130, Rough: true}
	w := Watch{folder, record.Process{Engine: "go", Jobs: "2", Total: 3}, func() *record.Rest { return left }}
	r, err := w.start(next)
	if err != nil {
		t.Fatal(err)
	}
	if state := read(); state.Schema != "runner.process/v1" || state.Total != 3 || state.Ended != nil || state.Jobs != "2" || state.Rest.String() != "roughly 2m10s left" {
		t.Errorf("at the start: %+v", state)
	}
	task := func(key string) *schedule.Task { return &schedule.Task{Op: "tune", Key: strings.Repeat(key, 64)} }
	r.Begin(task("a"), 1, 3)
	r.Begin(task("b"), 2, 3)
	r.Wait(task("c"), "process 7 on node2")
	r.Progress(task("b"), 5, 10, "loss 2.31")
	r.End(task("a"), schedule.Outcome{})
	left = nil
	r.mu.Lock()
	r.write()
	r.mu.Unlock()
	state := read()
	if state.Rest != nil || state.Made != 1 || len(state.Running) != 2 || state.Running[0].Done != 5 || state.Running[0].Note != "loss 2.31" || state.Running[1].Waits != "process 7 on node2" {
		t.Errorf("on the way: %+v", state)
	}
	r.End(task("b"), schedule.Outcome{Err: errors.New("no pair")})
	r.End(task("c"), schedule.Outcome{Err: fmt.Errorf("step 3: %w", context.Canceled)})
	r.close(&schedule.Failed{})
	state = read()
	if state.End != "failed" || state.Ended == nil || len(state.Running) != 0 || len(state.Failed) != 1 || state.Failed[0].Error != "no pair" {
		t.Errorf("at the end: %+v", state)
	}
	if next.begun != 2 || next.ended != 3 {
		t.Errorf("the next reporter was told %+v", *next)
	}
}
