package schedule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"react/runner/store"
)

// Reporter is told how the run goes, from several goroutines when Jobs is over
// one.
type Reporter interface {
	Begin(t *Task, n, total int) // the nth of total tasks to make begins
	Wait(t *Task, holder string) // another process makes it; said once
	Progress(t *Task, done, total int, note string)
	Warn(t *Task, text string)
	End(t *Task, o Outcome) // cached tasks end without having begun
}

// Outcome is how a task ended.
type Outcome struct {
	Entry  store.Entry
	Err    error // nil: the entry is there
	Cached bool  // found, not made
	Took   time.Duration
}

type silent struct{}

func (silent) Begin(*Task, int, int)            {}
func (silent) Wait(*Task, string)               {}
func (silent) Progress(*Task, int, int, string) {}
func (silent) Warn(*Task, string)               {}
func (silent) End(*Task, Outcome)               {}

// attempt makes one task's entry: filled and published under its lease. The log
// is kept either way.
func attempt(ctx context.Context, t *Task, inputs inputs, lease *store.Lease, opts Options) result {
	defer lease.Release()
	start := time.Now()
	entry, err := retried(ctx, t, opts, func() (store.Entry, error) { return fill(ctx, t, inputs, opts) })
	opts.Reporter.End(t, Outcome{Entry: entry, Err: err, Took: time.Since(start)})
	return result{task: t, entry: entry, err: err}
}

// fill is one attempt, noted in the store when it begins and when it ends.
func fill(ctx context.Context, t *Task, inputs inputs, opts Options) (store.Entry, error) {
	if err := opts.Store.Prepare(); err != nil {
		return store.Entry{}, err
	}
	note, err := opts.Store.BeginAttempt(t.Key, t.Op)
	if err != nil {
		return store.Entry{}, err
	}
	entry, err := publish(ctx, t, inputs, opts)
	cause, text := "", ""
	if err != nil {
		cause, text = string(causeOf(err)), err.Error()
	}
	if err != nil && ctx.Err() != nil { // ops wrap the context's error, or do not
		cause = string(CauseStopped)
	}
	_ = note.End(cause, text) // a full disk, which err says already
	return entry, err
}

// publish runs the task in a transaction. An output that is complete is
// published even when the run was cancelled meanwhile.
func publish(ctx context.Context, t *Task, inputs inputs, opts Options) (store.Entry, error) {
	txn, err := opts.Store.Begin(t.Key, t.Op, t.Lines)
	if err != nil {
		return store.Entry{}, err
	}
	log, err := openLog(opts.Store, t)
	if err != nil {
		return store.Entry{}, errors.Join(err, txn.Discard())
	}
	defer log.Close()
	n := &notes{task: t, log: log, reporter: opts.Reporter, facts: map[string]any{}}
	if err = inputs.check(ctx, opts.Store); err == nil {
		err = call(ctx, t, n.attempt(txn.Dir(), opts.Store.Partial(t.Key), inputs.dirs()), log)
		n.logProgress(0)
	}
	if err == nil { // what changed meanwhile, whether it had been read or not
		err = inputs.check(context.WithoutCancel(ctx), opts.Store)
	}
	if err != nil {
		err = inside{err, txn.Dir()}
		n.logEnd(err)
		return store.Entry{}, errors.Join(opts.Store.Blame("stage "+t.Name(), err), txn.Discard())
	}
	facts, warnings := n.close()
	txn.Reads(inputs.digests(opts.Volatile))
	entry, err := txn.Commit(facts, warnings)
	if err == nil {
		err = opts.Store.DropPartial(t.Key)
	}
	if err == nil && len(entry.Differs) > 0 {
		opts.Reporter.Warn(t, fmt.Sprintf("another process made it at the same time, with other bytes in %s; its output is used", list(entry.Differs, 4)))
	}
	return entry, err
}

