package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/runner/internal/faulty"
)

// TestAbortingPlugin: XLA's plugin aborts in the first training and once more after a stage is
// done. The sweep goes on, and its tables are those of one that was left alone.
func TestAbortingPlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("two sweeps on XLA")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of a user who has compiled nothing
	plugin := faulty.Compile(t, "..")
	want := sweepTiny(t, tinyDir(t), "--engine", "xla:"+plugin.Path)
	dir := tinyDir(t)
	fail := func() {
		if err := os.WriteFile(plugin.Abort, nil, 0o666); err != nil {
			t.Error(err)
		}
	}
	fail()
	cmd, _ := command(dir, "sweep", "tiny.cue", "--engine", "xla:"+plugin.Path)
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	retries, again := 0, true
	var said strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		line := lines.Text()
		said.WriteString(line + "\n")
		if strings.Contains(line, "retry 1 of 3") && strings.Contains(line, "ended by itself") {
			retries++
		}
		if again && strings.Contains(line, "pretrain ") && strings.Contains(line, " done in ") {
			again = false
			fail()
		}
	}
	if err := cmd.Wait(); err != nil || retries != 2 {
		t.Fatalf("%v after %d retries\n%s", err, retries, said.String())
	}
	if got := sweepTiny(t, dir, "--engine", "xla:"+plugin.Path); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	kept, err := os.ReadDir(filepath.Join(dir, ".runner", "cache", "programs"))
	if err != nil || len(kept) == 0 {
		t.Errorf("programs that are kept: %v, %v", kept, err)
	}
}
