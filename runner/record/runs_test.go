package record

import (
	"slices"
	"testing"
	"time"

	"react/runner/store"
)

// TestKilledRun: a run that wrote no end was killed, unless its process, or one that waits for a
// cluster's jobs, is still there.
func TestKilledRun(t *testing.T) {
	s, err := store.Open(t.TempDir() + "/store")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := s.Sweep("modes", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	ended, cut := NewRun(), NewRun()
	ended.ID, ended.Outcome, ended.Finished = "1", "interrupted", time.Now()
	cut.ID = "2"
	for _, r := range []Run{ended, cut} {
		if err := r.Begin(folder); err != nil {
			t.Fatal(err)
		}
	}
	is := func(when, want string) {
		t.Helper()
		runs, err := Runs(folder)
		if err != nil || len(runs) != 2 || runs[0].Outcome != "interrupted" || runs[1].Outcome != want {
			t.Errorf("%s: got %+v, %v, want %s", when, runs, err, want)
		}
	}
	is("nobody holds the sweep", "killed")
	release, err := folder.Hold(func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	is("it waits for a cluster", "running")
	presence, err := folder.Join()
	if err != nil {
		t.Fatal(err)
	}
	process := Process{Process: presence.Process, Beat: time.Now()}
	if err := presence.Write(process); err != nil {
		t.Fatal(err)
	}
	is("its process is there", "running")
	presence.Leave()
	is("another process holds the sweep", "killed")
	release()
}

// TestNamed: a label, an id and its beginning find trials; those that differ in their seed go by one
// name, others do not.
func TestNamed(t *testing.T) {
	p := &Plan{Trials: []Trial{{ID: "12aa-s0", Label: "first"}, {ID: "12aa-s1", Label: "first"}, {ID: "12bb-s0"},
		{ID: "first2"}, {ID: "34cc-s0"}, {ID: "34cc-s1"}}}
	for name, want := range map[string][]string{"": nil, "first": {"12aa-s0", "12aa-s1"}, "12aa-s1": {"12aa-s1"},
		"12a": {"12aa-s0", "12aa-s1"}, "3": {"34cc-s0", "34cc-s1"}, "12bb": {"12bb-s0"}, "56": nil, "1": {"error"}} {
		found, err := p.Named(name)
		var ids []string
		for _, trial := range found {
			ids = append(ids, trial.ID)
		}
		if err != nil {
			ids = []string{"error"}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%q: got %q, %v, want %q", name, ids, err, want)
		}
	}
}

// TestResumedOf: what an attempt goes on from is said, of facts as they are given and as they are read.
func TestResumedOf(t *testing.T) {
	for want, facts := range map[string]map[string]any{
		"resumed from step 1200000":   {"resumedAtStep": float64(1200000)},
		"resumed from step 73":        {"resumedAtStep": 73},
		"resumed with 3 blocks done":  {"resumedBlocks": 3},
		"resumed with 12 shards done": {"resumedShards": float64(12)},
		"":                            {"shards": 12},
	} {
		if got := ResumedOf(facts); got != want {
			t.Errorf("%v: got %q, want %q", facts, got, want)
		}
	}
}
