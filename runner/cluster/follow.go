package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"react/runner/cli"
	"react/runner/exec"
	"react/runner/launch"
	"react/runner/schedule"
	"react/runner/slurm"
	"react/runner/store"
)

// Polls of the cluster: the time between two grows while nothing changes.
const (
	followFirst = time.Second
	followLast  = 30 * time.Second
	// lostAfter is how long a stage must have been gone without a result before
	// it is taken for lost: a network file system shows a result late.
	lostAfter = 10 * time.Second
	// queueEvery is how often a sweep says what it waits for.
	queueEvery = time.Minute
)

// Run submits what is left to run to Slurm and follows it to its end. Interrupted, it
// leaves the jobs to themselves; run again, it finds them. The report is nil where
// there is nothing to print.
func (l *Launcher) Run(ctx context.Context) (*schedule.Report, error) {
	policy := launch.Policy{Fresh: true, Retry: l.options.RetryFailed, Retries: l.options.Retries}
	if _, err := l.submit(policy); err != nil {
		return nil, err
	}
	if l.options.detach {
		fmt.Fprintln(l.stderr, "the jobs go on by themselves; to follow them: "+l.again())
		return nil, nil
	}
	f := &follower{Launcher: l, reporter: exec.NewReporter(l.stderr), last: map[string]launch.State{}, gone: map[string]time.Time{}, heard: map[string]time.Time{}, told: time.Now()}
	policy.Fresh, policy.Retry = false, false
	known, err := f.follow(ctx, policy)
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(l.stderr, "detached; the jobs go on by themselves. To follow them: "+l.again()+"; to end them: runner cancel "+l.Name)
		}
		return nil, err
	}
	return l.conclude(known)
}

// again is the command that goes on from here.
func (l *Launcher) again() string {
	return l.Command() + " --launcher slurm"
}

// follower tells a person what the cluster does.
type follower struct {
	*Launcher
	reporter schedule.Reporter
	last     map[string]launch.State // what was told of a stage
	gone     map[string]time.Time    // when a stage was first found lost
	heard    map[string]time.Time    // the latest heartbeat that was told of
	told     time.Time               // when the queue was last told of
	silent   int                     // polls that the scheduler did not answer
}

// follow watches until nothing is coming any more, and submits again what the
// policy allows.
func (f *follower) follow(ctx context.Context, policy launch.Policy) (map[string]*launch.Status, error) {
	tasks, tried := f.TitledTasks(), ""
	for wait := followFirst; ; {
		known, err := f.poll()
		if err != nil {
			return nil, err
		}
		changed := f.tell(tasks, known)
		coming, again := f.outlook(known, policy)
		if f.silent == 0 && (!coming || again != tried) {
			n, err := f.submit(policy)
			if err != nil || n == 0 && !coming {
				return known, err
			}
			tried, changed = again, changed || n > 0
		}
		if wait = min(wait*3/2, followLast); changed {
			wait = followFirst
		}
		select {
		case <-ctx.Done():
			return nil, cli.ErrInterrupted
		case <-time.After(wait):
		}
	}
}

// poll reads where everything is. A scheduler that does not answer is waited
// for: its jobs go on.
func (f *follower) poll() (map[string]*launch.Status, error) {
	known, err := f.states.read(true)
	if err == nil {
		if f.silent > 2 {
			fmt.Fprintln(f.stderr, "the scheduler answers again")
		}
		f.silent = 0
		return known, nil
	}
	if !errors.As(err, new(*slurm.Error)) {
		return nil, err
	}
	if f.silent++; f.silent == 3 {
		fmt.Fprintf(f.stderr, "warning: %v; waiting for it\n", err)
	}
	return f.states.read(false)
}

