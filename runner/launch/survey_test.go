package launch

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// array makes the folder of an array of one element, submitted as job 7.
func array(t *testing.T, root, name string, retry bool) *Record {
	t.Helper()
	r, err := NewRecord(filepath.Join(root, name), "rn-"+name, &Array{Op: "tune", Tasks: []*Task{{Key: "key", Op: "tune"}}})
	if err != nil {
		t.Fatal(err)
	}
	r.Retry = retry
	if err := r.Save(); err != nil {
		t.Fatal(err)
	}
	if err := r.Settle("7", false); err != nil {
		t.Fatal(err)
	}
	return r
}

// What Slurm 22.05 leaves in a job's output when its accounting kills it.
const killedForItsMemory = `engine: go
slurmstepd-vm: error: StepId=6.batch exceeded memory limit (337805312 > 314572800), being killed
slurmstepd-vm: error: Exceeded job memory limit
slurmstepd-vm: error: *** JOB 6 ON vm CANCELLED AT 2026-11-23T07:40:28 ***
`

func TestSurvey(t *testing.T) {
	running := &Attempt{Key: "key", State: Running, Host: "node7"}
	for name, c := range map[string]struct {
		done    bool
		attempt *Attempt
		log     string
		sched   map[string]Sched // nil: no answer
		state   State
		cause   Cause
	}{
		"queued":                       {sched: map[string]Sched{"7_0": {Pending: true}}, state: Queued},
		"at work":                      {attempt: running, sched: map[string]Sched{"7_0": {Active: true}}, state: Working},
		"done, whatever Slurm says":    {done: true, attempt: running, sched: map[string]Sched{"7_0": {Active: true}}, state: Finished},
		"failed, its job still ending": {attempt: &Attempt{State: Failed, Cause: StageError}, sched: map[string]Sched{"7_0": {Active: true}}, state: Failing, cause: StageError},
		"stopped, back in the queue":   {attempt: &Attempt{State: Stopped, Cause: Preempted}, sched: map[string]Sched{"7_0": {Pending: true}}, state: Queued},
		"stopped, requeue failed":      {attempt: &Attempt{State: Stopped, Cause: Timeout}, sched: map[string]Sched{}, state: Ended, cause: Timeout},
		"stopped by scancel":           {attempt: &Attempt{State: Stopped, Cause: Timeout}, sched: map[string]Sched{"7_0": {Cause: Cancelled}}, state: Ended, cause: Cancelled},
		"its input failed":             {sched: map[string]Sched{"7_0": {Cause: Cancelled, Unmet: true}}, state: Stuck},
		"found no input":               {attempt: &Attempt{State: Blocked}, sched: map[string]Sched{}, state: Stuck},
		"its node died":                {attempt: running, sched: map[string]Sched{"7_0": {Cause: NodeFailed}}, state: Ended, cause: NodeFailed},
		"forgotten":                    {attempt: running, sched: map[string]Sched{}, state: Ended, cause: Lost},
		"killed for its memory":        {attempt: running, log: killedForItsMemory, sched: map[string]Sched{"7_0": {Reason: "JobLaunchFailure"}}, state: Failing, cause: OutOfMem},
		"no answer, never begun":       {state: Queued},
		"no answer, at work":           {attempt: running, state: Working},
		"no answer, done":              {done: true, state: Finished},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			r := array(t, root, "001-tune", false)
			if c.attempt != nil {
				a := *c.attempt
				if err := WriteAttempt(r.Dir, 0, &a); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(Log(r.Dir, 0), []byte(c.log), 0o666); err != nil {
				t.Fatal(err)
			}
			records, err := Load(root)
			if err != nil {
				t.Fatal(err)
			}
			known, err := Survey(records, func(string) bool { return c.done }, c.sched)
			if err != nil {
				t.Fatal(err)
			}
			if s := known["key"]; s.State != c.state || s.Cause != c.cause || s.Job != "7_0" {
				t.Errorf("got %s %q (job %s), want %s %q", s.State, s.Cause, s.Job, c.state, c.cause)
			}
		})
	}
}

// TestSurveyCounts: ends that another try may cure count over all arrays, and
// begin anew where a retry was asked for; a heartbeat that stopped is no life.
func TestSurveyCounts(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"001-tune", "002-tune", "003-tune"} {
		a := &Attempt{Key: "key", State: Running, Host: "node7"}
		if err := WriteAttempt(array(t, root, name, false).Dir, 0, a); err != nil {
			t.Fatal(err)
		}
	}
	tries := func() *Status {
		records, err := Load(root)
		if err != nil {
			t.Fatal(err)
		}
		known, err := Survey(records, func(string) bool { return false }, map[string]Sched{"7_0": {Cause: NodeFailed}})
		if err != nil {
			t.Fatal(err)
		}
		return known["key"]
	}
	if s := tries(); s.Tries != 2 || len(s.Bad) != 3 {
		t.Errorf("%d tries before, bad nodes %v", s.Tries, s.Bad)
	}
	array(t, root, "004-tune", true)
	if s := tries(); s.Tries != 0 {
		t.Errorf("%d tries before a retry that was asked for", s.Tries)
	}
	old := &Attempt{State: Running, Updated: time.Now().Add(-time.Hour)}
	if !old.stale(time.Now()) || (&Attempt{State: Running, Updated: time.Now()}).stale(time.Now()) {
		t.Error("stale is not told from fresh")
	}
}
