package schedule

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"react/runner/internal/storetest"
	"react/runner/store"
)

// spoil changes one bit of a task's output; its size and modification time stay.
func spoil(t *testing.T, s *store.Store, name string) {
	t.Helper()
	e, ok, err := s.Lookup(key(name))
	if err != nil || !ok {
		t.Fatal(name, ok, err)
	}
	path := filepath.Join(e.Dir, "out.txt")
	if err := spoilFile(path); err != nil {
		t.Fatal(err)
	}
}

func spoilFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[0] ^= 1
	return errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, data, 0o644),
		os.Chtimes(path, info.ModTime(), info.ModTime()), os.Chmod(path, info.Mode()))
}

// reopen is the store as another process finds it.
func reopen(t *testing.T, s *store.Store) *store.Store {
	t.Helper()
	again, err := store.Open(s.Root())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

// TestDamageDoesNotSpread: a bit of an input that flipped is found before what
// reads it runs, and the input is made again; so is a result that nothing reads. An
// input that nothing to run reads is left alone.
func TestDamageDoesNotSpread(t *testing.T) {
	const want = "evaluate(tune1(embed1(pool)))(tune2(embed2(pool)))"
	for name, c := range map[string]struct {
		spoilt string
		remove []string
		made   []string
	}{
		"an input":                    {"embed1", []string{"tune1"}, []string{"embed1", "tune1"}},
		"an input of an input":        {"pool", []string{"tune1"}, []string{"tune1"}},
		"an input that is read twice": {"pool", []string{"embed1", "embed2"}, []string{"pool", "embed1", "embed2"}},
		"a result":                    {"evaluate", nil, []string{"evaluate"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, g := storetest.Open(t), diamond()
			for _, task := range g.tasks {
				task.Wanted = task.Op == "evaluate" || strings.Contains(strings.Join(c.remove, " "), strings.TrimPrefix(task.Lines[0], "name "))
			}
			if _, err := Run(t.Context(), g.tasks, Options{Store: s}); err != nil {
				t.Fatal(err)
			}
			spoil(t, s, c.spoilt)
			for _, gone := range c.remove {
				if err := s.Remove(key(gone)); err != nil {
					t.Fatal(err)
				}
			}
			rep := &recorder{}
			report, err := Run(t.Context(), g.tasks, Options{Store: reopen(t, s), Reporter: rep})
			if err != nil {
				t.Fatal(err)
			}
			if got := names(report.Made); !reflect.DeepEqual(got, c.made) {
				t.Errorf("made %v, want %v; %v", got, c.made, rep.lines)
			}
			if got := read(t, report, "evaluate"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestInputsAreOnRecord: a manifest has the digests of what was read, files that
// differ each time left out.
func TestInputsAreOnRecord(t *testing.T) {
	s, g := storetest.Open(t), diamond()
	report, err := Run(t.Context(), g.tasks, Options{Store: s, Volatile: []string{"times.txt"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, name := range []string{"tune1", "tune2"} {
		m := report.Entries[key(name)].Manifest
		want[key(name)] = m.Digest("times.txt")
	}
	if got := report.Entries[key("evaluate")].Manifest.Inputs; !reflect.DeepEqual(got, want) {
		t.Errorf("inputs %v, want %v", got, want)
	}
	if got := report.Entries[key("pool")].Manifest.Inputs; len(got) != 0 {
		t.Errorf("inputs of a stage without: %v", got)
	}
}

// TestInputThatChangesMeanwhile: what is published was made from what the manifests
// say, from the first byte that was read to the last.
func TestInputThatChangesMeanwhile(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	g.add("pool", nil)
	g.add("embed", func(_ context.Context, a *Attempt) error {
		return spoilFile(filepath.Join(a.In[key("pool")], "out.txt"))
	}, "pool")
	g.add("other", nil)
	report, err := Run(t.Context(), g.tasks, Options{Store: s})
	var failed *Failed
	if !errors.As(err, &failed) || len(failed.Failures) != 1 ||
		!strings.Contains(err.Error(), "input pool ") || !strings.Contains(err.Error(), "out.txt: sha256 is ") {
		t.Fatalf("error %v", err)
	}
	if _, ok, err := s.Lookup(key("embed")); ok || err != nil {
		t.Errorf("published: %v, %v", ok, err)
	}
	if got := names(report.Made); !reflect.DeepEqual(got, []string{"pool", "other"}) {
		t.Errorf("made %v: the others go on", got)
	}
	if _, err := Run(t.Context(), g.tasks[:1], Options{Store: reopen(t, s)}); err != nil {
		t.Fatal(err)
	}
}

// TestAsideTakesOthersAlong: who runs the stages says what else goes with a damaged
// entry; it is made again in the same run.
func TestAsideTakesOthersAlong(t *testing.T) {
	s, g := storetest.Open(t), diamond()
	if _, err := Run(t.Context(), g.tasks, Options{Store: s}); err != nil {
		t.Fatal(err)
	}
	spoil(t, s, "tune1")
	again := reopen(t, s)
	rep := &recorder{}
	report, err := Run(t.Context(), g.tasks, Options{Store: again, Reporter: rep, Aside: func(damaged string) (string, int, error) {
		_, err := again.SetAside(key("evaluate"))
		to, err2 := again.SetAside(damaged)
		return to, 1, errors.Join(err, err2)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(report.Made); !reflect.DeepEqual(got, []string{"tune1", "evaluate"}) {
		t.Errorf("made %v", got)
	}
	if text := strings.Join(rep.warnings, "\n"); !strings.Contains(text, "made again, with 1 output that may have been made from it") {
		t.Errorf("said %s", text)
	}
}

// TestStoppedWhileChecking: a signal ends the comparing of inputs too.
func TestStoppedWhileChecking(t *testing.T) {
	s, g := storetest.Open(t), diamond()
	if _, err := Run(t.Context(), g.tasks[:1], Options{Store: s}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, g.tasks, Options{Store: reopen(t, s)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// panics is a reporter with a fault: not the stage's own, but it is the stage that
// fails, and the others go on.
type panics struct{ silent }

func (panics) End(t *Task, o Outcome) {
	if t.Op == "tune" && !o.Cached {
		panic("no such line")
	}
}

// TestPanicAroundAStage: a panic outside the stage's function is its failure.
func TestPanicAroundAStage(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	g.add("pool", nil)
	g.add("tune", nil, "pool")
	g.add("embed", nil, "pool")
	report, err := Run(t.Context(), g.tasks, Options{Store: s, Reporter: panics{}})
	var failed *Failed
	if !errors.As(err, &failed) || len(failed.Failures) != 1 || causeOf(failed.Failures[0].Err) != CausePanic {
		t.Fatalf("error %v", err)
	}
	if got := names(report.Made); !reflect.DeepEqual(got, []string{"pool", "embed"}) {
		t.Errorf("made %v", got)
	}
	if log, err := os.ReadFile(failed.Failures[0].Log); err != nil || !strings.Contains(string(log), "goroutine ") {
		t.Errorf("no stack in the log: %v", err)
	}
}