// inside is an error of an attempt. Its text names files of the attempt's
// directory, which nobody can look at any more, by their place in it.
type inside struct {
	error
	dir string
}

// Error is the text without the directory.
func (e inside) Error() string {
	return strings.ReplaceAll(e.error.Error(), e.dir+string(filepath.Separator), "")
}

// Unwrap returns the error as it was.
func (e inside) Unwrap() error { return e.error }

// guarded makes a panic of this package or of the store an error of the task, as
// call does for one of the task: others go on.
func guarded(t *Task, opts Options, do func() result) (done result) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		done = result{task: t, err: panicked{p}}
		if log, err := openLog(opts.Store, t); err == nil {
			fmt.Fprintf(log, "panic: %v\n%s", p, debug.Stack())
			log.Close()
		}
	}()
	return do()
}

// call runs the task's function; a panic becomes an error, its stack goes to
// the log.
func call(ctx context.Context, t *Task, a *Attempt, log io.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(log, "panic: %v\n%s", p, debug.Stack())
			err = panicked{p}
		}
	}()
	return t.Run(ctx, a)
}

// openLog appends: the log of an attempt that failed stays above the next.
func openLog(s *store.Store, t *Task) (io.WriteCloser, error) {
	path := s.LogPath(t.Key, t.Op)
	f, err := store.OpenAppend(path, os.O_CREATE|os.O_WRONLY)
	if err != nil {
		return nil, &store.Error{Root: s.Root(), What: "open log " + filepath.Base(path), Err: err}
	}
	fmt.Fprintf(f, "--- %s %s, process %d\n", time.Now().UTC().Format(time.RFC3339), t.Name(), os.Getpid())
	return &lockedWriter{w: f}, nil
}

// lockedWriter lets an op's goroutines share its log.
type lockedWriter struct {
	mu sync.Mutex
	w  io.WriteCloser
}

// Write writes one whole message.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// Close closes the log.
func (l *lockedWriter) Close() error { return l.w.Close() }

// notes gathers what an attempt says for the manifest.
type notes struct {
	task     *Task
	log      io.Writer
	reporter Reporter

	mu       sync.Mutex
	facts    map[string]any
	warnings []string
	progress string    // the last line that was not logged
	logged   time.Time // when one was
}

func (n *notes) attempt(dir, partial string, inputs map[string]string) *Attempt {
	return &Attempt{Dir: dir, Partial: partial, In: inputs, Log: n.log, Warn: n.warn, Fact: n.fact,
		Progress: n.advance}
}

// logEvery is the least time between two lines of progress in a log.
const logEvery = 10 * time.Second

// advance passes progress on, and logs it now and then.
func (n *notes) advance(done, total int, note string) {
	n.mu.Lock()
	n.progress = fmt.Sprintf("%d/%d %s", done, total, note)
	n.mu.Unlock()
	n.logProgress(logEvery)
	n.reporter.Progress(n.task, done, total, note)
}

// logProgress logs how far the attempt is, with the time, where nothing was logged for so long.
func (n *notes) logProgress(since time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now := time.Now(); n.progress != "" && now.Sub(n.logged) >= since {
		fmt.Fprintf(n.log, "%s %s\n", now.UTC().Format(time.RFC3339), n.progress)
		n.progress, n.logged = "", now
	}
}

// logEnd logs why the attempt ended: somebody who interrupts it makes no error.
func (n *notes) logEnd(err error) {
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(n.log, time.Now().UTC().Format(time.RFC3339), "interrupted")
		return
	}
	fmt.Fprintln(n.log, "error:", err)
}

func (n *notes) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	n.mu.Lock()
	n.warnings = append(n.warnings, text)
	n.mu.Unlock()
	fmt.Fprintln(n.log, "warning:", text)
	n.reporter.Warn(n.task, text)
}

func (n *notes) fact(key string, value any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.facts[key] = value
}

func (n *notes) close() (map[string]any, []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.facts, n.warnings
}
