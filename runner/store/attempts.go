package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"react/runner/cli"
)

// Attempt is one try at making a key's output. Tries are kept for keys that
// were not made by the first one, as lines of logs/<op>-<key>.attempts.jsonl:
// one when a try begins and one when it ends. A try without an end is running,
// or its process was killed.
type Attempt struct {
	N     int       `json:"attempt"` // from 1
	Begun time.Time `json:"begun"`
	Ended time.Time `json:"ended,omitzero"`
	Host  string    `json:"host,omitempty"`
	PID   int       `json:"pid,omitempty"`
	Slurm string    `json:"slurm,omitempty"`
	Cause string    `json:"cause,omitempty"` // of one that failed; "" for one that made the output
	Error string    `json:"error,omitempty"`

	path string
}

// AttemptsPath is the file of a key's attempts.
func (s *Store) AttemptsPath(key, op string) string {
	return attemptsOf(s.LogPath(key, op))
}

// Attempts lists the attempts at a key, the first one first; none for a key
// that the first one made, or that nobody has tried.
func (s *Store) Attempts(key, op string) ([]Attempt, error) {
	data, err := os.ReadFile(s.AttemptsPath(key, op))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{s.root, "read the attempts at " + cli.Short(key), err}
	}
	var all []Attempt
	for line := range bytes.Lines(data) {
		var a Attempt
		if json.Unmarshal(line, &a) != nil {
			continue // cut short by a kill
		}
		if n := len(all); n > 0 && all[n-1].N == a.N {
			all[n-1] = a
			continue
		}
		all = append(all, a)
	}
	return all, nil
}

// BeginAttempt notes that the holder of a key's lease tries to make it. The
// log's directory exists.
func (s *Store) BeginAttempt(key, op string) (*Attempt, error) {
	before, err := s.Attempts(key, op)
	if err != nil {
		return nil, err
	}
	a := &Attempt{N: 1, Begun: now(), Host: hostName(), PID: os.Getpid(), Slurm: slurmJob(), path: s.AttemptsPath(key, op)}
	if n := len(before); n > 0 {
		a.N = before[n-1].N + 1
	}
	if err := a.write(); err != nil {
		return nil, &Error{s.root, "note an attempt at " + cli.Short(key), err}
	}
	return a, nil
}

// End notes how it went; cause is "" for an output that was made. The only
// attempt at an output that was made needs no note: the manifest is one.
func (a *Attempt) End(cause, text string) error {
	if a.N == 1 && cause == "" {
		return os.Remove(a.path)
	}
	a.Ended, a.Cause, a.Error = now(), cause, text
	return a.write()
}

// write appends a line; a line that a kill cut short is ended first.
func (a *Attempt) write() error {
	line, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := OpenAppend(a.path, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	_, err = f.Write(append(line, '\n'))
	return err
}
