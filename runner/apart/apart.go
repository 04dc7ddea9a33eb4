// Package apart runs stages in child processes, where their work is in calls that hear nothing,
// neither a context nor a signal: FAISS trains codes for minutes in one call, and a plugin of XLA
// may abort or stand still. The child is this program itself. It ends with its parent, however that
// ends; a crash of it is the stage's error and not the sweep's end. One that makes an index ends
// with the context or its stage; one that keeps an engine (kept.go) goes on to the next stage.
//
// Words: a message is one line of JSON from the child: progress, a warning, a fact, a line of the
// log, a beat, by which the parent knows that the child was not stopped, or the end.
//
// Not here: what a stage does (ops), leases and directories (runner/schedule, runner/store). An
// attempt that was ended may leave anything in its directories, as one that was killed.
package apart

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"react/ops"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/op"
)

// request is what a child is to do: the parts of an op.Run that are data.
type request struct {
	Op           string
	Params       json.RawMessage
	Dir, Partial string
	SaveEvery    time.Duration
	Assist       bool
	In           map[string]string
	Files        map[string]op.Files
	Workers      int
	Lines        bool // of a training's log are wanted

	Engine   string // that the child keeps open for the next request; "" for none, and one request
	Programs string // folder of what the engine compiles
	Fit      op.Fit
	// with a run of a program on the engine, and with a child that says nothing
	Patience time.Duration

	Stop bool // the stage that runs is to end; nothing else is asked
}

// message is what a child says: one of its fields.
type message struct {
	Progress *op.Progress    `json:",omitempty"`
	Lines    *lines          `json:",omitempty"`
	Warning  string          `json:",omitempty"`
	Log      string          `json:",omitempty"`
	Fact     string          `json:",omitempty"`
	Value    json.RawMessage `json:",omitempty"` // of the fact
	Opened   bool            `json:",omitempty"` // the engine, for the stage
	Beat     bool            `json:",omitempty"`
	End      *end            `json:",omitempty"`
}

// lines are of a training's log, as op.Run.Lines is told of them.
type lines struct {
	Text   string
	Before bool
}

// end is how the stage ended.
type end struct {
	Error    string        // "" for well
	Errno    syscall.Errno // of the system, where the error is of one
	NotBegun bool          // the error is embed.ErrNotBegun
	Stalled  bool          // the child ends with it
	Full     bool          // the child is to make no other stage
	Peak     int64         // bytes that the child held at most; 0 where the kernel does not say
}

// ask is a request for a stage.
func ask(op string, run *op.Run, params json.RawMessage) request {
	return request{Op: op, Params: params, Dir: run.Dir, Partial: run.Partial, SaveEvery: run.SaveEvery,
		Assist: run.Assist, In: run.In, Files: run.Files, Workers: run.Workers, Lines: run.Lines != nil, Patience: engine.Patience}
}

// Run makes a stage with an op, in a child where the op asks for one and the program can start
// itself. peak is the memory in bytes that a child held at most; 0 without one.
func Run(ctx context.Context, op string, run *op.Run, params json.RawMessage) (peak int64, err error) {
	here := func() (int64, error) { return 0, ops.All[op].Run(ctx, run, params) }
	if !ops.All[op].Apart || run.Assist {
		return here()
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	q := ask(op, run, params)
	w, err := start(ctx, q, run.Log)
	if err != nil { // no /proc, or no more processes
		return here()
	}
	last, err := w.follow(run, q.Patience, nil)
	w.wait()
	switch {
	case ctx.Err() != nil:
		return last.Peak, ctx.Err()
	case err != nil:
		return last.Peak, w.died(ctx, op)
	}
	return last.Peak, last.failure()
}

// failure is an error of a child's stage, with the system's number that it had there.
type failure struct {
	text     string
	errno    syscall.Errno
	notBegun bool
}

// failure is nil for a good end.
func (e end) failure() error {
	if e.Error == "" {
		return nil
	}
	return failure{e.Error, e.Errno, e.NotBegun}
}

// Error is the text of the stage.
func (f failure) Error() string { return f.text }

// Is compares with the system's errors, such as that of a full disk, and with the one that an op
// tells its caller something by.
func (f failure) Is(target error) bool {
	return f.notBegun && target == embed.ErrNotBegun ||
		f.errno != 0 && (target == error(f.errno) || f.errno.Is(target))
}

// running are the processes of children.
var running struct {
	mu   sync.Mutex
	pids map[int]bool
}

// Running are the processes that make stages for this one.
func Running() []int {
	running.mu.Lock()
	defer running.mu.Unlock()
	var pids []int
	for pid := range running.pids {
		pids = append(pids, pid)
	}
	return pids
}

func mark(pid int, on bool) {
	running.mu.Lock()
	defer running.mu.Unlock()
	if running.pids == nil {
		running.pids = map[int]bool{}
	}
	if delete(running.pids, pid); on {
		running.pids[pid] = true
	}
}

// follow passes on what the child says until the stage's end; an error is a child that ended
// without saying how, or that was ended because it said nothing for so long. opened is called when
// the stage has opened the engine.
func (w *worker) follow(run *op.Run, patience time.Duration, opened func()) (last end, err error) {
	defer w.watch(patience)()
	for {
		var m message
		err := w.words.Decode(&m)
		w.heard.Store(true)
		switch {
		case err != nil:
			return end{}, err
		case m.End != nil:
			return *m.End, nil
		case m.Opened:
			opened()
		case m.Beat:
		default:
			m.pass(run)
		}
	}
}

// pass tells a run what a child said.
func (m *message) pass(run *op.Run) {
	switch {
	case m.Progress != nil:
		run.Progress(*m.Progress)
	case m.Lines != nil:
		run.Logged([]byte(m.Lines.Text), m.Lines.Before)
	case m.Fact != "":
		run.Fact(m.Fact, m.Value)
	case m.Warning != "":
		run.Warn("%s", m.Warning)
	default:
		io.WriteString(run.Log, m.Log)
	}
}

// stopping is how long after a signal of a terminal or a cluster, which goes to both processes, the
// parent hears of it.
const stopping = time.Second

// died says why a child ended before its stage. What others did to it another attempt may be
// spared.
func (w *worker) died(ctx context.Context, op string) error {
	if w.silent {
		return passing{fmt.Errorf("the process of %s stood still: nothing was heard of it for %v "+
			"(somebody stopped it, or the system gave it no time)", op, w.patience)}
	}
	switch w.Signal() {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2: // before it ignored them
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(stopping):
		}
		return passing{fmt.Errorf("the process of %s was ended by somebody (%v)", op, w.State())}
	case syscall.SIGKILL:
		return passing{fmt.Errorf("the process of %s was killed "+
			"(by somebody, or by the system, which had no memory left)", op)}
	}
	return fmt.Errorf("the process of %s ended by itself (%v); the stage's log has what it said", op, w.State())
}
