package schedule

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"react/runner/internal/storetest"
	"react/runner/store"
)

// TestMain also serves as the processes that TestKilledThenResumed kills and
// that share a store.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SCHEDULE_STORE"); dir != "" {
		child := killedRun
		if os.Getenv("SCHEDULE_KILL") == "" {
			child = sharedRun
		}
		if err := child(dir, os.Getenv("SCHEDULE_KILL")+os.Getenv("SCHEDULE_SHARE")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// killedRun runs the diamond and dies by SIGKILL in the middle of one stage.
func killedRun(dir, at string) error {
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	whole := diamond()
	for _, t := range whole.tasks {
		if t.Key != key(at) {
			continue
		}
		t.Run = func(ctx context.Context, a *Attempt) error {
			if err := os.WriteFile(filepath.Join(a.Dir, "out.txt"), []byte("half"), 0o666); err != nil {
				return err
			}
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	// One at a time: beside a stage that dies another could be published, and could then not be the
	// next to die.
	_, err = Run(context.Background(), whole.tasks, Options{Store: s, Jobs: 1})
	return err
}

// TestKilledThenResumed kills one process after another on one store, each in
// another stage; the run that is left alone ends with the same output.
func TestKilledThenResumed(t *testing.T) {
	s := storetest.Open(t)
	for _, at := range []string{"pool", "embed1", "embed2", "tune1", "tune2", "evaluate"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SCHEDULE_STORE="+s.Root(), "SCHEDULE_KILL="+at)
		cmd.Stderr = os.Stderr
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%s: not killed: %v", at, err)
		}
		if _, ok, err := s.Lookup(key(at)); ok || err != nil {
			t.Fatalf("%s: half an output counts as done: %v", at, err)
		}
	}
	g := diamond()
	report, err := Run(t.Context(), g.tasks, Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, report, "evaluate"), "evaluate(tune1(embed1(pool)))(tune2(embed2(pool)))"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := len(report.Cached); n < 4 {
		t.Errorf("only %v was kept", names(report.Cached))
	}
	if left, _ := filepath.Glob(filepath.Join(s.Root(), "cache/tmp/*/*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
