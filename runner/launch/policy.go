package launch

import (
	"errors"
	"fmt"
)

// Policy says what a stage that was submitted before is submitted again for. What ended it is a
// Cause of attempt.go; slurm.go of runner/slurm reads it from a job's state.
type Policy struct {
	Retry   bool // asked for: failed stages too
	Fresh   bool // a person gave the command just now
	Retries int  // of time limits, failed nodes and workers that vanished, per stage
	Memory  int64
}

// Again says whether a stage that is not done is to be submitted. A preempted
// one always is, as often as it takes; a stage's own error never, unless asked
// for; one that ran out of memory only with more of it.
func (s *Status) Again(p Policy) bool {
	switch {
	case s == nil:
		return true
	case s.State == Stuck: // found so by a worker: it should have had its inputs, so not for ever
		return s.Attempt == nil || s.Tries < p.Retries || p.Fresh
	case s.State.Live(), s.State == Finished:
		return false
	case p.Retry && p.Fresh:
		return true
	}
	switch s.Cause {
	case StageError:
		return false
	case OutOfMem:
		return s.Attempt != nil && s.Attempt.LimitMem > 0 && p.Memory > s.Attempt.LimitMem
	case StoreFault, Cancelled:
		return p.Fresh
	case Preempted:
		return true
	}
	return s.State == Ended && s.Tries < p.Retries
}

// counts is how much an end adds to the tries that Policy.Retries bounds: 1 for one that another
// try may cure but that must not go on for ever.
func (s *Status) counts() int {
	if s.Cause == Timeout || s.Cause == NodeFailed || s.Cause == Lost || s.Attempt != nil && s.Attempt.State == Blocked {
		return 1
	}
	return 0
}

// Err says in one line why a stage has no output.
func (s *Status) Err() error {
	text := s.Message
	if s.Cause != StageError && s.Cause != "" {
		text = string(s.Cause) + ": " + text
	}
	if s.Cause == Lost && s.Attempt == nil {
		text += "; no worker has begun (is the store visible from the nodes?)"
	}
	if s.Tries > 0 {
		text += fmt.Sprintf(" (after %d tries before)", s.Tries)
	}
	return errors.New(text)
}
