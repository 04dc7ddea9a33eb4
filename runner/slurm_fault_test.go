package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/runner/internal/slurmtest"
	"react/runner/launch"
)

// tuneSteps are enough that a fault meets a tune stage at work.
const tuneSteps = "tune.steps=150"

// faults are sweeps of tuneSteps on Slurm, each with a fault, on copies of a
// store that has everything that such a sweep shares with a shorter one.
type faults struct {
	*slurmtest.Cluster
	shared string // folder of the experiment and its store
	want   string // the tables of a local sweep that nothing happened to
}

func newFaults(t *testing.T) *faults {
	t.Helper()
	if testing.Short() {
		t.Skip("sweeps of some length")
	}
	f := &faults{Cluster: slurmtest.Start(t, 1001), shared: tinyDir(t)}
	one := strings.Replace(tinySpec, "seeds: 2", "seeds: 1", 1)
	if err := os.WriteFile(filepath.Join(f.shared, "tiny.cue"), []byte(one), 0o666); err != nil {
		t.Fatal(err)
	}
	sweepTiny(t, f.shared)
	dir := f.copy(t)
	cmd, stdout := command(dir, "sweep", "tiny.cue", "--engine", "go", "--set", tuneSteps)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	f.want = stdout.String() + readRows(t, dir)
	return f
}

func (f *faults) copy(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("cp", "-a", f.shared+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() { exec.Command("chmod", "-R", "u+w", dir).Run() })
	return dir
}

// run is a sweep in the background.
type slurmRun struct {
	t      *testing.T
	f      *faults
	dir    string
	cmd    *exec.Cmd
	stdout *bytes.Buffer
	stderr bytes.Buffer
}

// begin starts the sweep of a copy.
func (f *faults) begin(t *testing.T, dir string, flags ...string) *slurmRun {
	t.Helper()
	r := &slurmRun{t: t, f: f, dir: dir}
	r.cmd, r.stdout = command(dir, append([]string{"sweep", "tiny.cue", "--engine", "go", "--set", tuneSteps, "--save-every", "1s", "--launcher", "slurm"}, flags...)...)
	r.cmd.Stderr = &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

// end waits for the sweep and requires its exit code.
func (r *slurmRun) end(code int) string {
	r.t.Helper()
	err := r.cmd.Wait()
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	}
	if got != code {
		r.t.Fatalf("exit code %d, want %d (%v)\n%s\n%s", got, code, err, r.stderr.Bytes(), strings.Join(r.f.Jobs("all"), "\n"))
	}
	return r.stderr.String()
}

// same requires that the sweep ends with the tables that a local one has.
func (r *slurmRun) same() string {
	r.t.Helper()
	told := r.end(0)
	if got := r.stdout.String() + readRows(r.t, r.dir); got != r.f.want {
		r.t.Errorf("got\n%s\nwant\n%s\n%s", got, r.f.want, told)
	}
	return told
}

// again runs the same command to its end, with the same tables.
func (r *slurmRun) again(flags ...string) string {
	r.t.Helper()
	return r.f.begin(r.t, r.dir, flags...).same()
}

// records are the sweep's arrays.
func (r *slurmRun) records() []*launch.Record {
	r.t.Helper()
	link, err := filepath.EvalSymlinks(filepath.Join(r.dir, ".runner/sweeps/tiny/latest/slurm"))
	if err != nil {
		return nil
	}
	records, err := launch.Load(link)
	if err != nil {
		r.t.Fatal(err)
	}
	return records
}

// attempts are those of an op, in the order of their elements.
func (r *slurmRun) attempts(op string) []*launch.Attempt {
	r.t.Helper()
	var all []*launch.Attempt
	for _, record := range r.records() {
		for index := range record.Keys {
			a, err := launch.ReadAttempt(record.Dir, index)
			if err != nil {
				r.t.Fatal(err)
			}
			if a != nil && a.Op == op {
				all = append(all, a)
			}
		}
	}
	return all
}

// tuning waits until a tune stage is at work and returns its element.
func (r *slurmRun) tuning() string {
	r.t.Helper()
	job := ""
	r.f.Await("a tune stage is at work", time.Minute, func() bool {
		for _, a := range r.attempts("tune") {
			if a.State == launch.Running && a.Total > 0 {
				job = a.Job
			}
		}
		return job != ""
	})
	return job
}

