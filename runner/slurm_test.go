package main

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/runner/internal/slurmtest"
)

func readRows(t *testing.T, dir string) string {
	t.Helper()
	rows, err := os.ReadFile(filepath.Join(dir, ".runner/sweeps/tiny/latest/tables/rows.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return string(rows)
}

// TestSlurmTorture runs the sweep of every op (or TORTURE_EXPERIMENT) on the cluster, in arrays of
// at most four: its tables are those of a local sweep, byte for byte, and the second time there is
// nothing to do.
func TestSlurmTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("two sweeps")
	}
	c := slurmtest.Start(t, 4)
	name := cmp.Or(os.Getenv("TORTURE_EXPERIMENT"), "torture")
	spec, err := filepath.Abs("../experiments/" + name + ".cue")
	if err != nil {
		t.Fatal(err)
	}
	local := &victim{t: t, name: name, spec: spec}
	local.restart()
	local.sweep()
	v := &victim{t: t, name: name, spec: spec, want: local.tables()}
	v.restart()
	told := sweepOnSlurm(t, v, "--mem", "1500M", "--throttle", "3")
	v.compare()
	jobs := c.Jobs("all")
	done := slices.DeleteFunc(slices.Clone(jobs), func(job string) bool { return !strings.Contains(job, " COMPLETED ") })
	if len(jobs) == 0 || len(done) != len(jobs) {
		t.Errorf("not all is completed: %q\n%s", jobs, told)
	}
	t.Logf("%d elements", len(jobs))
	if told := sweepOnSlurm(t, v); !strings.Contains(told, " cached, 0 to run") || len(c.Jobs("all")) != len(jobs) {
		t.Errorf("the second sweep submitted: %s", told)
	}
	v.compare()
}

// sweepOnSlurm runs a sweep on the cluster to its end and returns what it told.
func sweepOnSlurm(t *testing.T, v *victim, flags ...string) (told string) {
	t.Helper()
	cmd, _ := command(v.dir, append([]string{"sweep", v.spec, "--launcher", "slurm"}, flags...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	return stderr.String()
}
