package store

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFingerprint(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "store"))
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pool.parquet")
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	check := func(s *Store, want string) {
		t.Helper()
		if got, err := s.Fingerprint(path); err != nil || !strings.HasPrefix(got.SHA256, want) {
			t.Errorf("got %+v, %v, want %s…", got, err, want)
		}
	}
	const ofABC, ofABD = "ba7816bf", "a52d159f"
	write("abc", time.Hour)
	check(s, ofABC)
	if data, _ := os.ReadFile(s.printsPath()); bytes.Count(data, []byte("\n")) != 1 {
		t.Errorf("list: %s", data)
	}
	// A digest in the list is believed: this one is not the file's.
	poison(t, s, ofABC, "00000000")
	again := open(t, s.root)
	check(again, "00000000")
	// Another size or time is another file.
	write("abd", 30*time.Minute)
	check(again, ofABD)
	// A file of this very moment is not listed: a change might not show.
	write("abc", 0)
	check(again, ofABC)
	if data, _ := os.ReadFile(s.printsPath()); bytes.Count(data, []byte("\n")) != 3 { // one of them is the cut line
		t.Errorf("list: %s", data)
	}
}

func poison(t *testing.T, s *Store, old, new string) {
	t.Helper()
	data, err := os.ReadFile(s.printsPath())
	if err != nil {
		t.Fatal(err)
	}
	data = append(bytes.Replace(data, []byte(old), []byte(new), 1), []byte(`{"path":"cut sho`)...)
	data = append(data, '\n')
	if err := os.WriteFile(s.printsPath(), data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprintErrors(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	if _, err := s.Fingerprint(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file has a fingerprint")
	}
	if _, err := s.Fingerprint(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

func FuzzPrints(f *testing.F) {
	f.Add([]byte(`{"path":"/a","size":3,"sha256":"` + testKey + `"}` + "\n{"))
	f.Add([]byte("\n\n\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &prints{known: map[string]printLine{}}
		p.read(bytes.NewReader(data))
	})
}

func TestSweepRecords(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	w, err := s.Sweep("emoji-short", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	if w.Has("plan.json") {
		t.Error("a record before the first write")
	}
	type trial struct{ ID string }
	trials := []trial{{"a-s0"}, {"a-s1"}}
	if err := WriteLines(w, "trials.jsonl", trials); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLines[trial](w, "trials.jsonl"); err != nil || !reflect.DeepEqual(got, trials) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, err := range []error{w.WriteJSON("plan.json", trials), w.WriteJSON("trials/a-s0/result.json", trials[0]), w.Latest(), w.Latest()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got trial
	if err := w.ReadJSON("trials/a-s0/result.json", &got); err != nil || got != trials[0] {
		t.Errorf("got %v, %v", got, err)
	}
	if data, err := os.ReadFile(filepath.Join(s.root, "sweeps/emoji-short/latest/plan.json")); err != nil || len(data) == 0 {
		t.Errorf("latest: %q, %v", data, err)
	}
	sweeps, err := s.Sweeps()
	if err != nil || len(sweeps) != 1 || !reflect.DeepEqual(sweeps[0], w) {
		t.Errorf("sweeps %v, %v", sweeps, err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.Dir, tempPrefix+"*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestSweepNames(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	for _, name := range []string{"", "..", "a/b", ".hidden"} {
		if _, err := s.Sweep(name, "0a1b2c3d"); err == nil {
			t.Errorf("Sweep(%q) found nothing wrong", name)
		}
	}
}

// TestKilledWhileWritingARecord: the next process finds no half of it, and
// nothing that it would take for a record.
func TestKilledWhileWritingARecord(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	var exit *exec.ExitError
	if err := childEnv(t, "record", s.root).Run(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("not killed: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(s.root, "sweeps/emoji/0a1b2c3d/tables/*")); len(left) != 0 || err != nil {
		t.Errorf("among the records %v, %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(s.root, "sweeps/emoji/0a1b2c3d/tables/.*")); len(left) != 0 || err != nil {
		t.Errorf("among the records %v, %v", left, err)
	}
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	w, err := s.Sweep("emoji", "0a1b2c3d")
	if err == nil {
		err = w.Write("tables/main.md", []byte("| a table |"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(s.root, "cache/tmp/*/.new-*")); len(left) != 0 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
}
