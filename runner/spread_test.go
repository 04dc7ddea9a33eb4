package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"react/ops/engine"
)

// TestSweepOnDevices: a sweep on four devices that is killed in a training and goes on gives the
// tables of one that is not; made again on two, its results are those on record but for rounding,
// and verify and reproduce say so.
func TestSweepOnDevices(t *testing.T) {
	if testing.Short() {
		t.Skip("sweeps on XLA, which compiles for seconds")
	}
	useXLA(t)
	dir, killed := tinyDir(t), tinyDir(t)
	want := sweepTiny(t, dir, "--engine", "xla:cpu", "--devices", "4")
	killInTuning(t, killed)
	if got := sweepTiny(t, killed, "--engine", "xla:cpu", "--devices", "4"); got != want {
		t.Errorf("killed and gone on:\n%s\nwant\n%s", got, want)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"reproduce", "tuned", "--verify", "--engine", "xla:cpu", "--devices", "4"},
			"every output has the bytes on record, every metric its value\n"},
		{[]string{"reproduce", "tuned", "--verify", "--engine", "xla:cpu", "--devices", "2"},
			"computed by xla:cpu on 4 devices then and by xla:cpu on 2 devices now, which rounds otherwise: no metric is further "},
		{[]string{"verify", "--rerun", "1", "--op", "tune", "--engine", "xla:cpu", "--devices", "2"},
			"computed by xla:cpu on 4 devices then and by xla:cpu on 2 devices now, which rounds otherwise and explains it: "},
	} {
		cmd, stdout := command(dir, c.args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil || !strings.Contains(stdout.String(), c.want) {
			t.Errorf("%s: %v\n%s%s", strings.Join(c.args, " "), err, stdout, &stderr)
		}
	}
}

// useXLA skips a test where XLA's plugin for CPUs is not there, and has programs compiled quickly.
func useXLA(t *testing.T) {
	t.Helper()
	if os.Getenv("PJRT_PLUGIN_LIBRARY_PATH") == "" {
		folder, err := filepath.Abs("../cache/xla-cpu")
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", folder)
	}
	if len(engine.FindPlugins("cpu")) == 0 {
		t.Skip("no PJRT plugin for CPUs is found (make xla-cpu fetches it)")
	}
	if os.Getenv("XLA_FLAGS") == "" {
		t.Setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
	}
}

// killInTuning kills a sweep when its pairs are there: XLA compiles the step of the tuning then.
func killInTuning(t *testing.T, dir string) {
	t.Helper()
	cmd, _ := command(dir, "sweep", "tiny.cue", "--engine", "xla:cpu", "--devices", "4")
	log, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	paired := regexp.MustCompile(`(?m)^\[\d+/\d+\] pairs.* done in`)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		seen, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if paired.Match(seen) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no pairs after two minutes:\n%s", seen)
		}
	}
	cmd.Process.Kill()
	if err := cmd.Wait(); err == nil {
		t.Error("the sweep ended before it was killed")
	}
}
