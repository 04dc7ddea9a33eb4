package schedule

import (
	"context"
	"errors"
	"time"
)

// ErrNotBegun is what a task's Assist returns where the process that makes the
// task has not come so far that it can be helped.
var ErrNotBegun = errors.New("there is nothing to help with yet")

// assist has a process that would only wait do parts of the tasks that others
// make, where tasks have parts. Who holds the lease publishes; when it dies, the
// lease is taken here, and what was done is there.
func (r *run) assist(ctx context.Context, results chan<- result) {
	for _, i := range r.aside {
		t := r.tasks[i]
		h := r.helps[i]
		switch {
		case t.Assist == nil || h.running || h.done == r.holders[i] || time.Now().Before(h.next):
			continue
		case r.active >= r.opts.Jobs || !r.fits(t.Uses) || ctx.Err() != nil:
			continue
		}
		r.helps[i] = help{running: true, of: r.holders[i]}
		r.occupy(t.Uses, 1)
		inputs := r.inputs(t)
		go func() {
			done := guarded(t, r.opts, func() result { return result{err: assisted(ctx, t, inputs, r.opts)} })
			results <- result{task: t, helped: true, err: done.err}
		}()
	}
}

// help is what this process does for a task of another.
type help struct {
	running bool
	of      string // holder that is helped
	done    string // holder for whom nothing is left to do
	next    time.Time
}

// helpPause is the time after which a process looks again whether a task that
// another has just begun can be helped.
const helpPause = 200 * time.Millisecond

// assisted is one call of a task's Assist.
func assisted(ctx context.Context, t *Task, inputs inputs, opts Options) error {
	if err := inputs.check(ctx, opts.Store); err != nil {
		return err
	}
	log, err := openLog(opts.Store, t)
	if err != nil {
		return err
	}
	defer log.Close()
	n := &notes{task: t, log: log, reporter: opts.Reporter, facts: map[string]any{}}
	whole := &Task{Key: t.Key, Op: t.Op, Run: t.Assist}
	return call(ctx, whole, n.attempt("", opts.Store.Partial(t.Key), inputs.dirs()), log)
}

// helped records the end of a help.
func (r *run) helped(ctx context.Context, done result) {
	i := r.index[done.task.Key]
	h := help{of: r.helps[i].of, done: r.helps[i].of}
	if errors.Is(done.err, ErrNotBegun) {
		h = help{next: time.Now().Add(helpPause)}
	} else if done.err != nil && ctx.Err() == nil {
		r.opts.Reporter.Warn(done.task, "this process cannot help: "+done.err.Error())
	}
	r.helps[i] = h
}
