package status

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"react/runner/cluster"
	"react/runner/forecast"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// Watcher reads the status of a sweep again and again, from its folder and the
// store alone.
type Watcher struct {
	store  *store.Store
	folder *store.Sweep
	plan   record.Plan
	tasks  []*schedule.Task
	trials map[string]trialsOfStage // by key
	now    func() time.Time

	forecast *forecast.Forecast
	asked    time.Time // when the forecast was made
}

// forecastEvery is the least time between two readings of every manifest.
const forecastEvery = 15 * time.Second

// New reads the plan of a sweep.
func New(s *store.Store, folder *store.Sweep) (*Watcher, error) {
	w := &Watcher{store: s, folder: folder, now: time.Now}
	if err := folder.ReadJSON(record.PlanFile, &w.plan); err != nil {
		return nil, err
	}
	w.tasks, w.trials = recordedTasks(&w.plan), trialsByStage(&w.plan)
	return w, nil
}

// recordedTasks are the stages of a recorded plan, as the schedule looks them up.
func recordedTasks(p *record.Plan) []*schedule.Task {
	tasks := make([]*schedule.Task, len(p.Stages))
	index := make(map[string]*schedule.Task, len(p.Stages))
	for i, s := range p.Stages {
		t := &schedule.Task{Key: s.Key, Op: s.Op, Lines: s.Lines}
		seen := map[string]bool{}
		for _, key := range s.In {
			if !seen[key] {
				seen[key] = true
				t.Needs = append(t.Needs, key)
			}
		}
		sort.Strings(t.Needs)
		tasks[i], index[s.Key] = t, t
	}
	for _, trial := range p.Trials {
		for _, key := range trial.Stages {
			index[key].Wanted = true
		}
	}
	return tasks
}

// look is what one reading finds about each stage.
type look struct {
	survey    *schedule.Survey
	holders   map[string]store.Holder
	launched  map[string]*launch.Status
	processes []record.Process
	lives     []store.Life
	running   map[string]*stage
	failed    map[string]*failure
	at        time.Time
}

// Read looks at the sweep as it is now.
func (w *Watcher) Read() (*Status, error) {
	l, err := w.look()
	if err != nil {
		return nil, err
	}
	st := &Status{Schema: schema, Sweep: w.folder.Name, Hash: w.folder.Hash, Dir: w.folder.Dir, Question: w.plan.Question, At: l.at,
		Running: []stage{}, Failures: []failure{}}
	st.Processes = l.shownProcesses()
	w.count(l, st)
	w.left(l, st)
	for _, t := range w.tasks {
		if s := l.running[t.Key]; s != nil {
			st.Running = append(st.Running, *s)
		}
		if f := l.failed[t.Key]; f != nil {
			f.Log = w.store.LogPath(t.Key, t.Op)
			f.Tail = logTail(f.Log)
			st.Failures = append(st.Failures, *f)
		}
	}
	st.State = st.judge(l)
	if st.State == "gone" || st.State == "failed" || st.State == "interrupted" || st.State == "stopped" {
		st.Resume = w.command(l)
	}
	return st, nil
}

