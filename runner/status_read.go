package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"time"

	"react/runner/cluster"
	"react/runner/exec"
	"react/runner/forecast"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// sweepStatus is how far a sweep is: schema runner.status/v1.
type sweepStatus struct {
	Schema    string          `json:"schema"`
	Sweep     string          `json:"sweep"` // name
	Hash      string          `json:"hash"`
	Dir       string          `json:"dir"`
	Question  string          `json:"question,omitempty"`
	At        time.Time       `json:"at"`
	State     string          `json:"state"` // running, queued, done, failed, interrupted, gone, stopped, planned
	Resume    []string        `json:"resume,omitempty"`
	Trials    counts          `json:"trials"`
	Stages    counts          `json:"stages"`
	Ops       []opStatus      `json:"ops"`
	Processes []processStatus `json:"processes"`
	Running   []stageStatus   `json:"running"`
	Failures  []failureStatus `json:"failures"`
	Left      *float64        `json:"leftSeconds,omitempty"` // of the stages of which a time is known
	Unknown   int             `json:"leftUnknown,omitempty"` // stages of which none is
}

// counts are trials or stages by what became of them.
type counts struct {
	Total   int `json:"total"`
	Done    int `json:"done"`
	Running int `json:"running"`
	Waiting int `json:"waiting"`
	Failed  int `json:"failed"`
	Blocked int `json:"blocked"` // stages that need a failed one
}

// opStatus are the stages of an op.
type opStatus struct {
	Op string `json:"op"`
	counts
}

// processStatus is a process that works on the sweep, or the last that did.
type processStatus struct {
	store.Process
	Life    store.Life `json:"life"`
	Beat    time.Time  `json:"beat"`
	Command []string   `json:"command"`
	Engine  string     `json:"engine,omitempty"`
	Jobs    string     `json:"jobs"`
	Ended   *time.Time `json:"ended,omitempty"`
	End     string     `json:"end,omitempty"`
}