// resumed requires that a stage of an op was begun more than once, and says how
// the first attempt at it ended.
func (r *slurmRun) resumed(count func(*launch.Attempt) int, what string) {
	r.t.Helper()
	if !slices.ContainsFunc(r.attempts("tune"), func(a *launch.Attempt) bool { return a.Starts > 1 && count(a) > 0 }) {
		r.t.Errorf("no tune stage was begun again after %s", what)
	}
}

func TestSlurmFaults(t *testing.T) {
	f := newFaults(t)
	for _, c := range []struct {
		name   string
		always bool
		test   func(*testing.T, *faults)
	}{
		{"preempted", true, testPreempted},
		{"submitter killed after sbatch", true, testSubmitterKilled},
		{"submitter killed before sbatch", false, testSubmitterKilledBefore},
		{"warned of its time limit", false, testWarned},
		{"time limit", false, testTimeLimit},
		{"requeued", false, testRequeued},
		{"out of memory", false, testOutOfMemory},
		{"node daemon killed", false, testNodeKilled},
		{"controller killed", false, testControllerKilled},
		{"throttle", false, testThrottle},
		{"scancel", false, testScancel},
		{"cancelled and detached", false, testDetached},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !c.always && os.Getenv("SLURM_FAULTS") != "all" {
				t.Skip("SLURM_FAULTS is not all: make slurm runs every fault")
			}
			c.test(t, &faults{Cluster: f.For(t), shared: f.shared, want: f.want})
		})
	}
}

// testPreempted: a job of a higher partition takes the node. The worker saves,
// goes back into the queue and goes on from there.
func testPreempted(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t))
	r.tuning()
	f.Run("sbatch", "--partition=high", "--ntasks=4", "--output=/dev/null", "--wrap=sleep 2")
	told := r.same()
	r.resumed(func(a *launch.Attempt) int { return a.Preemptions }, "a preemption")
	if !strings.Contains(told, "back in the queue (preempted)") {
		t.Errorf("told %s", told)
	}
}

// testWarned sends what Slurm sends before a time limit.
func testWarned(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t))
	f.Run("scancel", "--batch", "--signal=USR2", r.tuning())
	r.same()
	r.resumed(func(a *launch.Attempt) int { return a.Timeouts }, "a time limit")
}

