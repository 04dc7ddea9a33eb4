// Package status says how far a sweep is, from its folder and the store alone: the
// sweep may run in any process, on another host or on a cluster, may have been killed,
// or be done.
//
// A watcher reads it again and again; what it reads is shown as text, on a live screen,
// as lines for each change, or as JSON (schema runner.status/v1). Nothing is changed.
package status

import (
	"time"

	"react/runner/store"
)

// schema is of the JSON.
const schema = "runner.status/v1"

// Status is how far a sweep is: schema runner.status/v1.
type Status struct {
	Schema   string    `json:"schema"`
	Sweep    string    `json:"sweep"` // name
	Hash     string    `json:"hash"`
	Dir      string    `json:"dir"`
	Question string    `json:"question,omitempty"`
	At       time.Time `json:"at"`
	// running, queued, done, failed, interrupted, gone, stopped, planned
	State     string     `json:"state"`
	Resume    []string   `json:"resume,omitempty"`
	Trials    Counts     `json:"trials"`
	Stages    Counts     `json:"stages"`
	Ops       []opCounts `json:"ops"`
	Processes []process  `json:"processes"`
	Running   []stage    `json:"running"`
	Failures  []failure  `json:"failures"`
	Left      *float64   `json:"leftSeconds,omitempty"` // of the stages of which a time is known
	Unknown   int        `json:"leftUnknown,omitempty"` // stages of which none is
	Rough     bool       `json:"leftRough,omitempty"`   // most of Left is not confirmed by a stage yet
}

// Counts are trials or stages by what became of them.
type Counts struct {
	Total   int `json:"total"`
	Done    int `json:"done"`
	Running int `json:"running"`
	Waiting int `json:"waiting"`
	Failed  int `json:"failed"`
	Blocked int `json:"blocked"` // stages that need a failed one
}

// opCounts are the stages of an op.
type opCounts struct {
	Op string `json:"op"`
	Counts
}

// process is a process that works on the sweep, or the last that did.
type process struct {
	store.Process
	Life    store.Life `json:"life"`
	Beat    time.Time  `json:"beat"`
	Command []string   `json:"command"`
	Engine  string     `json:"engine,omitempty"`
	Jobs    string     `json:"jobs"`
	Ended   *time.Time `json:"ended,omitempty"`
	End     string     `json:"end,omitempty"`
}

// stage is a stage that runs or is queued.
type stage struct {
	Key    string    `json:"key"`
	Op     string    `json:"op"`
	Where  string    `json:"where,omitempty"` // the process, or the job
	Queued bool      `json:"queued,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Done   int       `json:"done,omitempty"`
	Total  int       `json:"total,omitempty"`
	Note   string    `json:"note,omitempty"`
	Left   *float64  `json:"leftSeconds,omitempty"`
	trialsOfStage

	first   int // Done as it was told first, and when
	firstAt time.Time
}

// trialsOfStage are the trials that need a stage.
type trialsOfStage struct {
	Trials int      `json:"trials"`
	Names  []string `json:"trialNames"` // the first shownTrials
}

// shownTrials is how many trials of a stage are named.
const shownTrials = 4

// failure is a stage whose last attempt failed.
type failure struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	At    time.Time `json:"at"`
	Cause string    `json:"cause,omitempty"`
	Error string    `json:"error"`
	Log   string    `json:"log"`
	Tail  []string  `json:"tail"` // last lines of the log of that attempt
	trialsOfStage
}

// Planned is the status of a sweep that has no record yet.
func Planned(folder *store.Sweep, trials, stages int) *Status {
	return &Status{Schema: schema, Sweep: folder.Name, Hash: folder.Hash, State: "planned", Trials: Counts{Total: trials}, Stages: Counts{Total: stages}}
}