// stageStatus is a stage that runs or is queued.
type stageStatus struct {
	Key    string    `json:"key"`
	Op     string    `json:"op"`
	Where  string    `json:"where,omitempty"` // the process, or the job
	Queued bool      `json:"queued,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Done   int       `json:"done,omitempty"`
	Total  int       `json:"total,omitempty"`
	Note   string    `json:"note,omitempty"`
	Left   *float64  `json:"leftSeconds,omitempty"`
	trialsOfStage
}

// trialsOfStage are the trials that need a stage.
type trialsOfStage struct {
	Trials int      `json:"trials"`
	Names  []string `json:"trialNames"` // the first shownTrials
}

// shownTrials is how many trials of a stage are named.
const shownTrials = 4

// failureStatus is a stage whose last attempt failed.
type failureStatus struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	At    time.Time `json:"at"`
	Cause string    `json:"cause,omitempty"`
	Error string    `json:"error"`
	Log   string    `json:"log"`
	Tail  []string  `json:"tail"` // last lines of the log of that attempt
	trialsOfStage
}

// watcher reads the status of a sweep again and again, from its folder and the
// store alone.
type watcher struct {
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

func newWatcher(s *store.Store, folder *store.Sweep) (*watcher, error) {
	w := &watcher{store: s, folder: folder, now: time.Now}
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
	running   map[string]*stageStatus
	failed    map[string]*failureStatus
	at        time.Time
}

func (w *watcher) read() (*sweepStatus, error) {
	l, err := w.look()
	if err != nil {
		return nil, err
	}
	st := &sweepStatus{Schema: "runner.status/v1", Sweep: w.folder.Name, Hash: w.folder.Hash, Dir: w.folder.Dir, Question: w.plan.Question, At: l.at,
		Running: []stageStatus{}, Failures: []failureStatus{}}
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
func (w *watcher) look() (*look, error) {
	l := &look{holders: map[string]store.Holder{}, running: map[string]*stageStatus{}, failed: map[string]*failureStatus{}, at: w.now().UTC().Truncate(time.Millisecond)}
	leases, err := w.store.Leases() // before the outputs: what is made in between has its output by then
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
	found, err := folder.Processes()
	if err != nil {
		return err
	}
	for _, s := range found {
		var p record.Process
		if json.Unmarshal(s.Data, &p) != nil {
			continue
		}
		life := s.Life
		switch {
		case p.Ended != nil:
			life = store.Gone
		case life == store.Elsewhere && l.at.Sub(p.Beat) > record.BeatMissed:
			life = store.Gone
		}
		l.processes, l.lives = append(l.processes, p), append(l.lives, life)
	}
	return nil
}

// judgeStage finds whether a stage that is not made runs, is queued or failed.
func (w *watcher) judgeStage(l *look, t *schedule.Task) error {
	progress := l.progressOf(t.Key)
	holder, held := l.holders[t.Key]
	launched := l.launched[t.Key]
	switch {
	case held || progress != nil || launched != nil && launched.State == launch.Working:
		s := &stageStatus{Key: t.Key, Op: t.Op, trialsOfStage: w.trials[t.Key]}
		if held {
			s.Where, s.Since = holder.String(), holder.Since
		}
		if launched != nil && launched.Job != "" {
			s.Where, s.Since = "Slurm job "+launched.Job, launched.Since
		}
		if progress != nil {
			s.Since, s.Done, s.Total, s.Note = progress.Since, progress.Done, progress.Total, progress.Note
		} else if launched != nil && launched.Attempt != nil {
			s.Done, s.Total, s.Note = launched.Attempt.Done, launched.Attempt.Total, launched.Attempt.Note
		}
		l.running[t.Key] = s
		return nil
	case launched != nil && launched.State == launch.Queued:
		l.running[t.Key] = &stageStatus{Key: t.Key, Op: t.Op, Where: "Slurm job " + launched.Job, Note: launched.Reason, Queued: true, Since: launched.Since,
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
func (w *watcher) lastFailure(t *schedule.Task, launched *launch.Status) (*failureStatus, error) {
	attempts, err := w.store.Attempts(t.Key, t.Op)
	if err != nil {
		return nil, err
	}
	if n := len(attempts); n > 0 && attempts[n-1].Error != "" {
		last := attempts[n-1]
		if last.Cause == string(schedule.CauseStopped) {
			return nil, nil
		}
		return &failureStatus{Key: t.Key, Op: t.Op, At: last.Ended, Cause: last.Cause, Error: last.Error}, nil
	}
	if launched == nil || launched.State != launch.Failing && launched.State != launch.Ended {
		return nil, nil
	}
	return &failureStatus{Key: t.Key, Op: t.Op, At: launched.Since, Cause: string(launched.Cause), Error: cmp.Or(launched.Message, launched.Reason, string(launched.Cause))}, nil
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
func (l *look) shownProcesses() []processStatus {
	shown := []processStatus{}
	for i, p := range l.processes {
		if l.lives[i] != store.Gone || i == len(l.processes)-1 {
			shown = append(shown, processStatus{p.Process, l.lives[i], p.Beat, p.Command, p.Engine, p.Jobs, p.Ended, p.End})
		}
	}
	return shown
}

// trialsByStage finds, for each stage, the trials that are made from it.
func trialsByStage(p *record.Plan) map[string]trialsOfStage {
	in := make(map[string]map[string]string, len(p.Stages))
	for _, s := range p.Stages {
		in[s.Key] = s.In
	}
	all := make(map[string]trialsOfStage, len(p.Stages))
	for _, trial := range p.Trials {
		seen := map[string]bool{}
		var visit func(keys map[string]string)
		visit = func(keys map[string]string) {
			for _, key := range keys {
				if seen[key] {
					continue
				}
				seen[key] = true
				t := all[key]
				if t.Trials++; len(t.Names) < shownTrials {
					t.Names = append(t.Names, trial.Name)
				}
				all[key] = t
				visit(in[key])
			}
		}
		visit(trial.Stages)
	}
	return all
}

// count sums stages and trials up.
func (w *watcher) count(l *look, st *sweepStatus) {
	index := map[string]int{}
	bad, running, done := map[string]bool{}, map[string]bool{}, map[string]bool{} // bad: failed or blocked
	for i, t := range w.tasks {
		if l.survey.Status[i] == schedule.Unneeded {
			continue
		}
		at, ok := index[t.Op]
		if !ok {
			at = len(st.Ops)
			index[t.Op] = at
			st.Ops = append(st.Ops, opStatus{Op: t.Op})
		}
		own := counts{Total: 1}
		done[t.Key] = l.survey.Status[i] == schedule.Cached
		for _, need := range t.Needs { // blocked by, or after, what it needs
			bad[t.Key] = bad[t.Key] || !done[t.Key] && bad[need]
			running[t.Key] = running[t.Key] || !done[t.Key] && running[need]
		}
		s := l.running[t.Key]
		switch {
		case done[t.Key]:
			own.Done = 1
		case s != nil && !s.Queued:
			own.Running, running[t.Key] = 1, true
		case l.failed[t.Key] != nil:
			own.Failed, bad[t.Key] = 1, true
		case bad[t.Key]:
			own.Blocked = 1
		default:
			own.Waiting = 1
		}
		st.Ops[at].add(own)
		st.Stages.add(own)
	}
	for _, trial := range w.plan.Trials {
		st.Trials.add(trialCounts(trial, done, running, bad))
	}
}

func trialCounts(t record.Trial, done, running, bad map[string]bool) counts {
	all, any, failed := true, false, false
	for _, key := range t.Stages {
		all, any, failed = all && done[key], any || running[key], failed || bad[key]
	}
	switch {
	case all:
		return counts{Total: 1, Done: 1}
	case failed:
		return counts{Total: 1, Failed: 1}
	case any:
		return counts{Total: 1, Running: 1}
	}
	return counts{Total: 1, Waiting: 1}
}

func (c *counts) add(o counts) {
	c.Total, c.Done, c.Running, c.Waiting = c.Total+o.Total, c.Done+o.Done, c.Running+o.Running, c.Waiting+o.Waiting
	c.Failed, c.Blocked = c.Failed+o.Failed, c.Blocked+o.Blocked
}

// left estimates the rest. What cannot be read leaves it unknown.
func (w *watcher) left(l *look, st *sweepStatus) {
	if w.forecast == nil || l.at.Sub(w.asked) >= forecastEvery {
		f, err := forecast.New(w.store, w.tasks, l.survey, forecast.On("", l.jobs()))
		if err != nil {
			return
		}
		w.forecast, w.asked = f, l.at
	}
	f := w.forecast
	f.Survey(l.survey, l.jobs())
	share := map[string]float64{}
	for i, t := range w.tasks {
		if l.survey.Status[i] != schedule.ToRun {
			continue
		}
		e := f.Stages[i].Seconds
		if s := l.running[t.Key]; s != nil && !s.Queued {
			share[t.Key] = s.share(l.at, e.Value)
			s.Left = s.remaining(l.at, share[t.Key], e.Value)
		}
		if l.failed[t.Key] != nil {
			share[t.Key] = 1
		} else if !e.Known() {
			st.Unknown++
		}
	}
	if seconds, known := f.Left(func(key string) float64 { return share[key] }); known {
		st.Left = &seconds
	}
}

// jobs is how many stages run at a time, over all processes.
func (l *look) jobs() int {
	n := 0
	for i, p := range l.processes {
		var j exec.Jobs
		if l.lives[i] != store.Gone && j.Set(p.Jobs) == nil {
			n += j.Assumed()
		}
	}
	return max(n, 1)
}

// share is how much of a running stage is done.
func (s *stageStatus) share(at time.Time, expected float64) float64 {
	if s.Total > 0 {
		return min(float64(s.Done)/float64(s.Total), 0.99)
	}
	if expected > 0 && !s.Since.IsZero() {
		return min(at.Sub(s.Since).Seconds()/expected, 0.9)
	}
	return 0
}

// remaining is by its own speed once that can be told, else by stages before.
func (s *stageStatus) remaining(at time.Time, share, expected float64) *float64 {
	var left float64
	switch {
	case s.Total > 0 && share >= 0.1:
		left = at.Sub(s.Since).Seconds() * (1 - share) / share
	case expected > 0:
		left = expected * (1 - share)
	default:
		return nil
	}
	return &left
}

// live says whether something still works on the sweep, or will.
func (st *sweepStatus) live() bool { return st.State == "running" || st.State == "queued" }

// judge says in a word how the sweep stands.
func (st *sweepStatus) judge(l *look) string {
	alive, last := false, (*record.Process)(nil)
	for i := range l.processes {
		alive = alive || l.lives[i] != store.Gone
		last = &l.processes[i]
	}
	queued := slices.ContainsFunc(st.Running, func(s stageStatus) bool { return s.Queued })
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
func (w *watcher) command(l *look) []string {
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
