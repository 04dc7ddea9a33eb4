package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Stoppable gives a context that the first SIGINT, SIGTERM, SIGHUP or SIGUSR2
// cancels: what runs saves its state and stops. The second signal kills, but for
// SIGHUP: where a terminal goes away, the kernel and the shell each send one. SIGUSR2 is what
// Slurm is asked to send before it takes a node away (not SIGUSR1, which NCCL
// takes for itself). stop gives the signals back.
func Stoppable(stderr io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, append(HangUp(), os.Interrupt, syscall.SIGTERM, syscall.SIGUSR2)...)
	go func() {
		defer close(done)
		s, ok := <-signals
		if !ok {
			return
		}
		signal.Ignore(syscall.SIGHUP)
		signal.Stop(signals) // and not Reset: a worker listens too
		notice := "runner: stopping; what can be resumed is saved first (a second signal kills at once)\n"
		if IsTerminal(stderr) {
			notice = eraseLine + notice // in the place of the ^C that the terminal echoes
		}
		io.WriteString(stderr, notice)
		if s == syscall.SIGUSR2 {
			cancel(ErrPreempted)
			return
		}
		cancel(context.Canceled)
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}

// HangUp is SIGHUP, which stops as SIGTERM does, or nothing where this process was
// started to outlive its terminal, as nohup does.
func HangUp() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return nil
	}
	return []os.Signal{syscall.SIGHUP}
}

// WhyStopped gives the error of a cancelled run the cause of its context.
func WhyStopped(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(err, context.Canceled) && errors.Is(cause, ErrPreempted) {
		return cause
	}
	return err
}
