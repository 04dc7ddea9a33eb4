package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/runner/slurm/slurmtest"
)

// sweepOnSlurm runs the sweep of a folder on the cluster to its end and returns
// its tables and what it told.
func sweepOnSlurm(t *testing.T, dir string, flags ...string) (tables, told string) {
	t.Helper()
	cmd, stdout := command(dir, append([]string{"sweep", "tiny.cue", "--engine", "go", "--launcher", "slurm"}, flags...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	return stdout.String() + readRows(t, dir), stderr.String()
}

func readRows(t *testing.T, dir string) string {
	t.Helper()
	rows, err := os.ReadFile(filepath.Join(dir, ".runner/sweeps/tiny/latest/tables/rows.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return string(rows)
}

// TestSlurmSweep: the same tables as a local sweep, in arrays of at most two,
// and nothing to do the second time.
func TestSlurmSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("two sweeps")
	}
	c := slurmtest.Start(t, 2)
	want := sweepTiny(t, tinyDir(t))
	dir := tinyDir(t)
	got, told := sweepOnSlurm(t, dir, "--mem", "800M", "--throttle", "1")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s\n%s", got, want, told)
	}
	jobs := c.Jobs("all")
	done := slices.DeleteFunc(slices.Clone(jobs), func(job string) bool { return !strings.Contains(job, " COMPLETED ") })
	if len(jobs) == 0 || len(done) != len(jobs) {
		t.Errorf("not all is completed: %q", jobs)
	}
	if again, told := sweepOnSlurm(t, dir); again != want || strings.Contains(told, "job ") {
		t.Errorf("again\n%s\n%s", again, told)
	}
	if now := c.Jobs("all"); len(now) != len(jobs) {
		t.Errorf("the second sweep submitted: %q", now)
	}
}
