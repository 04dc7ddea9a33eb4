package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/runner/cli"
	"react/runner/store"
)

// stubborn is a program whose work does not heed its context.
func stubborn() {
	ctx, stop := cli.Stoppable(os.Stderr)
	defer stop()
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("told")
	if errors.Is(context.Cause(ctx), cli.ErrPreempted) {
		os.Exit(printError(cli.WhyStopped(ctx, fmt.Errorf("interrupted: %w", ctx.Err())), os.Stderr))
	}
	select {}
}

// TestSecondSignalKills: the first signal asks, the second does not.
func TestSecondSignalKills(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd, out := startStubborn(t)
		cmd.Process.Signal(s)
		if line, err := out.ReadString('\n'); line != "told\n" {
			t.Fatalf("%v: %q, %v", s, line, err)
		}
		cmd.Process.Signal(s)
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != s {
			t.Errorf("%v twice: %v", s, err)
		}
	}
}

// TestHangUp: a terminal that goes away stops what runs as SIGTERM does; that the
// shell says so once more does not kill it, and another signal does.
func TestHangUp(t *testing.T) {
	hearHangUps(t)
	cmd, out := startStubborn(t)
	cmd.Process.Signal(syscall.SIGHUP)
	if line, err := out.ReadString('\n'); line != "told\n" {
		t.Fatalf("%q, %v", line, err)
	}
	cmd.Process.Signal(syscall.SIGHUP)
	time.Sleep(100 * time.Millisecond) // nothing to wait for: it must live on
	cmd.Process.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("after two of SIGHUP and one of SIGTERM: %v", err)
	}
}

// TestNoHangUp: a program that was told to outlive its terminal does.
func TestNoHangUp(t *testing.T) {
	signal.Ignore(syscall.SIGHUP) // children inherit it
	defer func() {                // Reset alone leaves it ignored
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGHUP)
		signal.Stop(c)
	}()
	cmd, out := startStubborn(t)
	cmd.Process.Signal(syscall.SIGHUP)
	time.Sleep(100 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGUSR2)
	rest, err := io.ReadAll(out)
	var exit *exec.ExitError
	if errors.As(cmd.Wait(), &exit); string(rest) != "told\n" || err != nil || exit.ExitCode() != 75 {
		t.Errorf("%q, %v, %v: not stopped by the second signal", rest, err, exit)
	}
}

func TestPreempted(t *testing.T) {
	cmd, out := startStubborn(t)
	cmd.Process.Signal(syscall.SIGUSR2)
	rest, err := io.ReadAll(out)
	var exit *exec.ExitError
	if errors.As(cmd.Wait(), &exit); string(rest) != "told\n" || err != nil || exit.ExitCode() != 75 {
		t.Errorf("%q, %v, %v", rest, err, exit)
	}
}

// hearHangUps: where the tests themselves were told to outlive their terminal, as by
// nohup, children would inherit that and never hear SIGHUP.
func hearHangUps(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(c) })
}

func startStubborn(t *testing.T) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Args[0] = "stubborn"
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	if line, err := out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return cmd, out
}