// testTimeLimit has Slurm's shortest limit, one minute, end a worker that
// neither works nor hears of it in time.
func testTimeLimit(t *testing.T, f *faults) {
	site := filepath.Join(t.TempDir(), "slurm.json")
	if err := os.WriteFile(site, []byte(`{"options": ["--signal=B:URG@1"]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RUNNER_SLURM", site)
	r := f.begin(t, f.copy(t), "--time", "1")
	job := r.tuning()
	pid := r.attempts("tune")[0].PID
	f.Await("Slurm ends it", 3*time.Minute, func() bool {
		syscall.Kill(pid, syscall.SIGSTOP) // again and again: Slurm's signals wake it
		return slices.ContainsFunc(f.Jobs("timeout"), func(line string) bool { return strings.HasPrefix(line, job+" ") })
	})
	told := r.same()
	if !strings.Contains(told, "timeout: job "+job) {
		t.Errorf("told %s", told)
	}
}

// testRequeued: an administrator requeues it, without a warning.
func testRequeued(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t))
	f.Run("scontrol", "requeue", r.tuning())
	r.same()
	r.resumed(func(*launch.Attempt) int { return 1 }, "a requeue")
}

// testOutOfMemory: what does not fit fails with that cause, is not tried again
// with as much, and is with more.
func testOutOfMemory(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t), "--mem", "20M")
	told := r.end(1)
	if !regexp.MustCompile(`stage tune .*: out of memory: `).MatchString(told) {
		t.Errorf("told %s", told)
	}
	jobs := len(f.Jobs("all"))
	again := f.begin(t, r.dir, "--mem", "20M")
	if told := again.end(1); strings.Contains(told, "job ") && len(f.Jobs("all")) != jobs {
		t.Errorf("submitted again with as much: %s", told)
	}
	r.again("--mem", "1500M")
}

// testNodeKilled: the node's daemon dies, and Slurm gives the job up for lost
// while its worker lives on.
func testNodeKilled(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t))
	r.tuning()
	f.KillNode()
	f.Await("the node is down", 2*time.Minute, func() bool { return strings.HasPrefix(f.Run("sinfo", "-h", "-o", "%t"), "down") })
	f.StartNode()
	r.same()
}

// testControllerKilled: for a while nobody answers. The one that comes back has
// not heard that the job runs, starts it once more and drains the node for it.
func testControllerKilled(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t))
	r.tuning()
	f.KillController()
	time.Sleep(3 * time.Second)
	f.StartController()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for tick := time.NewTicker(time.Second); ; {
			select {
			case <-ended:
				return
			case <-tick.C:
				f.ResumeNode()
			}
		}
	}()
	r.same()
}

// testThrottle changes how many run at a time while they do.
func testThrottle(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t), "--throttle", "1")
	job, _, _ := strings.Cut(r.tuning(), "_")
	throttle := func() string {
		return regexp.MustCompile(`ArrayTaskThrottle=(\d+)`).FindString(f.Run("scontrol", "show", "job", job))
	}
	if got := throttle(); got != "ArrayTaskThrottle=1" {
		t.Errorf("before: %s", got)
	}
	cmd, stdout := command(r.dir, "scale", "tiny", "2")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if got := throttle(); got != "ArrayTaskThrottle=2" || !strings.Contains(stdout.String(), "at most 2 at a time") {
		t.Errorf("after: %s, %s", got, stdout)
	}
	r.same()
}

// testSubmitterKilled: the sweep dies after Slurm has the job and before that
// is written down. The next finds the job by its name.
func testSubmitterKilled(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t), killSubmitter(t, `"$real" "$@" >"$0.out"; kill -9 "$PPID"`)...)
	r.cmd.Wait()
	before := f.Jobs("all")
	if records := r.records(); len(records) != 1 || records[0].Submitted() {
		t.Fatalf("not killed in between: %d records", len(records))
	}
	r.again()
	records := r.records()
	if !records[0].Job.Adopted || records[0].Job.ID == "" {
		t.Errorf("the job was not adopted: %+v", records[0].Job)
	}
	seen := map[string]bool{}
	for _, record := range records {
		for _, key := range record.Keys {
			if key != "" && seen[key] {
				t.Errorf("%s was submitted twice", key)
			}
			seen[key] = true
		}
	}
	if n := len(f.Jobs("all")) - len(before); n != 1 { // the evaluation
		t.Errorf("%d jobs after the adoption", n)
	}
}

// testSubmitterKilledBefore: the sweep and sbatch die before Slurm has the job.
func testSubmitterKilledBefore(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t), killSubmitter(t, `kill -9 "$PPID"; exit 1`)...)
	r.cmd.Wait()
	r.again()
	if records := r.records(); records[0].Job.ID != "" || !records[0].Submitted() || len(records) != 3 {
		t.Errorf("%d records, the first with job %+v", len(records), records[0].Job)
	}
}

// killSubmitter puts an sbatch before Slurm's that runs a shell's line, in which
// $real is Slurm's, for the rest of the test or until it was called. It returns
// no flags.
func killSubmitter(t *testing.T, line string) []string {
	t.Helper()
	dir, real := t.TempDir(), ""
	real, err := exec.LookPath("sbatch")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\nreal=" + real + "\nif [ -e \"$0.called\" ]; then exec \"$real\" \"$@\"; fi\n: >\"$0.called\"\n" + line + "\n"
	if err := os.WriteFile(filepath.Join(dir, "sbatch"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return nil
}

// testScancel: someone cancels a job. The sweep ends and says so; the same
// command goes on.
func testScancel(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t))
	f.Run("scancel", r.tuning())
	if told := r.end(1); !strings.Contains(told, "cancelled: ") {
		t.Errorf("told %s", told)
	}
	r.again()
}

// testDetached: a sweep that is left, cancelled by its name, and taken up again.
func testDetached(t *testing.T, f *faults) {
	r := f.begin(t, f.copy(t), "--detach")
	if told := r.end(0); !strings.Contains(told, "to follow them: runner sweep tiny.cue --set "+tuneSteps+" --launcher slurm") {
		t.Errorf("told %s", told)
	}
	r.tuning()
	cmd, stdout := command(r.dir, "cancel", "tiny")
	if err := cmd.Run(); err != nil || !regexp.MustCompile(`ended [1-4] jobs? and 0 local runs`).MatchString(stdout.String()) {
		t.Fatalf("%v: %s", err, stdout)
	}
	f.Await("nothing runs", 30*time.Second, func() bool { return len(f.Jobs("running,pending,completing")) == 0 })
	r.again()
}
