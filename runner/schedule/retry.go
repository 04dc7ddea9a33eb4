package schedule

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"syscall"
	"time"

	"react/runner/store"
)

// Cause is why an attempt made no output, in the words that attempts are
// recorded with.
type Cause string

// Causes, and whether another attempt may end otherwise. A process that was
// killed notes no cause: the next to hold the lease attempts the task again.
const (
	// a disk or a network that failed or was away: yes, --retries times
	CauseIO Cause = "i/o"
	// that made the stage for this one ended or stood still: yes, likewise
	CauseProcess Cause = "process"
	// of the device or the machine: no, the same sizes would not fit again
	CauseMemory Cause = "out of memory"
	CausePanic  Cause = "panic" // a bug: no
	// its disk is full or read-only: no, and nothing else is begun
	CauseStore   Cause = "store"
	CauseStopped Cause = "stopped" // by a signal or by another's failure: not a failure
	// of the input or the params: no, it would be the same again
	CauseError Cause = "error"
)

// causeOf classes the error of an attempt.
func causeOf(err error) Cause {
	var passing interface{ Passing() bool }
	switch {
	case errors.As(err, new(*store.Error)):
		return CauseStore
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return CauseStopped
	case errors.As(err, new(panicked)):
		return CausePanic
	case errors.Is(err, syscall.ENOMEM), noMemory.MatchString(err.Error()):
		return CauseMemory
	case isTransient(err):
		return CauseIO
	case errors.As(err, &passing) && passing.Passing():
		return CauseProcess
	}
	return CauseError
}

// passes says whether another attempt may end otherwise.
func (c Cause) passes() bool { return c == CauseIO || c == CauseProcess }

// noMemory is how XLA, ONNX Runtime, CUDA and C++ say it; they give no errno.
var noMemory = regexp.MustCompile(`(?i)resource_exhausted|out of memory|failed to allocate memory|bad_alloc|cuda_error_out_of_memory`)

// transient are the errors of disks and networks that may pass. A file that is
// not there is not among them, nor is a full disk.
var transient = []error{syscall.EIO, syscall.ESTALE, syscall.EAGAIN, syscall.EINTR, syscall.EBUSY, syscall.ETIMEDOUT, syscall.ECONNRESET, syscall.ECONNREFUSED,
	syscall.ECONNABORTED, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.ENFILE, syscall.EMFILE, os.ErrDeadlineExceeded}

func isTransient(err error) bool {
	for _, t := range transient {
		if errors.Is(err, t) {
			return true
		}
	}
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// panicked is the error of a panic.
type panicked struct{ value any }

// Error says that it is this program's fault.
func (p panicked) Error() string {
	return fmt.Sprintf("panic: %v (a bug in this program; the log has the stack)", p.value)
}

// retryPause is the time before the second attempt; it doubles with each.
const retryPause = time.Second

// retried calls fill until it makes an entry, meets an error that another
// attempt would meet too, or has had its retries.
func retried(ctx context.Context, t *Task, opts Options, fill func() (store.Entry, error)) (store.Entry, error) {
	pause := opts.retryPause
	if pause == 0 {
		pause = retryPause
	}
	for n := 1; ; n++ {
		entry, err := fill()
		if err == nil || n > opts.Retries || ctx.Err() != nil || !causeOf(err).passes() {
			return entry, err
		}
		opts.Reporter.Warn(t, fmt.Sprintf("attempt %d: %v; retry %d of %d in %v", n, err, n, opts.Retries, pause))
		select {
		case <-ctx.Done():
			return entry, err
		case <-time.After(pause):
		}
		pause *= 2
	}
}
