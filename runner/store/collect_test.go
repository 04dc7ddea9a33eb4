package store

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"
)

func TestUsedAndTouch(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	e := put(t, s, testKey, "v")
	manifest := filepath.Join(e.Dir, manifestName)
	for name, c := range map[string]struct {
		age     time.Duration // of the last use; negative: the clock was set back since
		touched bool
	}{
		"just now":      {time.Minute, false},
		"long ago":      {48 * time.Hour, true},
		"in the future": {-48 * time.Hour, true},
	} {
		at := time.Now().Add(-c.age).Truncate(time.Second)
		if err := os.Chtimes(manifest, at, at); err != nil {
			t.Fatal(err)
		}
		if used, err := s.Used(testKey); err != nil || used.After(time.Now()) {
			t.Errorf("%s: used %v, %v", name, used, err)
		}
		s.Touch(e)
		info, err := os.Stat(manifest)
		if err != nil || info.ModTime().Equal(at) == c.touched {
			t.Errorf("%s: %v became %v, %v", name, at, info.ModTime(), err)
		}
	}
	if _, err := s.Used(otherKey); err == nil {
		t.Error("a key that is not there was used")
	}
}

func TestRemove(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	put(t, s, testKey, "v")
	for range 2 { // that it is gone is no error
		if err := s.Remove(testKey); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Lookup(testKey); ok || err != nil {
			t.Errorf("hit %v, %v", ok, err)
		}
	}
	if s.Remove("../x") == nil {
		t.Error("a path was taken for a key")
	}
	if left, _ := filepath.Glob(filepath.Join(tempDirs(t, s)[0], "*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// TestEvict keeps the small file, and makes the entry again over what is left.
func TestEvict(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	e := put(t, s, testKey, "v") // one byte in img_emb, nine in rows.txt
	if freed, err := s.Evict(e, 100); freed != 0 || err != nil {
		t.Errorf("freed %d, %v: nothing is so large", freed, err)
	}
	if freed, err := s.Evict(e, 5); freed != 9 || err != nil {
		t.Fatalf("freed %d, %v", freed, err)
	}
	e, ok, err := s.Lookup(testKey)
	if !ok || err != nil || !reflect.DeepEqual(e.Evicted, []string{"rows.txt"}) {
		t.Fatalf("hit %v, evicted %v, %v", ok, e.Evicted, err)
	}
	if err := s.Verify(e); err != nil {
		t.Error(err)
	}
	if freed, err := s.Evict(e, 0); freed != 1 || err != nil {
		t.Errorf("the rest: freed %d, %v", freed, err)
	}
	if e, ok, _ := s.Lookup(testKey); !ok || len(e.Evicted) != 2 {
		t.Errorf("hit %v, evicted %v", ok, e.Evicted)
	}
	if again := put(t, s, testKey, "v"); again.Raced {
		t.Error("raced with an evicted entry")
	}
	if e, ok, err := s.Lookup(testKey); !ok || err != nil || len(e.Evicted) != 0 {
		t.Errorf("made again: hit %v, evicted %v, %v", ok, e.Evicted, err)
	}
}

// TestEvictedFileElse: only what was evicted may be missing.
func TestEvictedFileElse(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	e := put(t, s, testKey, "v")
	if _, err := s.Evict(e, 5); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(e.Dir, 0o755), os.Chmod(filepath.Join(e.Dir, "img_emb"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(e.Dir, "img_emb", "img_emb_0.npy")); err != nil {
		t.Fatal(err)
	}
	var damaged *Damaged
	if _, ok, err := s.Lookup(testKey); ok || !errors.As(err, &damaged) {
		t.Errorf("hit %v, %v", ok, err)
	}
}

// TestKilledCollecting kills a process before each step of removing and of
// evicting: the entry is whole, evicted or gone, and nothing is left of it.
func TestKilledCollecting(t *testing.T) {
	for step, want := range map[string]struct{ hit, whole bool }{
		"remove":  {true, true},
		"removed": {false, false},
		"evict":   {true, true},
		"evicted": {true, true}, // the list is there, the file still is too
	} {
		t.Run(step, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			s := open(t, dir)
			put(t, s, testKey, "v")
			err := childEnv(t, "collect", dir, "STORE_KILL="+step).Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was not killed: %v", err)
			}
			e, ok, err := s.Lookup(testKey)
			if err != nil || ok != want.hit || ok && ((len(e.Evicted) == 0) != want.whole || s.Verify(e) != nil) {
				t.Fatalf("hit %v, evicted %v, %v", ok, e.Evicted, err)
			}
			again := open(t, dir)
			if err := again.Prepare(); err != nil { // a new process clears what the dead one left
				t.Fatal(err)
			}
			// of the two stores of this process, and their locks
			if n := len(tempDirs(t, again)); n != 4 {
				t.Errorf("%d temporary directories and locks are left", n)
			}
			if _, err := again.Evict(e, 5); want.hit && err != nil {
				t.Error(err)
			}
			if e := put(t, again, testKey, "v"); e.Raced {
				t.Error("raced with what was left")
			}
		})
	}
}

// childCollect removes or evicts testKey and dies before the step named by
// STORE_KILL.
func childCollect(s *Store) error {
	s.step = func(step string) {
		if step == os.Getenv("STORE_KILL") {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	e, _, err := s.Lookup(testKey)
	if err != nil {
		return err
	}
	if step := os.Getenv("STORE_KILL"); step == "remove" || step == "removed" {
		return s.Remove(testKey)
	}
	_, err = s.Evict(e, 5)
	return err
}

func TestLitter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	e := put(t, s, testKey, "v")
	makeWritable(t, e.Dir)
	if _, err := s.SetAside(testKey); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "cache", "tmp", "elsewhere-7-00000000")
	young := filepath.Join(dir, "cache", "tmp", "elsewhere-8-00000000")
	for path, age := range map[string]time.Duration{old: 30 * 24 * time.Hour, young: time.Hour} {
		at := time.Now().Add(-age)
		if err := errors.Join(os.Mkdir(path, 0o777), os.WriteFile(filepath.Join(path, "part"), []byte("half"), 0o666), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	found, err := s.Litter()
	if err != nil || len(found) != 2 || found[0].Why != "damaged" || found[1].Path != old || found[1].Bytes != 4 {
		t.Fatalf("litter %+v, %v", found, err)
	}
	for _, l := range found {
		if err := s.Clear(l); err != nil {
			t.Error(err)
		}
	}
	if left, err := s.Litter(); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("a young directory of another host was removed")
	}
	if s.Clear(Litter{Path: dir}) == nil {
		t.Error("the store itself was taken for litter")
	}
}

func TestHold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	w, err := s.Sweep("a", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	if w.Held() {
		t.Error("held before anyone holds it")
	}
	var releases []func()
	for range 2 { // two processes may work on one sweep
		release, err := w.Hold(func() error { return w.WriteJSON("plan.json", 1) })
		if err != nil {
			t.Fatal(err)
		}
		releases = append(releases, release)
	}
	for i, release := range releases {
		if !w.Held() {
			t.Errorf("not held with %d holders", len(releases)-i)
		}
		release()
	}
	if w.Held() {
		t.Error("held after all have gone")
	}
	full := errors.New("full")
	if _, err := w.Hold(func() error { return full }); err != full || w.Held() {
		t.Errorf("a record that cannot be written: %v, held %v", err, w.Held())
	}
}

// TestHoldWaitsForCollect: a sweep does not begin while a collection runs.
func TestHoldWaitsForCollect(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	w, err := s.Sweep("a", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	err = s.Collect(func() error {
		go func() {
			release, err := w.Hold(func() error { return nil })
			if err == nil {
				release()
			}
			held <- err
		}()
		select {
		case <-held:
			return errors.New("the sweep began beside a collection")
		case <-time.After(20 * time.Millisecond):
			return nil
		}
	})
	if err := errors.Join(err, <-held); err != nil {
		t.Error(err)
	}
}

func TestDeleteSweep(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	var sweeps []*Sweep
	for i, hash := range []string{"00000001", "00000002"} {
		w, err := s.Sweep("a", hash)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i-2) * time.Hour)
		if err := errors.Join(s.Prepare(), w.WriteJSON("plan.json", i), w.Latest(), os.Chtimes(w.Path("plan.json"), at, at)); err != nil {
			t.Fatal(err)
		}
		sweeps = append(sweeps, w)
	}
	if err := sweeps[1].Delete(); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(filepath.Join(s.root, "sweeps/a/latest")); err != nil || to != "00000001" {
		t.Errorf("latest is %q, %v", to, err)
	}
	if err := sweeps[0].Delete(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.root, "sweeps/*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
