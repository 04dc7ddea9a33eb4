package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"

	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
)

// Experiment is a file that holds no mistake: what to run, and what to show.
type Experiment struct {
	Former    bool // it is of runner/v1: its tables stand in the words of then
	Name      string
	Question  string
	File      string           // as it was given
	Overrides []string         // the --set arguments, in order
	Source    []byte           // the file's text, without overrides
	Common    []byte           // that of common.cue beside it; nil where there is none
	Tables    map[string]Table // by name
	Order     []string         // of Tables, as the file has them
	Untabled  bool             // the file has none: Tables has the default one, which is not resolved
	Params    Params           // the file's own values, before the sweep
	// grid first (the last axis fastest), then cases; seeds innermost
	Trials   []Trial
	Excluded int // trials that sweep.exclude left out
	// what meets nothing in the file: patterns, labels, orders, filters
	Warnings mistake.Errors
	// what a table of classes names and nothing in the file meets: may be a class
	Unmet []ClassName
	Given []Given // what the file sets and no trial need read
	// canonical JSON of all of the above but File, Source and Common: equal for equal meaning,
	// whatever the spelling
	Resolved  []byte
	Defaulted []contract.Defaulted // what trials that tune have from their models' families
	Digest    string               // sha256 of Resolved, hex

	differences []map[string]any       // of each trial from the file's values
	places      map[string]mistake.Pos // of the file's own values
}

// Place is where the file says the value of a path, or the nearest group above it: for what is
// found wrong with a value after the file was read.
func (e *Experiment) Place(path string) mistake.Pos {
	for p := path; p != ""; p = fields.Parent(p) {
		if at, ok := e.places[p]; ok && at.File != "" {
			return at
		}
	}
	return mistake.Pos{File: e.File}
}

// PlaceOf is where the sweep gives a path a value, or Place.
func (e *Experiment) PlaceOf(path string, value any) mistake.Pos {
	raw, err := json.Marshal(value)
	if at, ok := e.places[path+"="+string(raw)]; ok && err == nil {
		return at
	}
	return e.Place(path)
}

// sweptPlaces adds to the places of the file's own values those of the values of a sweep.
func sweptPlaces(own map[string]mistake.Pos, all []assignment) map[string]mistake.Pos {
	out := maps.Clone(own)
	for _, a := range all {
		for path, at := range a.Pos {
			key := path + "=" + string(a.Set[path])
			if _, ok := out[key]; !ok && at.File != "" && a.Set[path] != nil {
				out[key] = at
			}
		}
		if raw, err := json.Marshal(a.label); err == nil && a.label != "" {
			out["sweep.cases="+string(raw)] = a.Start
		}
	}
	return out
}

// Trial is one assignment of the axes and a seed.
type Trial struct {
	Label string         // of the case; "" for a point of the grid
	Axes  map[string]any // what the sweep sets, by path, as Section.Flatten gives values
	Seed  int            // of tuning
	// every section, defaults filled in; sections that trials share are shared memory, not to be
	// modified
	Params Params
}

// resolve fills Resolved and Digest in.
func (e *Experiment) resolve() {
	type trial struct {
		Label string         `json:"label,omitempty"`
		Seed  int            `json:"seed"`
		Axes  map[string]any `json:"axes"`
		// every value that is not the file's: the axes, what follows them, defaults that depend on
		// them
		Set map[string]any `json:"set"`
	}
	trials := make([]trial, len(e.Trials))
	for i, t := range e.Trials {
		trials[i] = trial{Label: t.Label, Seed: t.Seed, Axes: t.Axes, Set: e.differences[i]}
	}
	tables := e.Tables
	if e.Untabled { // what it shows follows from the rest
		tables = map[string]Table{}
	}
	raw, err := json.Marshal(struct {
		APIVersion string           `json:"apiVersion"`
		Name       string           `json:"name"`
		Question   string           `json:"question,omitempty"`
		Params     Params           `json:"params"`
		Trials     []trial          `json:"trials"`
		Tables     map[string]Table `json:"tables"`
	}{"runner/v2", e.Name, e.Question, e.Params, trials, tables})
	if err != nil {
		panic(err) // plain values only
	}
	sum := sha256.Sum256(raw)
	e.Resolved, e.Digest = raw, hex.EncodeToString(sum[:])
}