// outlook says whether anything is still coming without a submission, and names
// what the policy might submit again. A stage that was just lost may yet turn
// out to be done.
func (f *follower) outlook(known map[string]*launch.Status, policy launch.Policy) (coming bool, again string) {
	var keys []string
	for key, st := range known {
		if st.State != launch.Ended || st.Cause != launch.Lost {
			delete(f.gone, key)
		} else if _, seen := f.gone[key]; !seen {
			f.gone[key] = time.Now()
		}
		switch at, lost := f.gone[key]; {
		case st.State.Live(), lost && time.Since(at) < lostAfter:
			coming = true
		case st.State == launch.Stuck, st.State == launch.Ended && st.Again(policy):
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	return coming, strings.Join(keys, " ")
}

// tell reports what changed since the last poll, in the plan's order.
func (f *follower) tell(tasks []*schedule.Task, known map[string]*launch.Status) (changed bool) {
	for _, t := range tasks {
		st := known[t.Key]
		if st == nil {
			continue
		}
		if a := st.Attempt; f.last[t.Key] == launch.Working && st.State == launch.Working && a != nil && a.Total > 0 && a.Updated != f.heard[t.Key] {
			f.heard[t.Key] = a.Updated
			f.reporter.Progress(t, st.Attempt.Done, st.Attempt.Total, st.Attempt.Note)
		}
		if f.last[t.Key] == st.State {
			continue
		}
		f.change(t, st, len(tasks))
		f.last[t.Key] = st.State
		changed = true
	}
	if changed || time.Since(f.told) > queueEvery {
		f.tellQueue(known)
	}
	return changed
}

// change reports that a stage is elsewhere than it was.
func (f *follower) change(t *schedule.Task, st *launch.Status, total int) {
	before := f.last[t.Key]
	switch st.State {
	case launch.Working:
		f.reporter.Begin(t, f.count(launch.Working, launch.Finished, launch.Failing)+1, total)
	case launch.Finished:
		if entry, ok, err := f.Store.Lookup(t.Key); ok && err == nil && before != "" {
			f.reporter.End(t, schedule.Outcome{Entry: entry, Took: entry.Manifest.Finished.Sub(entry.Manifest.Started)})
		}
	case launch.Failing:
		f.reporter.End(t, schedule.Outcome{Err: st.Err()})
	case launch.Ended:
		fmt.Fprintf(f.stderr, "%s: %v\n", t.Name(), st.Err())
	case launch.Queued:
		if before == launch.Working {
			fmt.Fprintf(f.stderr, "%s: back in the queue%s\n", t.Name(), because(st))
		}
	}
}

func (f *follower) count(states ...launch.State) int {
	n := 0
	for _, state := range f.last {
		if slices.Contains(states, state) {
			n++
		}
	}
	return n
}

func because(st *launch.Status) string {
	if st.Attempt != nil && st.Attempt.State == launch.Stopped {
		return " (" + string(st.Attempt.Cause) + ")"
	}
	return ""
}

// tellQueue says what is waited for, when it has not been said for a while.
func (f *follower) tellQueue(known map[string]*launch.Status) {
	reasons := map[string]int{}
	running := 0
	for _, st := range known {
		switch st.State {
		case launch.Queued:
			reasons[st.Reason]++
		case launch.Working:
			running++
		}
	}
	if len(reasons) == 0 || time.Since(f.told) < exec.PlainEvery {
		return
	}
	f.told = time.Now()
	var parts []string
	for reason, n := range reasons {
		parts = append(parts, fmt.Sprintf("%d %s", n, reason))
	}
	sort.Strings(parts)
	fmt.Fprintf(f.stderr, "%d running, queued: %s\n", running, strings.Join(parts, ", "))
}

// conclude makes of what is known what a local run reports.
func (l *Launcher) conclude(known map[string]*launch.Status) (*schedule.Report, error) {
	tasks := l.Tasks()
	survey, err := schedule.Look(l.Store, tasks)
	if err != nil {
		return nil, err
	}
	report := &schedule.Report{Entries: map[string]store.Entry{}}
	left := 0
	for i, t := range tasks {
		switch survey.Status[i] {
		case schedule.Cached:
			report.Entries[t.Key] = survey.Entries[i]
			report.Cached = append(report.Cached, t)
		case schedule.ToRun:
			left++
			if st := known[t.Key]; st != nil && st.State != launch.Stuck {
				report.Failures = append(report.Failures, schedule.Failure{Task: t, Err: st.Err(), Log: l.logOf(st)})
			}
		}
	}
	if left == 0 {
		return report, nil
	}
	return report, &schedule.Failed{Failures: report.Failures, NotRun: left - len(report.Failures)}
}

// logOf is the stage's own log where a worker got so far, else what Slurm kept
// of the worker.
func (l *Launcher) logOf(st *launch.Status) string {
	if st.Cause == launch.StageError && st.Attempt != nil {
		return l.Store.LogPath(st.Key, st.Attempt.Op)
	}
	return launch.Log(st.Record.Dir, st.Index)
}
