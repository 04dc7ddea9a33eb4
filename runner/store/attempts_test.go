package store

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAttempts(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	begin := func() *Attempt {
		a, err := s.BeginAttempt(testKey, "tune")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	end := func(a *Attempt, cause, text string) {
		if err := a.End(cause, text); err != nil {
			t.Fatal(err)
		}
	}
	end(begin(), "", "")
	if all, err := s.Attempts(testKey, "tune"); len(all) != 0 || err != nil {
		t.Errorf("made by the first: %v, %v", all, err)
	}
	end(begin(), "i/o", "read x.tar: input/output error")
	begin() // killed, and its line cut short
	if err := os.Truncate(s.AttemptsPath(testKey, "tune"), fileSize(t, s.AttemptsPath(testKey, "tune"))-5); err != nil {
		t.Fatal(err)
	}
	begin()
	end(begin(), "", "")
	all, err := s.Attempts(testKey, "tune")
	if err != nil || len(all) != 3 {
		t.Fatalf("got %+v, %v", all, err)
	}
	if a := all[0]; a.N != 1 || a.Cause != "i/o" || a.Error != "read x.tar: input/output error" || a.PID != os.Getpid() || a.Ended.Before(a.Begun) {
		t.Errorf("first %+v", a)
	}
	if a := all[1]; a.N != 2 || !a.Ended.IsZero() {
		t.Errorf("second %+v", a)
	}
	if a := all[2]; a.N != 3 || a.Ended.IsZero() || a.Cause != "" {
		t.Errorf("third %+v", a)
	}
	logs := s.Logs()
	if len(logs) != 0 {
		t.Errorf("attempts are listed as logs: %+v", logs)
	}
	if err := (Log{Path: s.LogPath(testKey, "tune")}).Remove(); err == nil {
		t.Error("a log that is not there was removed")
	}
	if _, err := os.Stat(s.AttemptsPath(testKey, "tune")); err == nil {
		t.Error("the attempts outlive their log")
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