// look asks the store, the processes and the scheduler.
func (w *Watcher) look() (*look, error) {
	l := &look{holders: map[string]store.Holder{}, running: map[string]*stage{}, failed: map[string]*failure{}, at: w.now().UTC().Truncate(time.Millisecond)}
	// before the outputs: what is made in between has its output by then
	leases, err := w.store.Leases()
	if err != nil {
		return nil, err
	}
	for _, h := range leases {
		l.holders[h.Key] = h
	}
	if err := l.readProcesses(w.folder); err != nil {
		return nil, err
	}
	if l.launched, err = cluster.States(w.store, w.folder); err != nil {
		return nil, err
	}
	if l.survey, err = schedule.Look(w.store, w.tasks); err != nil {
		return nil, err
	}
	for i, t := range w.tasks {
		if l.survey.Status[i] != schedule.ToRun {
			continue
		}
		if err := w.judgeStage(l, t); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *look) readProcesses(folder *store.Sweep) error {
	found, err := record.Processes(folder, l.at)
	for _, p := range found {
		l.processes, l.lives = append(l.processes, p.Process), append(l.lives, p.Life)
	}
	return err
}

// judgeStage finds whether a stage that is not made runs, is queued or failed.
func (w *Watcher) judgeStage(l *look, t *schedule.Task) error {
	progress := l.progressOf(t.Key)
	holder, held := l.holders[t.Key]
	launched := l.launched[t.Key]
	switch {
	case held || progress != nil || launched != nil && launched.State == launch.Working:
		s := &stage{Key: t.Key, Op: t.Op, trialsOfStage: w.trials[t.Key]}
		if held {
			s.Where, s.Since = holder.String(), holder.Since
		}
		if launched != nil && launched.Job != "" {
			s.Where, s.Since = "Slurm job "+launched.Job, launched.Since
		}
		if progress != nil {
			s.Since, s.Done, s.Total, s.Note = progress.Since, progress.Done, progress.Total, progress.Note
			s.first, s.firstAt = progress.First, progress.FirstAt
		} else if launched != nil && launched.Attempt != nil {
			s.Done, s.Total, s.Note = launched.Attempt.Done, launched.Attempt.Total, launched.Attempt.Note
		}
		l.running[t.Key] = s
		return nil
	case launched != nil && launched.State == launch.Queued:
		l.running[t.Key] = &stage{Key: t.Key, Op: t.Op, Where: "Slurm job " + launched.Job, Note: launched.Reason, Queued: true, Since: launched.Since,
			trialsOfStage: w.trials[t.Key]}
		return nil
	}
	failure, err := w.lastFailure(t, launched)
	if failure == nil || err != nil || l.startedAfter(failure.At) {
		return err
	}
	failure.trialsOfStage = w.trials[t.Key]
	l.failed[t.Key] = failure
	return nil
}

// lastFailure is how the last attempt at a stage failed, by its own word or by
// the scheduler's; nil when it did not.
func (w *Watcher) lastFailure(t *schedule.Task, launched *launch.Status) (*failure, error) {
	attempts, err := w.store.Attempts(t.Key, t.Op)
	if err != nil {
		return nil, err
	}
	if n := len(attempts); n > 0 && attempts[n-1].Error != "" {
		last := attempts[n-1]
		if last.Cause == string(schedule.CauseStopped) {
			return nil, nil
		}
		return &failure{Key: t.Key, Op: t.Op, At: last.Ended, Cause: last.Cause, Error: last.Error}, nil
	}
	if launched == nil || launched.State != launch.Failing && launched.State != launch.Ended {
		return nil, nil
	}
	return &failure{Key: t.Key, Op: t.Op, At: launched.Since, Cause: string(launched.Cause), Error: cmp.Or(launched.Message, launched.Reason, string(launched.Cause))}, nil
}

// startedAfter says whether a process that lives began after that: it will try
// again what failed before.
func (l *look) startedAfter(at time.Time) bool {
	for i, p := range l.processes {
		if l.lives[i] != store.Gone && p.Started.After(at) {
			return true
		}
	}
	return false
}

// progressOf is what a process that lives says about a stage.
func (l *look) progressOf(key string) *record.Running {
	for i := range l.processes {
		if l.lives[i] == store.Gone {
			continue
		}
		for j := range l.processes[i].Running {
			if s := &l.processes[i].Running[j]; s.Key == key && s.Waits == "" {
				return s
			}
		}
	}
	return nil
}

// shownProcesses are those that live, or the last that did.
func (l *look) shownProcesses() []process {
	shown := []process{}
	for i, p := range l.processes {
		if l.lives[i] != store.Gone || i == len(l.processes)-1 {
			shown = append(shown, process{p.Process, l.lives[i], p.Beat, p.Command, p.Engine, p.Jobs, p.Ended, p.End})
		}
	}
	return shown
}

// Live says whether something still works on the sweep, or will.
func (st *Status) Live() bool { return st.State == "running" || st.State == "queued" }

// judge says in a word how the sweep stands.
func (st *Status) judge(l *look) string {
	alive, last := false, (*record.Process)(nil)
	for i := range l.processes {
		alive = alive || l.lives[i] != store.Gone
		last = &l.processes[i]
	}
	queued := slices.ContainsFunc(st.Running, func(s stage) bool { return s.Queued })
	switch {
	case st.Trials.Done == st.Trials.Total && !alive:
		return "done"
	case alive || st.Stages.Running > 0:
		return "running"
	case queued:
		return "queued"
	case last != nil && last.Ended == nil:
		return "gone"
	case st.Stages.Failed > 0:
		return "failed"
	case last != nil && last.End == "interrupted":
		return "interrupted"
	case last != nil || len(l.launched) > 0:
		return "stopped"
	}
	return "planned"
}

// command is the one that the sweep was last run with.
func (w *Watcher) command(l *look) []string {
	var run struct {
		Command []string `json:"command"`
	}
	if n := len(l.processes); n > 0 {
		run.Command = l.processes[n-1].Command
	} else if w.folder.ReadJSON(record.ProvenanceFile, &run) != nil {
		return nil
	}
	return append([]string{"runner"}, run.Command[min(1, len(run.Command)):]...)
}

// tailLines is how much of a log a failure shows.
const tailLines = 8

// logTail is the end of a stage's log, of its last attempt, without the line
// that repeats the error.
func logTail(path string) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		return []string{}
	}
	if at := bytes.LastIndex(data, []byte("\n--- ")); at >= 0 {
		data = data[at+1:]
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	if len(lines) > 0 && strings.HasPrefix(lines[0], "--- ") {
		lines = lines[1:]
	}
	if n := len(lines); n > 0 && strings.HasPrefix(lines[n-1], "error: ") {
		lines = lines[:n-1]
	}
	if n := len(lines); n > tailLines {
		lines = append([]string{fmt.Sprintf("... %d lines before", n-tailLines)}, lines[n-tailLines:]...)
	}
	return lines
}
