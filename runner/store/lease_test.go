package store

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

func lease(t *testing.T, s *Store, key string) (*Lease, Holder) {
	t.Helper()
	l, h, err := s.TryLease(key, "tune")
	if err != nil {
		t.Fatal(err)
	}
	return l, h
}

func locksLeft(t *testing.T, s *Store) []os.DirEntry {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(s.root, "cache", "locks"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestOneHolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	mine, theirs := open(t, dir), open(t, dir)
	l, _ := lease(t, mine, testKey)
	if l == nil {
		t.Fatal("a free lease was not given")
	}
	again, h := lease(t, theirs, testKey)
	if again != nil || h.PID != os.Getpid() || h.Op != "tune" || h.Key != testKey {
		t.Fatalf("a lease was given twice, or its holder is %+v", h)
	}
	other, _ := lease(t, theirs, otherKey)
	if other == nil {
		t.Fatal("the lease of another key was not given")
	}
	if held, err := mine.Leases(); len(held) != 2 || err != nil {
		t.Errorf("leases %v, %v", held, err)
	}
	l.Release()
	if l, _ = lease(t, theirs, testKey); l == nil {
		t.Fatal("a released lease was not given")
	}
	l.Release()
	other.Release()
	if left := locksLeft(t, mine); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// TestOneOfMany lets goroutines with stores of their own fight for one lease.
func TestOneOfMany(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var mu sync.Mutex
	var group sync.WaitGroup
	holding, taken := 0, 0
	for range 8 {
		s := open(t, dir)
		group.Go(func() {
			for range 50 {
				l, _, err := s.TryLease(testKey, "tune")
				if err != nil {
					t.Error(err)
				}
				if l == nil {
					continue
				}
				mu.Lock()
				if holding++; holding > 1 {
					t.Error("two hold one lease")
				}
				taken++
				mu.Unlock()
				mu.Lock()
				holding--
				mu.Unlock()
				l.Release()
			}
		})
	}
	group.Wait()
	if taken == 0 {
		t.Error("nobody got it")
	}
}

// childLease takes a lease, says so, and waits to be killed.
func childLease(s *Store) error {
	if _, _, err := s.TryLease(testKey, "tune"); err != nil {
		return err
	}
	os.Stdout.WriteString("held\n")
	select {}
}

func TestLeaseOfAKilledProcess(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	for _, how := range []string{"taken over", "cleared"} {
		cmd := childEnv(t, "lease", s.root)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
			t.Fatalf("child: %q, %v", line, err)
		}
		if l, h := lease(t, s, testKey); l != nil || h.PID != cmd.Process.Pid {
			t.Fatalf("the lease of a living process was taken, or its holder is %+v", h)
		}
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		if held, err := s.Leases(); len(held) != 0 || err != nil {
			t.Errorf("%s: the dead hold %v, %v", how, held, err)
		}
		if how == "taken over" {
			l, h := lease(t, s, testKey)
			if l == nil {
				t.Fatalf("the lease of a dead process is still held by %v", h)
			}
			l.Release()
		} else if err := open(t, s.root).Prepare(); err != nil {
			t.Fatal(err)
		}
		if left := locksLeft(t, s); len(left) != 0 {
			t.Errorf("%s: left %v", how, left)
		}
	}
}

// writeHolder puts down the lease of another host, whose locks are not seen.
// Its clock is far off, and so is the file's time.
func writeHolder(t *testing.T, s *Store, beat int64, clock time.Time) {
	t.Helper()
	data, err := json.Marshal(Holder{Key: testKey, Op: "tune", ID: "theirs", Host: "elsewhere", Boot: "another kernel", PID: 1, Since: clock, Beat: beat})
	if err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(s.holderPath(testKey), data); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(s.holderPath(testKey), clock, clock); err != nil {
		t.Fatal(err)
	}
}

// TestLeaseOfAnotherHost times heartbeats by the watcher's clock alone: a
// holder whose clock jumps to any year lives as long as it beats, and dies when
// it stops.
func TestLeaseOfAnotherHost(t *testing.T) {
	for name, clock := range map[string]time.Time{"future": time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), "past": time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)} {
		// the file system may keep the lock of a host that is gone
		for _, locked := range []bool{false, true} {
			s := open(t, filepath.Join(t.TempDir(), "store"))
			s.period = 20 * time.Millisecond
			if err := s.Prepare(); err != nil {
				t.Fatal(err)
			}
			if locked {
				lock := flock.New(s.lockPath(testKey))
				if ok, err := lock.TryLock(); !ok || err != nil {
					t.Fatal(err)
				}
				defer lock.Close()
			}
			for beat := range int64(20) {
				writeHolder(t, s, beat, clock)
				if l, h := lease(t, s, testKey); l != nil || h.Host != "elsewhere" {
					t.Fatalf("%s, locked %v: taken from a holder that beats: %+v", name, locked, h)
				}
				time.Sleep(s.period / 4)
			}
			start := time.Now()
			writeHolder(t, s, 100, clock)
			l, _ := lease(t, s, testKey)
			for l == nil {
				if time.Since(start) > 10*time.Second {
					t.Fatalf("%s, locked %v: not taken from a holder that stopped", name, locked)
				}
				time.Sleep(time.Millisecond)
				l, _ = lease(t, s, testKey)
			}
			if took := time.Since(start); took < leaseMissed*s.period {
				t.Errorf("%s, locked %v: taken after %v", name, locked, took)
			}
			l.Release()
		}
	}
}

// TestLeaseTakenAway is a holder that was taken for dead: it leaves the lease
// to the other.
func TestLeaseTakenAway(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	s.period = time.Millisecond
	l, _ := lease(t, s, testKey)
	writeHolder(t, s, 7, time.Now())
	<-l.done // it notices with its next beat
	l.Release()
	if h, ok := readHolder(s.holderPath(testKey)); !ok || h.ID != "theirs" || h.Beat != 7 {
		t.Errorf("the other's lease is now %+v, %v", h, ok)
	}
}

func TestHeartbeatMoves(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	s.period = time.Millisecond
	l, _ := lease(t, s, testKey)
	defer l.Release()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if h, ok := readHolder(s.holderPath(testKey)); ok && h.Beat > 2 {
			return
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("no heartbeat")
		}
	}
}
