package apart

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"react/ops/engine"
	"react/ops/op"
)

// Kept runs stages in children that keep an engine open, with what it has compiled, for the next
// stage: as many children as stages run at a time. A child that ends by itself, or whose engine
// stands still, takes one stage along, which another attempt makes, from its last save.
type Kept struct {
	spec     string // of the engine
	programs string // folder of what it compiles
	patience time.Duration

	mu   sync.Mutex
	idle []*worker
}

// Keep is for stages on the engine of a spec, whose programs are kept in a folder.
func Keep(spec, programs string) *Kept {
	return &Kept{spec: spec, programs: programs, patience: engine.Patience}
}

// Run makes a stage with an op. opened is called when it has opened the engine. peak is the memory
// in bytes that the child held at most.
func (k *Kept) Run(ctx context.Context, op string, run *op.Run, params json.RawMessage, opened func()) (peak int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	q := ask(op, run, params)
	q.Engine, q.Programs, q.Fit, q.Patience = k.spec, k.programs, run.Fit, k.patience
	w, err := k.asked(q, run.Log)
	if err != nil {
		return 0, fmt.Errorf("a process for %s: %w", op, err)
	}
	unstopped := context.AfterFunc(ctx, w.stop)
	last, err := w.follow(run, opened)
	goesOn := unstopped() && err == nil && !last.Stalled
	if goesOn && !last.Full {
		k.keep(w)
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
		return last.Peak, passing{died(ctx, w.Process, op)}
	}
	return last.Peak, passing{fmt.Errorf("%w; the stage's log has the stacks", last.failure())}
}

// asked is a child that was asked: one that waits, or else a new one. A stage that is told to stop
// still saves its state, so that a child does not end with its context.
func (k *Kept) asked(q request, log io.Writer) (*worker, error) {
	for {
		w := k.take()
		if w == nil {
			return start(context.Background(), q, log)
		}
		w.log.divert(log)
		if w.Ask(q) == nil {
			return w, nil
		}
		w.wait() // it ended while it waited
	}
}

func (k *Kept) take() *worker {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.idle) == 0 {
		return nil
	}
	w := k.idle[len(k.idle)-1]
	k.idle = k.idle[:len(k.idle)-1]
	return w
}

func (k *Kept) keep(w *worker) {
	w.log.divert(io.Discard)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.idle = append(k.idle, w)
}

// Close ends the children, of which none may make a stage.
func (k *Kept) Close() {
	for w := k.take(); w != nil; w = k.take() {
		w.Dismiss()
		w.wait()
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
