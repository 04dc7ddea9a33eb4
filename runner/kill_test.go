package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"react/runner/internal/storetest"
)

// tinySpec is the smallest experiment that has every stage.
const tinySpec = `
apiVersion: "runner/v2"
name:       "tiny"
pool: w: world: {rows: 150, testPerClass: 1, size: 32}
backbone: {arch: "tiny", pretrain: {pool: "w", steps: 3, batch: 8, vocab: 514, warmup: 1}}
task: {classes: "pool:w/task", prompts: ["a {}"]}
retrieve: {pool: "w", k: 1}
tune: {mode: "locked-text", gamma: "off", steps: 2, warmup: 1, batch: 8}
evaluate: task: {kind: "zeroshot", dataset: "pool:w/task"}
sweep: {cases: [{label: "base", tune: mode: "none"}, {label: "tuned"}], seeds: 2}
tables: main: {rows: "label", metrics: ["task/acc@1"]}
`

// command is this test binary as the runner, in dir, with a store there.
func command(dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	var stdout bytes.Buffer
	cmd := exec.Command(os.Args[0], args...)
	cmd.Args[0] = "runner"
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RUNNER_STORE=.runner")
	cmd.Stdout = &stdout
	return cmd, &stdout
}

// sweepTiny runs the experiment to its end and returns what it prints and the
// rows it keeps.
func sweepTiny(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	cmd, stdout := command(dir, append([]string{"sweep", "tiny.cue", "--engine", "go"}, flags...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	rows, err := os.ReadFile(filepath.Join(dir, ".runner/sweeps/tiny/latest/tables/rows.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return stdout.String() + string(rows)
}

func tinyDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	storetest.Clean(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "tiny.cue"), []byte(tinySpec), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestInterruptedSweep sends SIGINT to the sweep in each stage: it ends with
// 130, leaves nothing half-written, and the next goes on.
func TestInterruptedSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("two sweeps")
	}
	want := sweepTiny(t, tinyDir(t))
	dir := tinyDir(t)
	for i := 0; ; i++ {
		if i > 20 {
			t.Fatal("20 interrupted sweeps did not get further")
		}
		if done := interruptAfterStage(t, dir); done {
			break
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".runner/cache/tmp/*")); len(left) != 0 {
			t.Errorf("left %v", left)
		}
	}
	if got := sweepTiny(t, dir); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// interruptAfterStage runs the sweep until its first stage is done, interrupts
// what comes after, and says whether it ended all the same.
func interruptAfterStage(t *testing.T, dir string) (ended bool) {
	t.Helper()
	cmd, _ := command(dir, "sweep", "tiny.cue", "--engine", "go")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	first := regexp.MustCompile(`(?m)^\[1/\d+\] .* done in`)
	sent := false // a second signal kills
	for buf := make([]byte, 4096); ; {
		n, err := stderr.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			if err != io.EOF {
				t.Error(err)
			}
			break
		}
		if !sent && first.MatchString(seen.String()) {
			sent = true
			cmd.Process.Signal(os.Interrupt)
		}
	}
	err = cmd.Wait()
	if err == nil {
		return true
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Fatal(fmt.Errorf("%w\n%s", err, seen.String()))
	}
	if !strings.HasSuffix(seen.String(), "runner: interrupted; finished stages are kept: run the same command to resume\n") {
		t.Errorf("printed %s", seen.String())
	}
	return false
}
