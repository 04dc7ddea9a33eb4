// Package apart runs stages whose work is in calls that hear nothing, neither a context nor a
// signal, in a child process, since that can be ended: FAISS trains codes for minutes in one call.
// The child is this program itself. It ends with the context, with its parent, however that ends,
// or with its stage; a crash of it is the stage's error and not the sweep's end.
//
// Words: a message is one line of JSON from the child: progress, a warning, a fact, a line of the
// log, or the end.
//
// Not here: what a stage does (ops), leases and directories (runner/schedule, runner/store). An
// attempt that was ended may leave anything in its directories, as one that was killed.
package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"react/ops"
	"react/ops/op"
	"react/runner/child"
)

// request is what a child is to do: the parts of an op.Run that are data.
type request struct {
	Op           string
	Params       json.RawMessage
	Dir, Partial string
	SaveEvery    time.Duration
	In           map[string]string
	Files        map[string]op.Files
	Workers      int
}

// message is what a child says: one of its fields.
type message struct {
	Progress *op.Progress    `json:",omitempty"`
	Warning  string          `json:",omitempty"`
	Log      string          `json:",omitempty"`
	Fact     string          `json:",omitempty"`
	Value    json.RawMessage `json:",omitempty"` // of the fact
	End      *end            `json:",omitempty"`
}

// end is how the stage ended.
type end struct {
	Error string        // "" for well
	Errno syscall.Errno // of the system, where the error is of one
	Peak  int64         // bytes that the child held at most; 0 where the kernel does not say
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
	said, libraries := io.Pipe() // what libraries print
	c, err := child.Start(ctx, childEnv, request{Op: op, Params: params, Dir: run.Dir, Partial: run.Partial,
		SaveEvery: run.SaveEvery, In: run.In, Files: run.Files, Workers: run.Workers},
		func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = libraries, libraries })
	if err != nil { // no /proc, or no more processes
		return here()
	}
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		logLines(run.Log, said)
	}()
	last, err := follow(c, run)
	libraries.Close()
	<-printed
	switch {
	case ctx.Err() != nil:
		return last.Peak, ctx.Err()
	case err != nil:
		return last.Peak, died(ctx, c, op)
	case last.Error != "":
		return last.Peak, failure{last.Error, last.Errno}
	}
	return last.Peak, nil
}

// failure is an error of a child's stage, with the system's number that it had there.
type failure struct {
	text  string
	errno syscall.Errno
}

// Error is the text of the stage.
func (f failure) Error() string { return f.text }

// Is compares with the system's errors, such as that of a full disk.
func (f failure) Is(target error) bool {
	return f.errno != 0 && (target == error(f.errno) || f.errno.Is(target))
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

// follow passes on what the child says until it has ended; an error is a child that ended without
// saying how.
func follow(c *child.Process, run *op.Run) (last end, err error) {
	mark(c.Pid(), true)
	err = errors.New("no end")
	for words := json.NewDecoder(c.Answers); ; {
		var m message
		if words.Decode(&m) != nil {
			break
		}
		if m.End != nil {
			last, err = *m.End, nil
			continue
		}
		m.pass(run)
	}
	c.Wait() // how it ended, its State says
	mark(c.Pid(), false)
	return last, err
}

// pass tells a run what a child said.
func (m *message) pass(run *op.Run) {
	switch {
	case m.Progress != nil:
		run.Progress(*m.Progress)
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

// died says why a child ended before its stage.
func died(ctx context.Context, c *child.Process, op string) error {
	switch c.Signal() {
	case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2: // before it ignored them
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(stopping):
		}
	case syscall.SIGKILL:
		return fmt.Errorf("the process of %s was killed, by somebody or because the system is out of memory", op)
	}
	return fmt.Errorf("the process of %s ended by itself (%v); the stage's log has what it said", op, c.State())
}
