package schedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/runner/internal/storetest"
	"react/runner/store"
)

// sharedRun is one of two processes whose plans overlap: both need the pool and
// the first tune, each has a task of its own. It prints what it made. Files
// beside the store say what happened: "waits NAME", "ran NAME".
func sharedRun(dir, name string) error {
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	g := &graph{}
	g.add("pool", func(context.Context, *Attempt) error {
		// The other must come upon this lease, put the pool aside and run what it can.
		other := map[string]string{"a": "b", "b": "a", "hangs": "b"}[name]
		if !appears(dir, "waits pool "+other) || !appears(dir, "ran own "+other) {
			return fmt.Errorf("%s: the other process did not go on beside this one", name)
		}
		if name == "hangs" {
			mark(dir, "hangs")
			select {}
		}
		return nil
	})
	g.add("tune1", nil, "pool")
	g.add("own"+map[string]string{"a": "1", "b": "2", "hangs": "1"}[name], func(context.Context, *Attempt) error { return mark(dir, "ran own "+name) })
	g.add("tune"+map[string]string{"a": "2", "b": "3", "hangs": "2"}[name], nil, "pool")
	g.add("evaluate", nil, "tune1")
	report, err := Run(context.Background(), g.tasks, Options{Store: s, Reporter: waits{dir, name}})
	if err != nil {
		return err
	}
	if n := len(report.Entries); n != len(g.tasks) {
		return fmt.Errorf("%d entries of %d tasks", n, len(g.tasks))
	}
	for _, made := range names(report.Made) {
		fmt.Println(made)
	}
	return nil
}

// waits leaves a file for each task that another process makes.
type waits struct{ dir, name string }

func (waits) Begin(*Task, int, int)            {}
func (w waits) Wait(t *Task, _ string)         { mark(w.dir, "waits "+t.Op+" "+w.name) }
func (waits) Progress(*Task, int, int, string) {}
func (waits) Warn(*Task, string)               {}
func (waits) End(*Task, Outcome)               {}
func mark(dir, what string) error {
	return os.WriteFile(filepath.Join(filepath.Dir(dir), what), nil, 0o666)
}
func marked(dir, what string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(dir), what))
	return err == nil
}

// appears waits for a mark.
func appears(dir, what string) bool {
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(time.Millisecond) {
		if marked(dir, what) {
			return true
		}
	}
	return false
}

// process is a child that runs sharedRun.
type process struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
}

func startShared(t *testing.T, s *store.Store, name string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), "SCHEDULE_STORE="+s.Root(), "SCHEDULE_SHARE="+name)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) made() []string { return strings.Fields(p.stdout.String()) }

// TestTwoProcesses runs overlapping plans at once on one store: each stage is
// made once in all, and nobody idles while there is something of its own to do.
func TestTwoProcesses(t *testing.T) {
	s := storetest.Open(t)
	a := startShared(t, s, "a")
	b := startShared(t, s, "b")
	if err := errors.Join(a.cmd.Wait(), b.cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	made := slices.Sorted(slices.Values(append(a.made(), b.made()...)))
	if want := []string{"evaluate", "own1", "own2", "pool", "tune1", "tune2", "tune3"}; !slices.Equal(made, want) {
		t.Errorf("made %v and %v", a.made(), b.made())
	}
	noLocks(t, s)
}

// TestOneOfTwoProcessesKilled kills the process that is making the pool: the
// one that waits for it takes over.
func TestOneOfTwoProcessesKilled(t *testing.T) {
	s := storetest.Open(t)
	a := startShared(t, s, "hangs")
	if !held(s, "pool") {
		t.Fatal("the pool was not begun")
	}
	b := startShared(t, s, "b")
	if !appears(s.Root(), "waits pool b") {
		t.Fatal("the second process does not wait")
	}
	// What the first would wait for after its death, the second finds done.
	if err := errors.Join(mark(s.Root(), "waits pool a"), mark(s.Root(), "ran own a")); err != nil {
		t.Fatal(err)
	}
	if !appears(s.Root(), "hangs") {
		t.Fatal("the first process did not get to where it hangs")
	}
	a.cmd.Process.Signal(syscall.SIGKILL)
	a.cmd.Wait()
	if err := b.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"own2", "pool", "tune1", "tune3", "evaluate"}; len(b.made()) != len(want) {
		t.Errorf("made %v, want %v", b.made(), want)
	}
	noLocks(t, s)
}

// held waits until a process holds the lease of a task.
func held(s *store.Store, name string) bool {
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(time.Millisecond) {
		holders, err := s.Leases()
		if err == nil && slices.ContainsFunc(holders, func(h store.Holder) bool { return h.Key == key(name) }) {
			return true
		}
	}
	return false
}

func noLocks(t *testing.T, s *store.Store) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(s.Root(), "cache/locks/*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
