package grid

import (
	"react/results"
	"react/results/dense"
)

// Options is what Build may know besides the rows. The zero value serves.
type Options struct {
	// Experiment is the spec file and Command the command line that a reader
	// runs to get the table again.
	Experiment, Command string
	// Trials are all that the sweep planned, in its order. With them the table
	// shows what is missing and why, and keeps the plan's order of values.
	Trials []Trial
	// Predictions gives the stored predictions of a trial on an evaluation
	// set; nil, or an empty answer: there are none. It is called once for each
	// trial and set that a comparison needs.
	Predictions func(trial, set string) ([]results.Prediction, error)
	// BasePredictions gives those of the untuned model that the trial's agreement
	// is with.
	BasePredictions func(trial, set string) ([]results.Prediction, error)
	// Queries gives what a trial found on a set of images with captions; the
	// captions of an image follow each other.
	Queries func(trial, set string) ([]results.Query, error)
	// Pictures gives what was counted in the pictures of a set, of detection and segmentation.
	Pictures func(trial, set string) (dense.Set, error)
	// Notes are sentences about what the stage with a key was made from, such as
	// images that were left out; nil: there are none. They stand under each table
	// that shows a row of it.
	Notes func(key string) []string
	// Gaps has a metric that no trial gives leave its cells empty, with a remark, where
	// it was found right before the trials ran: the data decide whether there is one.
	// Without it such a metric is an error.
	Gaps bool
}

// Trial is one planned trial.
type Trial struct {
	ID     string
	Label  string
	Params map[string]any
	Seed   *int
	Status Status // Done, Pending (also when empty) or Failed
	Reason string // why it failed or is not there, in a few words
}

// Status says how far a trial, or what a cell shows, has come.
type Status string

// The states of a trial (first three) and of a cell (all).
const (
	Done    Status = "done"
	Pending Status = "pending"
	Failed  Status = "failed"
	Partial Status = "partial" // cell: some seeds are pending or failed
	NotANum Status = "nan"     // cell: a value is NaN, so there is no mean
	Empty   Status = "empty"   // cell: no trial belongs here
)

// incomplete reports whether the sweep may still give rows.
func (o *Options) incomplete() bool {
	for _, t := range o.Trials {
		if t.Status != Done {
			return true
		}
	}
	return false
}

// minSeeds is the number of seeds below which a table warns.
const minSeeds = 5
