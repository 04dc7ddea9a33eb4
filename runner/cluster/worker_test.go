package cluster

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// TestWorkerHangsUp: a worker hears SIGHUP and SIGTERM alike.
func TestWorkerHangsUp(t *testing.T) {
	hearHangUps(t)
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		w := &worker{stderr: io.Discard}
		ctx, cancel := context.WithCancel(t.Context())
		stop := w.listen(cancel)
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			t.Errorf("%v was not heard", s)
		}
		stop()
		if !w.stopped.Load() {
			t.Errorf("%v is not taken for a stop", s)
		}
	}
}

// hearHangUps: where the tests themselves were told to outlive their terminal, as by
// nohup, children would inherit that and never hear SIGHUP.
func hearHangUps(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(c) })
}
