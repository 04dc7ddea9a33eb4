// Package schedule brings a plan's stages into the store: each once, after its
// inputs, at most Jobs at a time. It knows tasks and the store; what a task
// does is a function that fills a directory.
//
// Words: a task is one stage with the function that makes it; an attempt is
// one call of that function. A task is cached when the store has its key, made
// when an attempt was published, failed when its attempt returned an error,
// blocked when one of its inputs failed.
//
// A failure stops only what depends on it (or everything, with FailFast); a
// fault of the store stops everything. Cancelling the context cancels the
// attempts, whose directories are dropped: what was published stays, and the
// same call later goes on from there.
package schedule

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"react/runner/store"
)

// Task is one stage.
type Task struct {
	Key    string
	Op     string
	Lines  []string // the key's preimage, for the manifest
	Needs  []string // keys of the tasks it reads
	Trials []string // trials that need it, for messages
	Run    func(ctx context.Context, a *Attempt) error
}

// Name is how messages call the task.
func (t *Task) Name() string { return t.Op + " " + t.Key[:min(12, len(t.Key))] }

// Attempt is what a task's function is given. Its functions may be called from
// several goroutines until Run returns.
type Attempt struct {
	Dir      string            // empty directory to fill
	In       map[string]string // key of a needed task → its directory, read-only
	Log      io.Writer         // kept also when the attempt fails
	Progress func(done, total int, note string)
	Warn     func(format string, args ...any)
	Fact     func(key string, value any) // for the manifest
}

// Options say where and how to run.
type Options struct {
	Store    *store.Store
	Jobs     int // attempts at a time; below 1 means 1
	FailFast bool
	Reporter Reporter // nil: silent
}

// Report is what a run came to, also when it returned an error.
type Report struct {
	Entries  map[string]store.Entry // by key: cached and made
	Cached   []*Task                // in the order of the tasks, as all lists here
	Made     []*Task
	Failures []Failure
	Blocked  []*Task
}

// Failure is a task whose attempt returned an error.
type Failure struct {
	Task *Task
	Err  error
	Log  string // path
}

// Error says what failed, why, for whom, and where to read more.
func (f Failure) Error() string {
	return fmt.Sprintf("stage %s: %v\n\ttrials: %s\n\tlog: %s", f.Task.Name(), f.Err, list(f.Task.Trials, 4), f.Log)
}

// Unwrap returns the cause.
func (f Failure) Unwrap() error { return f.Err }

// Failed is the error of a run in which tasks failed.
type Failed struct {
	Failures []Failure
	NotRun   int // other tasks without an entry: blocked, or stopped by FailFast
}

// Error has a paragraph for each failure.
func (e *Failed) Error() string {
	var b strings.Builder
	for _, f := range e.Failures {
		b.WriteString(f.Error() + "\n")
	}
	fmt.Fprintf(&b, "%s failed", count(len(e.Failures), "stage"))
	if e.NotRun > 0 {
		fmt.Fprintf(&b, ", %s did not run", count(e.NotRun, "stage"))
	}
	return b.String()
}

// Unwrap returns the failures.
func (e *Failed) Unwrap() []error {
	errs := make([]error, len(e.Failures))
	for i, f := range e.Failures {
		errs[i] = f
	}
	return errs
}

// Run brings every task into the store. tasks are in topological order: what a
// task needs stands before it. The error is a *Failed, a *store.Error, or one
// that wraps the context's; the report is never nil.
func Run(ctx context.Context, tasks []*Task, opts Options) (*Report, error) {
	if opts.Reporter == nil {
		opts.Reporter = silent{}
	}
	opts.Jobs = max(opts.Jobs, 1)
	r, err := newRun(tasks, opts)
	if err != nil {
		return r.report, err
	}
	if err := r.findCached(); err != nil {
		return r.report, err
	}
	return r.report, r.loop(ctx)
}

// run is the state of one call of Run, used by its goroutine alone.
type run struct {
	opts    Options
	tasks   []*Task
	index   map[string]int // key → place in tasks
	readers [][]int        // task → the tasks that need it
	missing []int          // task → inputs not there yet
	done    []bool         // cached or made
	dead    []bool         // failed, stopped or blocked
	ready   indexHeap      // tasks to begin, first in order first
	report  *Report
	total   int   // tasks to make
	begun   int   // of them
	fault   error // of the store: nothing more is begun
}

func newRun(tasks []*Task, opts Options) (*run, error) {
	n := len(tasks)
	r := &run{opts: opts, tasks: tasks, index: make(map[string]int, n), readers: make([][]int, n),
		missing: make([]int, n), done: make([]bool, n), dead: make([]bool, n), report: &Report{Entries: make(map[string]store.Entry, n)}}
	for i, t := range tasks {
		if _, twice := r.index[t.Key]; twice {
			return r, fmt.Errorf("bug: stage %s is planned twice", t.Name())
		}
		r.index[t.Key] = i
		r.missing[i] = len(t.Needs)
		for _, need := range t.Needs {
			j, ok := r.index[need]
			if !ok || j == i {
				return r, fmt.Errorf("bug: stage %s does not come after its input %s", t.Name(), need)
			}
			r.readers[j] = append(r.readers[j], i)
		}
	}
	return r, nil
}

