package status

import (
	"strings"
	"testing"
	"time"

	"react/runner/internal/storetest"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/store"
)

// handWatcher is a plan of a base, two tunings and their evaluations, in an
// empty store.
func handWatcher(t *testing.T) *Watcher {
	t.Helper()
	s := storetest.Open(t)
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	folder, err := s.Sweep("modes", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	key := func(c string) string { return strings.Repeat(c, 64) }
	p := record.Plan{Schema: "runner.plan/v1", Stages: []record.Stage{
		{Key: key("a"), Op: "pretrain"}, {Key: key("b"), Op: "tune", In: map[string]string{"checkpoint": key("a")}},
		{Key: key("c"), Op: "tune", In: map[string]string{"checkpoint": key("a")}}, {Key: key("d"), Op: "evaluate", In: map[string]string{"checkpoint": key("b")}},
		{Key: key("e"), Op: "evaluate", In: map[string]string{"checkpoint": key("c")}},
	}, Trials: []record.Trial{{ID: "1", Name: "1", Stages: map[string]string{"tune": key("b"), "evaluate": key("d")}},
		{ID: "2", Name: "2", Stages: map[string]string{"tune": key("c"), "evaluate": key("e")}}}}
	if err := folder.WriteJSON(record.PlanFile, p); err != nil {
		t.Fatal(err)
	}
	w, err := New(s, folder)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// publish puts an empty output in the store.
func (w *Watcher) publish(t *testing.T, i int) {
	t.Helper()
	txn, err := w.store.Begin(w.tasks[i].Key, w.tasks[i].Op, nil)
	if err == nil {
		_, err = txn.Commit(nil, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStatusCounts follows a sweep from its plan to its end.
func TestStatusCounts(t *testing.T) {
	w := handWatcher(t)
	say := func(state string, trials, stages Counts) *Status {
		t.Helper()
		st, err := w.Read()
		if err != nil {
			t.Fatal(err)
		}
		if st.State != state || st.Trials != trials || st.Stages != stages {
			t.Errorf("%s: trials %+v, stages %+v; want %s, %+v, %+v", st.State, st.Trials, st.Stages, state, trials, stages)
		}
		return st
	}
	say("planned", Counts{Total: 2, Waiting: 2}, Counts{Total: 5, Waiting: 5})

	// A process makes the base, and says so; another has the lease of a tuning.
	presence, err := w.folder.Join()
	if err != nil {
		t.Fatal(err)
	}
	process := record.Process{Process: presence.Process, Command: []string{"runner", "sweep", "modes.cue"}, Jobs: "1", Total: 5}
	tell := func(running ...record.Running) {
		t.Helper()
		process.Beat, process.Running = time.Now(), running
		if err := presence.Write(process); err != nil {
			t.Fatal(err)
		}
	}
	tell(record.Running{Key: w.tasks[0].Key, Op: "pretrain", Since: time.Now(), Done: 5, Total: 10, Note: "loss 2"})
	st := say("running", Counts{Total: 2, Running: 2}, Counts{Total: 5, Running: 1, Waiting: 4})
	if s := st.Running[0]; s.Op != "pretrain" || s.Done != 5 || s.Note != "loss 2" || s.Trials != 2 {
		t.Errorf("the base: %+v", s)
	}
	w.publish(t, 0)
	lease, _, err := w.store.TryLease(w.tasks[1].Key, "tune")
	if err != nil || lease == nil {
		t.Fatal(lease, err)
	}
	tell()
	say("running", Counts{Total: 2, Running: 1, Waiting: 1}, Counts{Total: 5, Done: 1, Running: 1, Waiting: 3})
	lease.Release()
	now := time.Now()
	process.Ended, process.End = &now, "done"
	tell()
	presence.Leave()

	// A failure blocks what reads it, and is gone once the output is there.
	note, err := w.store.BeginAttempt(w.tasks[2].Key, "tune")
	if err == nil {
		err = note.End("error", "no pair")
	}
	if err != nil {
		t.Fatal(err)
	}
	st = say("failed", Counts{Total: 2, Waiting: 1, Failed: 1}, Counts{Total: 5, Done: 1, Waiting: 2, Failed: 1, Blocked: 1})
	if f := st.Failures[0]; f.Error != "no pair" || f.Trials != 1 || f.Names[0] != "2" || len(st.Resume) == 0 {
		t.Errorf("the failure: %+v, %q", f, st.Resume)
	}
	for i := 1; i < 5; i++ {
		w.publish(t, i)
	}
	say("done", Counts{Total: 2, Done: 2}, Counts{Total: 5, Done: 5})
}

// TestLeftIsTheSweeps: while one process runs the sweep, the time left is what it says itself, also
// where no run tells of any stage; one that is gone, or one of several, is not asked.
func TestLeftIsTheSweeps(t *testing.T) {
	w := handWatcher(t)
	presence, err := w.folder.Join()
	if err != nil {
		t.Fatal(err)
	}
	defer presence.Leave()
	process := record.Process{Process: presence.Process, Jobs: "1", Total: 5, Beat: time.Now(),
		Rest: &record.Rest{Seconds: 130, Rough: true, Unknown: 1}}
	say := func(want string) {
		t.Helper()
		if err := presence.Write(process); err != nil {
			t.Fatal(err)
		}
		st, err := w.Read()
		if err != nil || st.leftText() != want {
			t.Errorf("%v: got %q, want %q", err, st.leftText(), want)
		}
	}
	say("; roughly 2m10s left besides 1 stage of unknown time")
	process.Rest = nil
	say("; time left unknown")

	told := record.Process{Rest: &record.Rest{Seconds: 60}}
	for _, c := range []struct {
		lives []store.Life
		want  bool
	}{{[]store.Life{store.Gone}, false}, {[]store.Life{store.Gone, store.Elsewhere}, true},
		{[]store.Life{store.Elsewhere, store.Elsewhere}, false}} {
		l := look{lives: c.lives, processes: []record.Process{told, told}[:len(c.lives)]}
		if rest := l.told(); (rest != nil) != c.want {
			t.Errorf("%v: told %v, want %t", c.lives, rest, c.want)
		}
	}
}

// TestLastFailure: a job that ended without a word of its own failed by the
// scheduler's.
func TestLastFailure(t *testing.T) {
	w := handWatcher(t)
	task := w.tasks[1]
	for _, c := range []struct {
		launched *launch.Status
		want     string
	}{
		{nil, ""}, {&launch.Status{State: launch.Queued, Reason: "Resources"}, ""}, {&launch.Status{State: launch.Stuck}, ""},
		{&launch.Status{State: launch.Failing, Cause: launch.OutOfMem, Message: "holds 9 GiB"}, "holds 9 GiB"},
		{&launch.Status{State: launch.Ended, Cause: launch.Timeout, Since: time.Now()}, string(launch.Timeout)},
	} {
		f, err := w.lastFailure(task, c.launched)
		if err != nil || (f == nil) != (c.want == "") || f != nil && f.Error != c.want {
			t.Errorf("%+v: got %+v, %v, want %q", c.launched, f, err, c.want)
		}
	}
}