// TestStoppedTraining stops the sweep in the middle of its first training, once
// as preempted, once as terminated: the training goes on where it was, and the
// tables are those of a sweep that was left alone.
func TestStoppedTraining(t *testing.T) {
	if testing.Short() {
		t.Skip("four sweeps")
	}
	const steps = "backbone.pretrain.steps=40"
	want := sweepTiny(t, tinyDir(t), "--set", steps)
	dir := tinyDir(t)
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGUSR2, 75}, {syscall.SIGTERM, 130}} {
		cmd, _ := command(dir, "sweep", "tiny.cue", "--engine", "go", "--set", steps, "--save-every", "1ms")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if !newState(dir) {
			t.Fatalf("no training saves its state\n%s", &stderr)
		}
		cmd.Process.Signal(c.signal)
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != c.code {
			t.Fatalf("%v: %v\n%s", c.signal, err, &stderr)
		}
		if !strings.HasSuffix(stderr.String(), "finished stages are kept: run the same command to resume\n") {
			t.Errorf("%v: printed %s", c.signal, &stderr)
		}
	}
	cmd, _ := command(dir, "sweep", "tiny.cue", "--engine", "go", "--set", steps)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if got := sweepTiny(t, dir, "--set", steps); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !regexp.MustCompile(`(?m)^\[.*\] pretrain done in [0-9.]+s, resumed from step [0-9]+,`).MatchString(stderr.String()) {
		t.Errorf("it does not say from which step it resumed: %s", &stderr)
	}
	logs, stdout := command(dir, "logs", "base", "pretrain")
	if err := logs.Run(); err != nil || !strings.Contains(stdout.String(), " interrupted\n") ||
		!resumedLog.MatchString(stdout.String()) || strings.Contains(stdout.String(), "error") {
		t.Errorf("%v: got\n%s", err, stdout)
	}
	resumed := 0
	for _, m := range manifests(t, dir) {
		if _, ok := m.Facts["resumedAtStep"]; ok && m.Op == "pretrain" {
			resumed++
		}
	}
	if resumed != 1 {
		t.Errorf("%d pretrainings went on where they were", resumed)
	}
}

// resumedLog is what the log of a training says where it goes on: at once, and with its steps.
var resumedLog = regexp.MustCompile(`(?m)^resumed from step ([0-9]+) of 40, which an earlier attempt saved
20\S+ ([0-9]+)/40 resumed from step ([0-9]+)$`)

// newState waits until a training has saved a state that was not there before.
func newState(dir string) bool {
	list := func() string {
		files, _ := filepath.Glob(filepath.Join(dir, ".runner/cache/partial/*/state.json"))
		text := ""
		for _, f := range files {
			data, _ := os.ReadFile(f)
			text += string(data)
		}
		return text
	}
	before := list()
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
		if now := list(); now != "" && now != before {
			return true
		}
	}
	return false
}

// manifests are those of all entries in the store of dir.
func manifests(t *testing.T, dir string) []store.Manifest {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, ".runner/cache/??/*/manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]store.Manifest, len(paths))
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(data, &all[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestSignalEndsEvaluation: a file that CUE would evaluate for hours ends with the first signal, in
// every command that reads one. The file is a pipe, so that the signal comes when it has been read.
func TestSignalEndsEvaluation(t *testing.T) {
	dir := tinyDir(t)
	tiny, err := os.ReadFile(filepath.Join(dir, "tiny.cue"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(dir, ".runner"))
	if err == nil {
		err = s.Prepare() // status and others want one
	}
	if err != nil {
		t.Fatal(err)
	}
	const endless = "\n_d: [0,1,2,3,4,5,6,7,8,9]\nquestion: \"\\([for a in _d for b in _d for c in _d for d in _d for e in _d for f in _d for g in _d for h in _d {0}][0])\"\n"
	signal := syscall.SIGINT
	for _, args := range []string{"vet", "plan", "sweep", "table", "status", "report", "pool show", "fmt"} {
		pipe := filepath.Join(dir, strings.ReplaceAll(args, " ", "-")+".cue")
		if err := syscall.Mkfifo(pipe, 0o666); err != nil {
			t.Fatal(err)
		}
		cmd, _ := command(dir, append(strings.Fields(args), filepath.Base(pipe))...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			ended <- cmd.Wait()
			if r, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil { // for a writer that waits still
				time.Sleep(time.Second)
				r.Close()
			}
		}()
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for the reader
		if err != nil {
			t.Fatal(err)
		}
		if args != "fmt" { // which evaluates nothing, and goes on waiting
			if _, err := fmt.Fprintf(w, "%s%s", tiny, endless); err != nil {
				t.Fatalf("%s: %v\n%s", args, err, &stderr)
			}
			w.Close()
		}
		start := time.Now()
		cmd.Process.Signal(signal)
		<-ended
		w.Close()
		if code := cmd.ProcessState.ExitCode(); code != 130 || time.Since(start) > 20*time.Second {
			t.Errorf("%s, %v: exit code %d after %v\n%s", args, signal, code, time.Since(start), &stderr)
		}
		signal = syscall.SIGINT + syscall.SIGTERM - signal // one after the other
	}
}
