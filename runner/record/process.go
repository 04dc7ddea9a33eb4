package record

import (
	"encoding/json"
	"fmt"
	"time"

	"react/data/words"
	"react/runner/cli"
	"react/runner/store"
)

// StateEvery is the least time between two writes of a process's state;
// beatEvery the most. A state of another host that is older than beatMissed is
// a dead process's.
const (
	StateEvery = time.Second
	BeatEvery  = 5 * time.Second
	beatMissed = time.Minute
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
	Rest    *Rest      `json:"rest,omitempty"`  // nil where it does not say
	Ended   *time.Time `json:"ended,omitempty"` // nil while it runs, and after a kill
	End     string     `json:"end,omitempty"`   // done, failed, interrupted, or the error
}

// Seen is a process as another finds it.
type Seen struct {
	Process
	Life store.Life
}

// Processes are those that work or worked on a sweep, the latest to start last.
func Processes(w *store.Sweep, at time.Time) ([]Seen, error) {
	found, err := w.Processes()
	seen := make([]Seen, 0, len(found))
	for _, s := range found {
		var p Process
		if json.Unmarshal(s.Data, &p) != nil {
			continue
		}
		if p.Ended != nil || s.Life == store.Elsewhere && at.Sub(p.Beat) > beatMissed {
			s.Life = store.Gone
		}
		seen = append(seen, Seen{p, s.Life})
	}
	return seen, err
}

// Rest is how long what is left of a run takes.
type Rest struct {
	Seconds float64 `json:"seconds"`
	Rough   bool    `json:"rough,omitempty"`   // most of it rests on what no stage has confirmed yet
	Unknown int     `json:"unknown,omitempty"` // stages of which nothing is known, besides
}

// String is "about 2m10s left".
func (r Rest) String() string {
	word, besides := "about", ""
	if r.Rough {
		word = "roughly"
	}
	if r.Unknown > 0 {
		besides = fmt.Sprintf(" besides %s of unknown time", words.Plural(r.Unknown, "stage"))
	}
	return fmt.Sprintf("%s %s left%s", word, cli.Duration(r.Seconds), besides)
}

// Running is a stage that is being made.
type Running struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	Since time.Time `json:"since"`
	Done  int       `json:"done,omitempty"`
	Total int       `json:"total,omitempty"`
	Note  string    `json:"note,omitempty"`
	// Done as it was told first, and when: with what attempts before did
	First   int       `json:"first,omitempty"`
	FirstAt time.Time `json:"firstAt,omitzero"`
	Waits   string    `json:"waits,omitempty"` // another process makes it: who
}

// Failed is a stage whose attempt failed.
type Failed struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}
