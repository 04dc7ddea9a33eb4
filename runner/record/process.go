package record

import (
	"time"

	"react/runner/store"
)

// StateEvery is the least time between two writes of a process's state;
// beatEvery the most. A state of another host that is older than beatMissed is
// a dead process's.
const (
	StateEvery = time.Second
	BeatEvery  = 5 * time.Second
	BeatMissed = time.Minute
)

// Process is what a process says of itself in processes/ of the sweep's
// folder: schema runner.process/v1. status reads it.
type Process struct {
	Schema string `json:"schema"`
	store.Process
	Beat    time.Time  `json:"beat"` // of the last write
	Command []string   `json:"command"`
	Dir     string     `json:"dir"`
	Engine  string     `json:"engine,omitempty"`
	Jobs    string     `json:"jobs"`  // at a time
	Total   int        `json:"total"` // stages to make
	Made    int        `json:"made"`  // of them
	Running []Running  `json:"running"`
	Failed  []Failed   `json:"failed,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"` // nil while it runs, and after a kill
	End     string     `json:"end,omitempty"`   // done, failed, interrupted, or the error
}

// Running is a stage that is being made.
type Running struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	Since time.Time `json:"since"`
	Done  int       `json:"done,omitempty"`
	Total int       `json:"total,omitempty"`
	Note  string    `json:"note,omitempty"`
	Waits string    `json:"waits,omitempty"` // another process makes it: who
}

// Failed is a stage whose attempt failed.
type Failed struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}
