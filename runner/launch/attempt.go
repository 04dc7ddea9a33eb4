package launch

import (
	"path/filepath"
	"strconv"
	"time"
)

// AttemptState is where a worker got to.
type AttemptState string

// States of an attempt.
const (
	Running AttemptState = "running"
	Done    AttemptState = "done"
	Failed  AttemptState = "failed"
	Blocked AttemptState = "blocked" // an input is not there
	Stopped AttemptState = "stopped" // by a signal; what the stage could save is saved
)

// Cause is why a stage has no output, in the words that retries are decided by.
type Cause string

// Causes, by who is at fault.
const (
	StageError Cause = "error"         // the stage's own; running it again would end the same
	OutOfMem   Cause = "out of memory" // the same, until more memory is asked for
	Timeout    Cause = "timeout"       // the job's time limit
	Preempted  Cause = "preempted"
	NodeFailed Cause = "node failure"
	Lost       Cause = "lost" // the worker ended without a word
	Cancelled  Cause = "cancelled"
	StoreFault Cause = "store" // no space, read-only
)

// Attempt is what a worker does or did for an element. One worker writes it at
// a time; after a requeue the next one counts on from it.
type Attempt struct {
	Key     string       `json:"key"`
	Op      string       `json:"op"`
	State   AttemptState `json:"state"`
	Cause   Cause        `json:"cause,omitempty"` // of failed and stopped
	Message string       `json:"message,omitempty"`

	Job  string `json:"job,omitempty"` // the cluster's name of the element, "123_4"
	Host string `json:"host"`
	PID  int    `json:"pid"`

	Starts      int `json:"starts"`      // workers that began it, this one included
	Preemptions int `json:"preemptions"` // of them
	Timeouts    int `json:"timeouts"`

	Started  time.Time `json:"started"`
	Updated  time.Time `json:"updated"`        // the heartbeat, every HeartbeatEvery
	Done     int       `json:"done,omitempty"` // progress
	Total    int       `json:"total,omitempty"`
	Note     string    `json:"note,omitempty"`
	Memory   int64     `json:"memory"`          // bytes, resident at the last heartbeat
	Peak     int64     `json:"peak"`            // bytes, the most that was resident
	LimitMem int64     `json:"limit,omitempty"` // bytes that the worker allows itself
}

// HeartbeatEvery is how often a worker rewrites its attempt.
const HeartbeatEvery = 10 * time.Second

// stale says that a running attempt has not been heard of for three heartbeats
// and the delay of a network file system.
func (a *Attempt) stale(now time.Time) bool {
	return a.State == Running && now.Sub(a.Updated) > 3*HeartbeatEvery+time.Minute
}

func attemptPath(dir string, index int) string {
	return filepath.Join(dir, attemptsDir, strconv.Itoa(index)+".json")
}

// WriteAttempt replaces the attempt of an element of the array in dir.
func WriteAttempt(dir string, index int, a *Attempt) error {
	a.Updated = time.Now().UTC().Truncate(time.Millisecond)
	return WriteJSON(attemptPath(dir, index), a)
}

// ReadAttempt returns nil where no worker has begun.
func ReadAttempt(dir string, index int) (*Attempt, error) {
	var a Attempt
	found, err := ReadJSON(attemptPath(dir, index), &a)
	if !found {
		return nil, err
	}
	return &a, nil
}