// result is what an attempt came to.
type result struct {
	task   *Task
	entry  store.Entry
	cached bool // another process had published it
	err    error
}

// findCached looks every task up, sets damaged entries aside, and finds what
// can begin.
func (r *run) findCached() error {
	for i, t := range r.tasks {
		entry, ok, err := lookup(r.opts.Store, t, r.opts.Reporter)
		if err != nil {
			return err
		}
		if r.done[i] = ok; !ok {
			r.total++
			continue
		}
		r.report.Cached = append(r.report.Cached, t)
		r.report.Entries[t.Key] = entry
		r.opts.Reporter.End(t, Outcome{Entry: entry, Cached: true})
	}
	for i, t := range r.tasks {
		switch {
		case r.done[i]:
			r.release(i)
		case len(t.Needs) == 0:
			heap.Push(&r.ready, i)
		}
	}
	return nil
}

// release tells a finished task's readers. A reader may be cached although an
// input of it was not.
func (r *run) release(i int) {
	for _, j := range r.readers[i] {
		if r.missing[j]--; r.missing[j] == 0 && !r.done[j] {
			heap.Push(&r.ready, j)
		}
	}
}

// lookup finds a task's entry; a damaged one is reported, moved away and
// counts as missing.
func lookup(s *store.Store, t *Task, rep Reporter) (store.Entry, bool, error) {
	entry, ok, err := s.Lookup(t.Key)
	var damaged *store.Damaged
	if !errors.As(err, &damaged) {
		return entry, ok, err
	}
	aside, err := s.SetAside(t.Key)
	if err != nil {
		return store.Entry{}, false, err
	}
	rep.Warn(t, fmt.Sprintf("%v; moved to %s, made again", damaged, aside))
	return store.Entry{}, false, nil
}

// loop begins what is ready and waits for what runs, until neither is left.
func (r *run) loop(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	results := make(chan result)
	for active := 0; ; {
		for ctx.Err() == nil && active < r.opts.Jobs && r.ready.Len() > 0 {
			t, inputs := r.begin(heap.Pop(&r.ready).(int))
			active++
			go func() { results <- attempt(ctx, t, inputs, r.opts) }()
		}
		if active == 0 {
			break
		}
		done := <-results
		active--
		if stop := r.settle(ctx, done); stop {
			cancel()
		}
	}
	return r.verdict(parent)
}

func (r *run) begin(i int) (t *Task, inputs map[string]string) {
	t = r.tasks[i]
	inputs = make(map[string]string, len(t.Needs))
	for _, need := range t.Needs {
		inputs[need] = r.report.Entries[need].Dir
	}
	r.begun++
	r.opts.Reporter.Begin(t, r.begun, r.total)
	return t, inputs
}

// settle records a result and says whether everything is to stop.
func (r *run) settle(ctx context.Context, done result) (stop bool) {
	t := done.task
	if done.err == nil {
		i := r.index[t.Key]
		r.done[i] = true
		r.report.Entries[t.Key] = done.entry
		r.release(i)
		if done.cached {
			r.report.Cached = append(r.report.Cached, t)
			return false
		}
		r.report.Made = append(r.report.Made, t)
		return false
	}
	r.dead[r.index[t.Key]] = true
	var fault *store.Error
	if errors.As(done.err, &fault) {
		r.fault = errors.Join(r.fault, fault)
		return true
	}
	if ctx.Err() != nil {
		return false // stopped, not failed: ops wrap the context's error, or do not
	}
	r.report.Failures = append(r.report.Failures, Failure{t, done.err, r.opts.Store.LogPath(t.Key, t.Op)})
	return r.opts.FailFast
}

// verdict chooses the error: what a person must do first comes first.
func (r *run) verdict(ctx context.Context) error {
	r.findBlocked()
	switch {
	case r.fault != nil:
		return r.fault
	case ctx.Err() != nil && len(r.report.Entries) < len(r.tasks):
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case len(r.report.Failures) > 0:
		return &Failed{r.report.Failures, len(r.tasks) - len(r.report.Entries) - len(r.report.Failures)}
	}
	return nil
}

// findBlocked lists the tasks that need a failed one, at any distance.
func (r *run) findBlocked() {
	for i, t := range r.tasks {
		if r.done[i] || r.dead[i] {
			continue
		}
		for _, need := range t.Needs {
			if r.dead[r.index[need]] {
				r.dead[i] = true
				r.report.Blocked = append(r.report.Blocked, t)
				break
			}
		}
	}
}

// indexHeap gives the smallest index first.
type indexHeap []int

func (h indexHeap) Len() int           { return len(h) }
func (h indexHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h indexHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *indexHeap) Push(x any) { *h = append(*h, x.(int)) }

// Pop implements heap.Interface.
func (h *indexHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// list joins the first most names.
func list(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
