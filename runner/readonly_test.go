package main

import (
	"strings"
	"testing"
)

// TestFinishedReadOnlyStore has a finished sweep's store mounted read-only: what only
// reads works, a sweep with nothing to do prints its tables, one with something
// to do says what it wants.
func TestFinishedReadOnlyStore(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep")
	}
	mounting := ownMounts(t)
	dir := tinyDir(t)
	printed, _, _ := strings.Cut(sweepTiny(t, dir), "written to ")
	on := func(args ...string) (stdout, stderr string, code int) {
		t.Helper()
		const mount = `mount --bind .runner .runner && mount -o remount,ro,bind .runner && exec "$0" "$@"`
		cmd, out, errs := mounting(dir, mount, args...)
		cmd.Run()
		return out.String(), errs.String(), cmd.ProcessState.ExitCode()
	}
	for _, args := range []string{"plan tiny.cue --check", "table tiny.cue", "sweep tiny.cue", "why base evaluate/task", "show base", "diff base tuned", "verify", "gc --dry-run"} {
		stdout, stderr, code := on(strings.Fields(args)...)
		if code != 0 || stdout == "" {
			t.Errorf("%s: exit code %d, printed %q, %s", args, code, stdout, stderr)
		}
		if name, _, _ := strings.Cut(args, " "); name == "table" || name == "sweep" {
			// the files of its tables are there, as they are
			if !strings.HasPrefix(stdout, printed) {
				t.Errorf("%s printed\n%s\nwant\n%s", args, stdout, printed)
			}
		}
	}
	stdout, stderr, code := on("table", "tiny.cue", "--set", "sweep.seeds=1")
	if code != 0 || !strings.HasSuffix(stdout, "\nnot written: store .runner is read-only\n") {
		t.Errorf("another table: exit code %d, printed %s, %s", code, stdout, stderr)
	}
	for args, want := range map[string]string{
		"sweep tiny.cue --set tune.steps=3": ": read-only file system; 4 stages to run need a store that can be written\n",
		"gc":                                ": read-only file system\n",
		"rm tiny":                           ": read-only file system\n",
		"reproduce base --verify":           ": read-only file system\n",
		"verify --rerun 1":                  ": read-only file system\n",
	} {
		if _, stderr, code := on(strings.Fields(args)...); code != 4 || !strings.HasSuffix(stderr, want) {
			t.Errorf("%s: exit code %d, said %q", args, code, stderr)
		}
	}
}
