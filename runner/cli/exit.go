package cli

import (
	"context"
	"errors"
)

// ExitHelp is what each command's help says of the codes.
const ExitHelp = `Exit codes: 0 done, 1 a trial failed or an input is broken or missing,
2 usage, 3 bad spec, 4 store or launcher, or too little disk or memory,
6 plan --check or fmt --check found work, 75 worker preempted,
130 interrupted (the same command resumes).`

// The codes that the program ends with, beside 0. They are stable (README, "What stays stable");
// runner/k8s tells Kubernetes after which of them an index has failed for good.
const (
	CodeFailed      = 1   // a trial failed, or an input is broken or missing
	CodeUsage       = 2   // a mistake in the command line
	CodeSpec        = 3   // a mistake in an experiment's file
	CodePlace       = 4   // the store or the launcher cannot be used, or disk or memory do not suffice
	CodeWork        = 6   // plan --check or fmt --check found work
	CodePreempted   = 75  // whoever scheduled it wants the machine back (sysexits' EX_TEMPFAIL)
	CodeInterrupted = 130 // by a signal, as shells say it
)

// coded is an error that knows what the program ends with because of it. Errors of packages below
// say so themselves, by the same method: mistake.Error, store.Error and slurm.Error.
type coded struct {
	error
	code int
}

// Unwrap returns the error without its code.
func (e coded) Unwrap() error { return e.error }

// ExitCode is what the program ends with.
func (e coded) ExitCode() int { return e.code }

// Usage makes err a mistake in the command line; the program ends with 2.
func Usage(err error) error { return coded{err, CodeUsage} }

// NoRoom marks an error as of a disk or a memory that does not suffice.
func NoRoom(err error) error { return coded{err, CodePlace} }

// IsUsage reports whether err is a mistake in the command line.
func IsUsage(err error) bool { return ExitCode(err) == CodeUsage }

// IsSpecError reports whether err is a mistake in an experiment's file.
func IsSpecError(err error) bool { return ExitCode(err) == CodeSpec }

// ErrWork is what plan --check returns when something would run.
var ErrWork error = coded{errors.New("there is work to do"), CodeWork}

// ErrPreempted is the cause of a stop that whoever scheduled this process asked
// for: it wants the machine back and will start the same command again.
var ErrPreempted error = coded{errors.New("preempted; finished stages are kept: run the same command to resume"), CodePreempted}

// ErrInterrupted is the end of a run of stages that a signal stopped. It is a context.Canceled, of
// which other work than that of stages ends.
var ErrInterrupted error = stopped("interrupted; finished stages are kept: run the same command to resume")

// stopped is context.Canceled in words.
type stopped string

// Error is the words.
func (s stopped) Error() string { return string(s) }

// Unwrap makes it a context.Canceled.
func (stopped) Unwrap() error { return context.Canceled }

// ExitCode is what the program ends with: the code of the first error in err's tree
// that has one, CodeInterrupted for what was interrupted, and else CodeFailed.
func ExitCode(err error) int {
	var own interface{ ExitCode() int }
	switch {
	case err == nil:
		return 0
	case errors.As(err, &own):
		return own.ExitCode()
	case errors.Is(err, context.Canceled):
		return CodeInterrupted
	}
	return CodeFailed
}
