// Package slurm runs arrays of runner/launch as Slurm job arrays. It talks to
// sbatch, squeue, scontrol and scancel as a person would, reads only output
// formats that it asked for by name, and needs no accounting database.
//
// README.md beside this file says how a sweep becomes jobs, what Slurm does
// that one would not expect, and what was tested.
package slurm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"react/runner/cli"
	"react/runner/launch"
)

// Error is a fault of Slurm or of how it was asked.
type Error struct {
	Command string
	Err     error
}

// Error names the command that said so.
func (e *Error) Error() string { return fmt.Sprintf("slurm: %s: %v", e.Command, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is what a program ends with whose launcher cannot be used.
func (e *Error) ExitCode() int { return cli.CodePlace }

// patience is how long a command may take; a controller that is starting lets
// its clients wait.
const patience = time.Minute

// command runs one of Slurm's programs and returns what it printed.
func command(name string, args ...string) (string, error) { return commandHolding(nil, name, args...) }

// commandHolding gives the program a file to keep open for as long as it runs.
func commandHolding(f *os.File, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = cleanEnv(os.Environ())
	if f != nil {
		cmd.ExtraFiles = []*os.File{f}
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return stdout.String(), nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return "", &Error{name, errors.New("not found; is this a machine of the cluster?")}
	}
	if text := strings.TrimSpace(stderr.String()); text != "" {
		err = errors.New(strings.ReplaceAll(text, "\n", "; "))
	}
	return "", &Error{strings.Join(append([]string{name}, args[:min(1, len(args))]...), " "), err}
}

// ourSettings are what this program set for itself when it started, for the
// processors of this machine: a job finds its own. SBATCH_ and SQUEUE_
// variables would change what is asked.
var ourSettings = []string{"RUNNER_RESTARTED=", "OMP_NUM_THREADS=", "OPENBLAS_CORETYPE=", "GOMAXPROCS=", "SLURM_JOB_ID=", "SLURM_ARRAY_",
	"SQUEUE_", "SBATCH_ARRAY_INX="}

func cleanEnv(env []string) []string {
	var kept []string
next:
	for _, v := range env {
		for _, prefix := range ourSettings {
			if strings.HasPrefix(v, prefix) {
				continue next
			}
		}
		kept = append(kept, v)
	}
	return kept
}

// Submit hands a script to sbatch and returns the job's id. sbatch holds lock
// for as long as it runs: should this process die, whoever takes the lock next
// knows that the job is either there or never will be.
func Submit(script string, lock *os.File) (string, error) {
	out, err := commandHolding(lock, "sbatch", "--parsable", script)
	if err != nil {
		return "", err
	}
	// with the cluster's name, where there are several
	id, _, _ := strings.Cut(strings.TrimSpace(out), ";")
	if _, err := strconv.Atoi(id); err != nil {
		return "", &Error{"sbatch", fmt.Errorf("no job id in %q", out)}
	}
	return id, nil
}

// Find returns the id of the job of that name, "" when Slurm has none. Finished
// jobs are found for as long as Slurm remembers them (MinJobAge, 5 minutes by
// default).
func Find(name string) (string, error) {
	out, err := command("squeue", "--noheader", "--array", "--states=all", "--name="+name, "--format=%F")
	if err != nil {
		return "", err
	}
	id, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
	return strings.TrimSpace(id), nil
}

// Queue returns what Slurm says of the elements of the named jobs, all in one
// question. Elements that it has forgotten are not there.
func Queue(names []string) (map[string]launch.Sched, error) {
	if len(names) == 0 {
		return map[string]launch.Sched{}, nil
	}
	out, err := command("squeue", "--noheader", "--array", "--states=all", "--name="+strings.Join(names, ","), "--format=%F|%K|%T|%N|%r")
	if err != nil {
		return nil, err
	}
	return parseQueue(out)
}

func parseQueue(out string) (map[string]launch.Sched, error) {
	all := map[string]launch.Sched{}
	for line := range strings.Lines(out) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "|", 5)
		if len(fields) != 5 {
			return nil, &Error{"squeue", fmt.Errorf("line %q is not of the form asked for", line)}
		}
		s := schedOf(fields[2], fields[4])
		s.Node = fields[3]
		all[fields[0]+"_"+fields[1]] = s
	}
	return all, nil
}

// schedOf reads a job's state (man squeue, JOB STATE CODES) and reason; the state alone gives the
// cause. What a cause leads to is Again of runner/launch/policy.go.
func schedOf(state, reason string) launch.Sched {
	s := launch.Sched{Reason: reason}
	switch state {
	case "PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD":
		s.Pending = true
	case "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING", "REVOKED":
		s.Active = true
	case "CANCELLED":
		s.Cause = launch.Cancelled
		s.Unmet = reason == "DependencyNeverSatisfied"
	case "TIMEOUT", "DEADLINE":
		s.Cause = launch.Timeout
	case "NODE_FAIL", "BOOT_FAIL":
		s.Cause = launch.NodeFailed
	case "OUT_OF_MEMORY":
		s.Cause = launch.OutOfMem
	case "PREEMPTED":
		s.Cause = launch.Preempted
	}
	if s.Pending && reason == "DependencyNeverSatisfied" { // until it is cancelled for it
		s.Reason = "what it waits for failed"
	}
	return s
}

// maxArraySize is one more than the highest index of an array.
var maxArraySize = regexp.MustCompile(`(?m)^MaxArraySize\s*=\s*(\d+)`)

// MaxArraySize asks how many elements an array may have.
func MaxArraySize() (int, error) {
	out, err := command("scontrol", "show", "config")
	if err != nil {
		return 0, err
	}
	m := maxArraySize.FindStringSubmatch(out)
	if m == nil {
		return 0, &Error{"scontrol show config", errors.New("it names no MaxArraySize")}
	}
	n, err := strconv.Atoi(m[1])
	if err == nil && n < 1 {
		err = errors.New("MaxArraySize is 0: this cluster has no job arrays")
	}
	if err != nil {
		return 0, &Error{"scontrol show config", err}
	}
	return n, nil
}

// Cancel ends jobs or elements. One that has ended already is not an error.
func Cancel(elements []string) error {
	for chunk := range chunks(elements, 500) {
		if _, err := command("scancel", append([]string{"--quiet"}, chunk...)...); err != nil {
			return err
		}
	}
	return nil
}

// Throttle changes how many elements of a job's array run at a time; 0 is no
// limit. Slurm reports elements that have ended as errors; they are none.
func Throttle(job string, n int) error {
	_, err := command("scontrol", "update", "jobid="+job, "arraytaskthrottle="+strconv.Itoa(n))
	if err != nil && strings.Contains(err.Error(), "already finished") {
		return nil
	}
	return err
}

func chunks(list []string, size int) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for len(list) > 0 {
			n := min(size, len(list))
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}
