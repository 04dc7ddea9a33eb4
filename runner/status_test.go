package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/runner/status"
	"react/runner/store"
)

// statusOf asks in another process, as people do.
func statusOf(t *testing.T, dir string) *status.Status {
	t.Helper()
	cmd, stdout := command(dir, "status", "tiny", "--json")
	if cmd.Run() != nil {
		return nil // no plan yet
	}
	var st status.Status
	if err := json.Unmarshal(stdout.Bytes(), &st); err != nil {
		t.Fatal(err)
	}
	return &st
}

// killedRun is what show says of a run that was killed.
var killedRun = regexp.MustCompile(`(?m)^run 20.*: killed$`)

// TestStatusOfAnotherProcess watches a sweep that runs, kills it, and asks again
// after another has gone on to the end.
func TestStatusOfAnotherProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep")
	}
	dir := tinyDir(t)
	cmd, _ := command(dir, "sweep", "tiny.cue", "--engine", "go")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	st := statusOf(t, dir)
	for deadline := time.Now().Add(5 * time.Minute); st == nil || len(st.Running) == 0; st = statusOf(t, dir) {
		select {
		case err := <-gone:
			t.Fatalf("it ended before it was seen to run: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			t.Fatalf("no stage is seen to run: %+v", st)
		}
	}
	if st.State != "running" || len(st.Processes) != 1 || st.Processes[0].PID != cmd.Process.Pid || st.Processes[0].Life != store.Alive || st.Running[0].Trials == 0 {
		t.Errorf("while it runs: %+v", st)
	}
	cmd.Process.Signal(syscall.SIGKILL)
	<-gone
	if st = statusOf(t, dir); st.State != "gone" || len(st.Running) != 0 || strings.Join(st.Resume, " ") != "runner sweep tiny.cue --engine go" {
		t.Errorf("after the kill: %+v", st)
	}
	if shown, stdout := command(dir, "list"); shown.Run() != nil || !strings.Contains(stdout.String(), "  killed  ") {
		t.Errorf("the list after the kill: %s", stdout)
	}
	if shown, stdout := command(dir, "show", "base"); shown.Run() != nil || !killedRun.MatchString(stdout.String()) {
		t.Errorf("a trial after the kill: %s", stdout)
	}
	resumed := exec.Command(os.Args[0], st.Resume[1:]...)
	resumed.Args[0], resumed.Dir, resumed.Env = "runner", dir, append(os.Environ(), "RUNNER_STORE=.runner")
	if out, err := resumed.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if st = statusOf(t, dir); st.State != "done" || st.Trials.Done != st.Trials.Total || st.Stages.Done != st.Stages.Total || st.Live() {
		t.Errorf("at the end: %+v", st)
	}
}
