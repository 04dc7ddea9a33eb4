package apart

import (
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"react/ops/engine"
	"react/runner/child"
)

// worker is a child that makes stages, as its parent sees it.
type worker struct {
	*child.Process
	words     *json.Decoder
	log       *diverted
	libraries *io.PipeWriter // what libraries print
	printed   chan struct{}

	heard    atomic.Bool   // something, since the last look
	silent   bool          // it was given up: nothing was heard for as long as patience
	patience time.Duration // of the last watch
}

// looks is how many looks in a row find that nothing was heard before a child is given up. They are
// counted and not timed: a parent that was stopped together with its child looks once afterwards.
const looks = 10

// watch kills a child of which nothing is heard for so long, since it beats as long as it makes a
// stage; until the function that it returns is called.
func (w *worker) watch(patience time.Duration) (stop func()) {
	w.patience = patience
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		look := time.NewTicker(patience / looks)
		defer look.Stop()
		for silent := 0; silent < looks; silent++ {
			select {
			case <-over:
				return
			case <-look.C:
			}
			if w.heard.Swap(false) {
				silent = -1
			}
		}
		w.silent = true
		w.Kill()
	}()
	return func() {
		close(over)
		<-ended
	}
}

// settings are what a child's engine wants of the environment that it starts in. The program itself
// was started without them where --engine is auto.
func settings(q request) []string {
	if q.Engine == "" {
		return nil
	}
	return engine.StartupEnv([]string{"--engine", q.Engine})
}

// start starts a child that makes a stage, and writes what libraries print to its log.
func start(ctx context.Context, q request, log io.Writer) (*worker, error) {
	said, libraries := io.Pipe()
	w := &worker{log: &diverted{to: log}, libraries: libraries, printed: make(chan struct{})}
	var err error
	w.Process, err = child.Start(ctx, childEnv, q, func(cmd *exec.Cmd) {
		cmd.Stdout, cmd.Stderr = libraries, libraries
		cmd.Env = append(cmd.Env, settings(q)...)
	})
	if err != nil {
		return nil, err
	}
	mark(w.Pid(), true)
	w.words = json.NewDecoder(w.Answers)
	go func() {
		defer close(w.printed)
		logLines(w.log, said)
	}()
	return w, nil
}

// wait waits for the child's end; how it ended, its State says.
func (w *worker) wait() {
	w.Wait()
	mark(w.Pid(), false)
	w.libraries.Close()
	<-w.printed
}

// diverted is a writer whose destination changes: the log of the stage that runs.
type diverted struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes to the destination of now.
func (d *diverted) Write(text []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.to.Write(text)
}

func (d *diverted) divert(to io.Writer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.to = to
}
