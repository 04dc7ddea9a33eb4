// Package schedule brings a plan's stages into the store: each once, after its
// inputs, at most Jobs at a time. It knows tasks and the store; what a task
// does is a function that fills a directory.
//
// Words: a task is one stage with the function that makes it; an attempt is
// one call of that function. A task is cached when the store has its key, made
// when an attempt was published, failed when its attempt returned an error,
// blocked when one of its inputs failed.
//
// Several processes may run overlapping plans on one store: each attempt holds
// the lease of its key. A task whose lease another process holds is put aside
// while others run, and its output is adopted when it is published; when the
// other process dies, the task is attempted here. Where nothing else is to be
// run and the task has parts, this process does some of them meanwhile.
//
// A task reads only what is as its manifest says: inputs are compared with their
// digests before it runs and after, and what they were is noted in its manifest.
// An input that is found damaged before anything runs is set aside and made again.
//
// A failure, a panic too, stops only what depends on it (or everything, with
// FailFast); a fault of the store stops everything. Cancelling the context cancels the
// attempts and drops their directories; what was published stays, and the same call
// resumes later.
package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"react/data/heap"
	"react/data/words"
	"react/runner/cli"
	"react/runner/store"
)

// Task is one stage.
type Task struct {
	Key    string
	Op     string
	Title  string   // what it is in words, "" where nobody says
	Lines  []string // the key's preimage, for the manifest
	Needs  []string // keys of the tasks it reads, each once
	Wanted bool     // for itself; other tasks run only for a reader that runs
	Trials []string // trials that need it, for messages
	Uses   Resources
	Run    func(ctx context.Context, a *Attempt) error
	// Assist does parts of the task, into a.Partial, while another process holds
	// its lease; nil for a task without parts. It is told of no directory.
	Assist func(ctx context.Context, a *Attempt) error
}

// Called is what people are told of the task: its title, else its name.
func (t *Task) Called() string { return cmp.Or(t.Title, t.Name()) }

// Name is how messages call the task.
func (t *Task) Name() string { return t.Op + " " + t.Key[:min(12, len(t.Key))] }

