package store

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"react/data/proc"
)

// TestPresence: a process that is there is alive, one that left or died is
// gone, one of another host is elsewhere.
func TestPresence(t *testing.T) {
	s, err := Open(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Sweep("modes", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Join()
	if err != nil {
		t.Fatal(err)
	}
	if found, err := w.Processes(); err != nil || len(found) != 0 {
		t.Fatalf("before the first write: %v, %v", found, err)
	}
	write := func(name string, v any) {
		t.Helper()
		data, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(w.Path("processes/"+name), data, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Write(p.Process); err != nil {
		t.Fatal(err)
	}
	for range 3 { // a look must not end it
		if found, err := w.Processes(); err != nil || len(found) != 1 || found[0].Life != Alive || found[0].PID != os.Getpid() {
			t.Fatalf("got %+v, %v", found, err)
		}
	}
	other := p.Process
	other.Host, other.Boot, other.Started = "node7", "another", p.Started.Add(1)
	write("node7-1-00000000.json", other)
	other.Host, other.Started = p.Host, p.Started.Add(2)
	write("again-1-00000000.json", other)
	if err := os.WriteFile(w.Path("processes/cut.json"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := p.Leave(); err != nil {
		t.Fatal(err)
	}
	found, err := w.Processes()
	if err != nil || len(found) != 3 || found[0].Life != Gone || found[1].Life != Elsewhere || found[2].Life != Gone {
		t.Errorf("got %+v, %v", found, err)
	}
}

// TestPresenceOfTheDead: a lock file that nobody holds is what a kill leaves.
func TestPresenceOfTheDead(t *testing.T) {
	s, err := Open(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Sweep("modes", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	for range keptProcesses + 5 {
		p, err := w.Join()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write(p.Process); err != nil {
			t.Fatal(err)
		}
		p.lock.Close()
	}
	found, err := w.Processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Life != Gone {
			t.Errorf("%s is %s", f.Path, f.Life)
		}
	}
	locks, err := filepath.Glob(w.Path("processes/*.lock"))
	if err != nil || len(found) != keptProcesses || len(locks) != keptProcesses {
		t.Errorf("%d files and %d locks are kept, want %d (%v)", len(found), len(locks), keptProcesses, err)
	}
}

// TestZombieIsGone: where there are no locks, a process of this machine that has ended is gone before
// a heartbeat is missed, also while its parent has not waited for it.
func TestZombieIsGone(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	pid := child.Process.Pid
	unlockable, err := net.Listen("unix", filepath.Join(t.TempDir(), "a.lock")) // cannot be opened
	if err != nil {
		t.Fatal(err)
	}
	defer unlockable.Close()
	s := open(t, t.TempDir()+"/store")
	judge := func() (Life, bool) {
		return life(Process{Host: hostName(), Boot: boot(), PID: pid}, unlockable.Addr().String()),
			s.beats(Holder{Key: testKey, ID: "1", Boot: boot(), PID: pid})
	}
	if l, beats := judge(); l != Elsewhere || !beats {
		t.Errorf("running: %s, beats %t; want %s, true", l, beats, Elsewhere)
	}
	child.Process.Kill()
	for limit := time.Now().Add(10 * time.Second); !proc.IsZombie(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("no zombie 10 s after the kill")
		}
	}
	if l, beats := judge(); l != Gone || beats {
		t.Errorf("a zombie: %s, beats %t; want %s, false", l, beats, Gone)
	}
}
