package cli

import (
	"context"
	"errors"
)

// ExitHelp is what each command's help says of the codes.
const ExitHelp = `Exit codes: 0 done, 1 a trial failed or an input is broken or missing,
2 usage, 3 bad spec, 4 store or launcher, or too little disk or memory,
6 plan --check or fmt --check found work, 75 worker preempted,
130 interrupted (the same command goes on from there).`

// coded is an error that knows what the program ends with because of it. Errors of
// the store, of launchers and of specs say so themselves, by the same method.
type coded struct {
	error
	code int
}

// Unwrap returns the error without its code.
func (e coded) Unwrap() error { return e.error }

// ExitCode is what the program ends with.
func (e coded) ExitCode() int { return e.code }

// Usage makes err a mistake in the command line; the program ends with 2.
func Usage(err error) error { return coded{err, 2} }

// NoRoom marks an error as of a disk or a memory that does not suffice.
func NoRoom(err error) error { return coded{err, 4} }

// IsUsage reports whether err is a mistake in the command line.
func IsUsage(err error) bool { return ExitCode(err) == 2 }

// IsSpecError reports whether err is a mistake in an experiment's file.
func IsSpecError(err error) bool { return ExitCode(err) == 3 }

// ErrWork is what plan --check returns when something would run.
var ErrWork error = coded{errors.New("there is work to do"), 6}

// ErrPreempted is the cause of a stop that whoever scheduled this process asked
// for: it wants the machine back and will start the same command again.
var ErrPreempted error = coded{errors.New("preempted; what is done is kept: run the same command to go on"), 75}

// ExitCode is what the program ends with: the code of the first error in err's tree
// that has one, 130 for what was interrupted, and else 1.
func ExitCode(err error) int {
	var own interface{ ExitCode() int }
	switch {
	case err == nil:
		return 0
	case errors.As(err, &own):
		return own.ExitCode()
	case errors.Is(err, context.Canceled):
		return 130
	}
	return 1
}
