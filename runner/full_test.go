package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFullDisk sweeps onto file systems that fill up in one stage after the
// other: each ends with 4 and says so; with room, the same store goes on to the
// same table.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("several sweeps")
	}
	mounting := ownMounts(t)
	want := sweepTiny(t, tinyDir(t))
	dir := tinyDir(t)
	if err := os.Mkdir(filepath.Join(dir, ".runner"), 0o777); err != nil {
		t.Fatal(err)
	}
	// One mount for all runs: it grows from run to run. Without --overcommit none would begin. The
	// table goes out of the namespace by standard output.
	script := `mount -t tmpfs -o size=64k tmpfs .runner
for size in 64k 300k 900k 1500k 3m 5m 8m; do
	mount -o remount,size=$size .runner
	"$0" sweep tiny.cue --engine go --overcommit >/dev/null 2>stderr && exit 9
	echo "$size $?" >>codes
	cat stderr >>all
done
mount -o remount,size=64m .runner
"$0" sweep tiny.cue --engine go && cat .runner/sweeps/tiny/latest/tables/rows.jsonl`
	cmd, stdout, stderr := mounting(dir, script)
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "all"))
		t.Fatalf("%v\n%s\n%s", err, stderr.Bytes(), said)
	}
	if got := stdout.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := checkFull(dir); err != nil {
		t.Error(err)
	}
}

// ownMounts gives the command that runs a shell script in a folder, with mounts
// of its own and this test binary as "$0", the runner. Many containers refuse
// that, or have no unshare: then the test is skipped.
func ownMounts(t *testing.T) func(dir, script string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	probe := t.TempDir()
	const mounts = `mount -t tmpfs tmpfs "$0" && mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"`
	if out, err := exec.Command("unshare", "-r", "-m", "sh", "-c", mounts, probe).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: unshare: %v: %s", err, out)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	program := linkRunner(t)
	return func(dir, script string, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
		cmd, stdout := command(dir, append([]string{"-r", "-m", "sh", "-c", script, program}, args...)...)
		stderr := &bytes.Buffer{}
		cmd.Path, cmd.Args[0], cmd.Stderr = unshare, "unshare", stderr
		return cmd, stdout, stderr
	}
}

// checkFull reads what the runs on the full disk left.
func checkFull(dir string) error {
	codes, err := os.ReadFile(filepath.Join(dir, "codes"))
	if err != nil {
		return err
	}
	said, err := os.ReadFile(filepath.Join(dir, "all"))
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(string(codes)) {
		if !strings.HasSuffix(line, " 4\n") {
			errs = append(errs, fmt.Errorf("size and exit code %s", line))
		}
	}
	const message = "(the disk is full; free space or name another store with --store)"
	if got, want := strings.Count(string(said), message), strings.Count(string(codes), "\n"); got < want {
		errs = append(errs, fmt.Errorf("%d of %d runs say that the disk is full:\n%s", got, want, said))
	}
	return errors.Join(errs...)
}

// linkRunner gives this test binary the name that makes it the runner.
func linkRunner(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "runner")
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	return link
}

// TestReadOnlyStore sweeps onto a file system that cannot be written: what is
// done can be looked at and tabled, a sweep ends with 4 before any work, and
// once it can be written again the same table comes out.
func TestReadOnlyStore(t *testing.T) {
	if testing.Short() {
		t.Skip("two sweeps")
	}
	mounting := ownMounts(t)
	want := sweepTiny(t, tinyDir(t))
	dir := tinyDir(t)
	cmd, _ := command(dir, "sweep", "tiny.cue", "--engine", "go", "--set", "sweep.seeds=1")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	cmd, _, stderr := mounting(dir, `mount --bind .runner .runner && mount -o remount,ro,bind .runner || exit 77
"$0" plan tiny.cue >/dev/null || exit 1
"$0" table tiny.cue --set sweep.seeds=1 | grep -q '^base' || exit 2
"$0" sweep tiny.cue --engine go
test $? = 4 || exit 3`)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if !strings.Contains(stderr.String(), "read-only file system") {
		t.Errorf("printed %s", stderr)
	}
	if got := sweepTiny(t, dir); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
