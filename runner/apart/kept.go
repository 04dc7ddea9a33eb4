package apart

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"react/ops/engine"
	"react/ops/op"
)

// Kept runs stages in children that keep an engine open, with what it has compiled, for the next
// stage: as many children as stages run at a time. A child that ends by itself, or whose engine
// stands still, takes one stage along, which another attempt makes, from its last save.
type Kept struct {
	spec     func(place int) string // of the engine
	programs string                 // folder of what it compiles
	patience time.Duration

	mu     sync.Mutex
	places []place
}

// place is where one stage is made at a time: a child's, which has devices of its own.
type place struct {
	worker *worker // nil where none was started, or it ended
	busy   bool
}

// Keep is for stages on engines, each in the first place that is free, from 0 on; spec names the
// engine of a place. What it compiles is kept in the folder of programs.
func Keep(spec func(place int) string, programs string) *Kept {
	return &Kept{spec: spec, programs: programs, patience: engine.Patience}
}

// Run makes a stage with an op. opened is called when it has opened the engine. peak is the memory
// in bytes that the child held at most.
func (k *Kept) Run(ctx context.Context, op string, run *op.Run, params json.RawMessage, opened func()) (peak int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	at, free := k.take()
	defer free()
	q := ask(op, run, params)
	q.Engine, q.Programs, q.Fit, q.Patience = k.spec(at), k.programs, run.Fit, k.patience
	w, err := k.asked(at, q, run.Log)
	if err != nil {
		return 0, fmt.Errorf("a process for %s: %w", op, err)
	}
	unstopped := context.AfterFunc(ctx, w.stop)
	last, err := w.follow(run, k.patience, opened)
	goesOn := unstopped() && err == nil && !last.Stalled
	if goesOn && !last.Full {
		k.keep(at, w)
		return last.Peak, last.failure()
	}
	w.Dismiss()
	w.wait()
	switch {
	case goesOn:
		return last.Peak, last.failure()
	case ctx.Err() != nil:
		return last.Peak, ctx.Err()
	case err != nil:
		return last.Peak, passing{w.died(ctx, op)}
	}
	return last.Peak, passing{fmt.Errorf("%w; the stage's log has the stacks", last.failure())}
}

// asked is a child that was asked: the one that waits in a place, or else a new one. A stage that
// is told to stop still saves its state, so that a child does not end with its context.
func (k *Kept) asked(at int, q request, log io.Writer) (*worker, error) {
	if w := k.waiting(at); w != nil {
		w.log.divert(log)
		if w.Ask(q) == nil {
			return w, nil
		}
		w.wait() // it ended while it waited
	}
	return start(context.Background(), q, log)
}

// take takes the first free place, until free is called.
func (k *Kept) take() (at int, free func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at = slices.IndexFunc(k.places, func(p place) bool { return !p.busy })
	if at < 0 {
		at = len(k.places)
		k.places = append(k.places, place{})
	}
	k.places[at].busy = true
	return at, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.places[at].busy = false
	}
}

// waiting takes the child of a place; nil where there is none.
func (k *Kept) waiting(at int) *worker {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.places[at].worker
	k.places[at].worker = nil
	return w
}

// keep leaves a child in a place.
func (k *Kept) keep(at int, w *worker) {
	w.log.divert(io.Discard)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.places[at].worker = w
}

// Close ends the children, of which none may make a stage.
func (k *Kept) Close() {
	for at := range k.places {
		if w := k.waiting(at); w != nil {
			w.Dismiss()
			w.wait()
		}
	}
}

// grace is how long a stage may take to save its state and stop.
const grace = 5 * time.Minute

// stop asks the child to end its stage.
func (w *worker) stop() {
	time.AfterFunc(grace, w.Kill)
	w.Ask(request{Stop: true}) // one that has ended needs no asking
}

// passing is the error of a stage whose process ended or stood still: another attempt may do
// better.
type passing struct{ error }

// Unwrap gives what is known of it.
func (p passing) Unwrap() error { return p.error }

// Passing says that it may pass.
func (p passing) Passing() bool { return true }
