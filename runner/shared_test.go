package main

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// stageDone is the line that a sweep prints for a stage that it made.
var stageDone = regexp.MustCompile(`(?m)^\[\d+/\d+\] .* done in`)

// TestTwoSweeps runs two sweeps at once whose trials overlap, on one store:
// each stage is made once in all, and each prints the table that it prints
// alone.
func TestTwoSweeps(t *testing.T) {
	if testing.Short() {
		t.Skip("four sweeps")
	}
	start := func(dir, seeds string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
		cmd, stdout := command(dir, "sweep", "tiny.cue", "--engine", "go", "--set", "sweep.seeds="+seeds)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, stdout, &stderr
	}
	dir := tinyDir(t)
	two, tableOfTwo, logOfTwo := start(dir, "2")
	three, tableOfThree, logOfThree := start(dir, "3")
	if err := errors.Join(two.Wait(), three.Wait()); err != nil {
		t.Fatalf("%v\n%s\n%s", err, logOfTwo, logOfThree)
	}
	made := stageDone.FindAllString(logOfTwo.String()+logOfThree.String(), -1)
	if entries, err := filepath.Glob(filepath.Join(dir, ".runner/cache/??/*")); len(entries) != len(made) || err != nil {
		t.Errorf("%d entries, %d stages made, %v\n%s\n%s", len(entries), len(made), err, logOfTwo, logOfThree)
	}
	for seeds, got := range map[string]string{"2": tableOfTwo.String(), "3": tableOfThree.String()} {
		alone, want, _ := start(tinyDir(t), seeds)
		if err := alone.Wait(); err != nil {
			t.Fatal(err)
		}
		if got != want.String() {
			t.Errorf("%s seeds: got\n%s\nwant\n%s", seeds, got, want)
		}
	}
}
