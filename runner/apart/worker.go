package apart

import (
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"sync"

	"react/runner/child"
)

// worker is a child that makes stages, as its parent sees it.
type worker struct {
	*child.Process
	words     *json.Decoder
	log       *diverted
	libraries *io.PipeWriter // what libraries print
	printed   chan struct{}
}

// start starts a child that makes a stage, and writes what libraries print to its log.
func start(ctx context.Context, q request, log io.Writer) (*worker, error) {
	said, libraries := io.Pipe()
	w := &worker{log: &diverted{to: log}, libraries: libraries, printed: make(chan struct{})}
	var err error
	w.Process, err = child.Start(ctx, childEnv, q, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = libraries, libraries })
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
