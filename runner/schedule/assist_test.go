package schedule

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"react/runner/internal/storetest"
	"react/runner/store"
)

// TestHelpOfAnother runs one plan twice on one store. Who comes second helps
// with the task that has parts, once the first has begun them, and uses the
// output of the first.
func TestHelpOfAnother(t *testing.T) {
	s := storetest.Open(t)
	other, err := store.Open(s.Root())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	made, begun, helped := make(chan bool), make(chan bool), make(chan bool)
	maker, helper := &graph{}, &graph{}
	maker.add("embed", func(_ context.Context, a *Attempt) error {
		close(begun)
		<-helped
		if _, err := os.Stat(filepath.Join(a.Partial, "part")); err != nil {
			return err
		}
		close(made)
		return nil
	})
	helper.add("embed", func(context.Context, *Attempt) error { return errors.New("made twice") })
	helper.add("index", nil, "embed")
	var calls atomic.Int32
	helper.tasks[0].Assist = func(_ context.Context, a *Attempt) error {
		if calls.Add(1) == 1 {
			return ErrNotBegun
		}
		if a.Dir != "" {
			t.Errorf("a helper is given the directory %s", a.Dir)
		}
		a.Progress(1, 2, "rows")
		err := errors.Join(os.MkdirAll(a.Partial, 0o777), os.WriteFile(filepath.Join(a.Partial, "part"), nil, 0o666))
		close(helped)
		<-made
		return err
	}
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := Run(t.Context(), maker.tasks, Options{Store: s}); err != nil {
			t.Error(err)
		}
	})
	<-begun
	told := &recorder{}
	report, err := Run(t.Context(), helper.tasks, Options{Store: other, Reporter: told})
	both.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if got := names(report.Made); !slices.Equal(got, []string{"index"}) || calls.Load() != 2 {
		t.Errorf("the helper made %v and was asked to help %d times", got, calls.Load())
	}
	if !slices.Contains(told.lines, "progress embed 1/2 rows") {
		t.Errorf("told %v", told.lines)
	}
	noLocks(t, s)
}

// TestHelpThatFails is a warning, and nothing more.
func TestHelpThatFails(t *testing.T) {
	s := storetest.Open(t)
	other, err := store.Open(s.Root())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	begun, end := make(chan bool), make(chan bool)
	maker, helper := &graph{}, &graph{}
	maker.add("embed", func(context.Context, *Attempt) error { close(begun); <-end; return nil })
	helper.add("embed", nil)
	var calls atomic.Int32
	helper.tasks[0].Assist = func(context.Context, *Attempt) error {
		if calls.Add(1) == 1 {
			defer close(end)
		}
		return errors.New("no such device")
	}
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := Run(t.Context(), maker.tasks, Options{Store: s}); err != nil {
			t.Error(err)
		}
	})
	<-begun
	told := &recorder{}
	report, err := Run(t.Context(), helper.tasks, Options{Store: other, Reporter: told})
	both.Wait()
	if err != nil || len(report.Made) != 0 || len(report.Cached) != 1 || calls.Load() != 1 {
		t.Errorf("made %v, adopted %v, helped %d times, %v", names(report.Made), names(report.Cached), calls.Load(), err)
	}
	if len(told.warnings) != 1 || !strings.Contains(told.warnings[0], "cannot help: no such device") {
		t.Errorf("warned %q", told.warnings)
	}
}