// Attempt is what a task's function is given. Its functions may be called from
// several goroutines until Run returns.
type Attempt struct {
	Dir string // empty directory to fill
	// directory that outlives the attempt until an output is published; not made
	Partial  string
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
	Retries  int      // of a task whose cause may pass (causeOf)
	Limits   Limits   // of what runs at a time, besides Jobs
	Reporter Reporter // nil: silent

	retryPause time.Duration // before the first retry, doubling; 0 is a second

	// Aside moves a damaged entry away with what may have been made from it, and
	// returns where the entry is now, and how many others went; nil moves the entry
	// alone.
	Aside func(key string) (to string, others int, err error)
	// Volatile are files that differ each time an output is made; manifests of
	// readers do not name their bytes.
	Volatile []string
	// Notice is told what takes long before anything runs; nil for nobody.
	Notice func(text string)
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
	fmt.Fprintf(&b, "%s failed", words.Plural(len(e.Failures), "stage"))
	if e.NotRun > 0 {
		fmt.Fprintf(&b, ", %s did not run", words.Plural(e.NotRun, "stage"))
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

// Run brings every task that is wanted into the store. tasks are in topological
// order: what a task needs stands before it. The error is a *Failed, a
// *store.Error, or one that wraps the context's; the report is never nil.
func Run(ctx context.Context, tasks []*Task, opts Options) (*Report, error) {
	if opts.Reporter == nil {
		opts.Reporter = silent{}
	}
	opts.Jobs = max(opts.Jobs, 1)
	r := &run{opts: opts, tasks: tasks, ready: heap.Heap[int]{Before: cmp.Less[int]}}
	r.report = &Report{Entries: make(map[string]store.Entry, len(tasks))}
	if err := r.prepare(ctx); err != nil {
		return r.report, err
	}
	return r.report, r.loop(ctx)
}

// run is the state of one call of Run, used by its goroutine alone.
type run struct {
	opts    Options
	tasks   []*Task
	survey  *Survey
	index   map[string]int // key → place in tasks
	readers [][]int        // task → the tasks that need it
	missing []int          // task → inputs that are not there yet
	dead    []bool         // failed, stopped or blocked
	ready   heap.Heap[int] // tasks to begin, first in order first
	aside   []int          // ready, but another process has their lease
	told    map[int]bool   // put aside before
	holders map[int]string // of the leases of tasks put aside
	helps   map[int]help   // of those tasks
	active  int            // attempts that run
	used    Resources      // by them, together
	devices int            // of them, that hold a device
	report  *Report
	total   int   // tasks to make
	begun   int   // of them
	fault   error // of the store: nothing more is begun
}

// prepare looks every task up and finds what can begin.
func (r *run) prepare(ctx context.Context) error {
	var err error
	if r.readers, err = findReaders(r.tasks); err != nil {
		return err
	}
	if err := r.lookSound(ctx); err != nil {
		return err
	}
	r.total = r.survey.Count(ToRun)
	r.index = make(map[string]int, len(r.tasks))
	r.missing, r.dead, r.told = make([]int, len(r.tasks)), make([]bool, len(r.tasks)), map[int]bool{}
	r.holders, r.helps = map[int]string{}, map[int]help{}
	for i, t := range r.tasks {
		r.index[t.Key] = i
		switch r.survey.Status[i] {
		case Cached:
			r.found(i, r.survey.Entries[i])
		case ToRun:
			r.wait(i)
		}
	}
	return nil
}

func (r *run) found(i int, entry store.Entry) {
	t := r.tasks[i]
	r.report.Cached = append(r.report.Cached, t)
	r.report.Entries[t.Key] = entry
	r.opts.Reporter.End(t, Outcome{Entry: entry, Cached: true})
}

// wait counts what a task waits for. Inputs stand before it, so what is cached
// has its entry.
func (r *run) wait(i int) {
	for _, need := range r.tasks[i].Needs {
		if _, ok := r.report.Entries[need]; !ok {
			r.missing[i]++
		}
	}
	if r.missing[i] == 0 {
		r.ready.Push(i)
	}
}

// release tells a finished task's readers. A reader may be cached although an
// input of it was not.
func (r *run) release(i int) {
	for _, j := range r.readers[i] {
		if r.survey.Status[j] != ToRun {
			continue
		}
		if r.missing[j]--; r.missing[j] == 0 {
			r.ready.Push(j)
		}
	}
}

// result is what an attempt came to.
type result struct {
	task   *Task
	entry  store.Entry
	err    error
	helped bool // of another process; the task is not made
}

// lookup finds a task's whole entry; a damaged one is reported, moved away and
// counts as missing.
func (r *run) lookup(t *Task) (store.Entry, bool, error) {
	entry, ok, err := r.opts.Store.Lookup(t.Key)
	if damaged := new(store.Damaged); errors.As(err, &damaged) {
		return store.Entry{}, false, r.setAside(t, damaged)
	}
	return entry, ok && len(entry.Evicted) == 0, err
}

// The time between two looks at the leases of other processes grows from the
// one to the other while nothing happens.
const (
	pollFirst = 20 * time.Millisecond
	pollLast  = time.Second
)

// loop begins what is ready and waits for what runs, here or in another
// process, until neither is left.
func (r *run) loop(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	results := make(chan result)
	for poll := pollFirst; ; {
		if err := r.start(ctx, results); err != nil {
			r.fault = errors.Join(r.fault, err)
			cancel()
		}
		r.assist(ctx, results)
		if r.active == 0 && (len(r.aside) == 0 || ctx.Err() != nil) {
			break
		}
		select {
		case done := <-results:
			r.occupy(done.task.Uses, -1)
			if done.helped {
				r.helped(ctx, done)
				break
			}
			poll = pollFirst
			if stop := r.settle(ctx, done); stop {
				cancel()
			}
		case <-r.look(poll):
			poll = min(2*poll, pollLast)
		case <-r.idle(ctx):
		}
		r.retake()
	}
	return r.verdict(parent)
}

// look fires when it is time to try the tasks put aside again.
func (r *run) look(after time.Duration) <-chan time.Time {
	if len(r.aside) == 0 {
		return nil
	}
	return time.After(after)
}

// idle fires when the run is cancelled while nothing runs here.
func (r *run) idle(ctx context.Context) <-chan struct{} {
	if r.active > 0 {
		return nil
	}
	return ctx.Done()
}

// start begins what is ready and fits beside what runs, first in order first.
// The error is a fault of the store.
func (r *run) start(ctx context.Context, results chan<- result) error {
	var large []int
	defer func() {
		for _, i := range large {
			r.ready.Push(i)
		}
	}()
	for ctx.Err() == nil && r.active < r.opts.Jobs && r.ready.Len() > 0 {
		i := r.ready.Pop()
		if !r.fits(r.tasks[i].Uses) {
			large = append(large, i)
			continue
		}
		lease, err := r.take(i)
		if err != nil {
			return err
		}
		if lease == nil {
			continue
		}
		t, inputs := r.begin(i)
		r.occupy(t.Uses, 1)
		go func() {
			results <- guarded(t, r.opts, func() result { return attempt(ctx, t, inputs, lease, r.opts) })
		}()
	}
	return nil
}

// take gets the lease of a task that has no entry. A task that another process
// is making is put aside; one that it has made is adopted.
func (r *run) take(i int) (*store.Lease, error) {
	t := r.tasks[i]
	lease, holder, err := r.opts.Store.TryLease(t.Key, t.Op)
	if err != nil {
		return nil, err
	}
	if lease == nil {
		r.aside = append(r.aside, i)
		r.holders[i] = holder.ID
		if !r.told[i] {
			r.told[i] = true
			r.opts.Reporter.Wait(t, holder.String())
		}
		return nil, nil
	}
	entry, ok, err := r.lookup(t)
	if err != nil || ok {
		lease.Release()
		lease = nil
	}
	if ok {
		r.total--
		r.found(i, entry)
		r.release(i)
	}
	return lease, err
}

// retake makes the tasks put aside ready again, to try their leases.
func (r *run) retake() {
	for _, i := range r.aside {
		r.ready.Push(i)
	}
	r.aside = r.aside[:0]
}

func (r *run) begin(i int) (t *Task, inputs inputs) {
	t = r.tasks[i]
	r.begun++
	r.opts.Reporter.Begin(t, r.begun, r.total)
	return t, r.inputs(t)
}

// inputs are what a task reads, all of which is there.
func (r *run) inputs(t *Task) inputs {
	inputs := make(inputs, len(t.Needs))
	for _, need := range t.Needs {
		inputs[need] = r.report.Entries[need]
	}
	return inputs
}

// settle records a result and says whether everything is to stop.
func (r *run) settle(ctx context.Context, done result) (stop bool) {
	t := done.task
	if done.err == nil {
		r.report.Entries[t.Key] = done.entry
		r.release(r.index[t.Key])
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
	case ctx.Err() != nil && r.left() > 0:
		return cli.ErrInterrupted
	case len(r.report.Failures) > 0:
		return &Failed{r.report.Failures, r.left()}
	}
	return nil
}

// left counts the tasks that should have an entry, have none and did not fail.
func (r *run) left() int {
	return len(r.tasks) - r.survey.Count(Unneeded) - len(r.report.Entries) - len(r.report.Failures)
}

// findBlocked lists the tasks that need a failed one, at any distance.
func (r *run) findBlocked() {
	for i, t := range r.tasks {
		if _, ok := r.report.Entries[t.Key]; ok || r.dead[i] || r.survey.Status[i] == Unneeded {
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

// list joins the first most names.
func list(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
