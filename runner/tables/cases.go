package tables

import (
	"errors"
	"io/fs"
	"strings"

	"react/ops/evaluate"
	"react/results"
	"react/results/dense"
	"react/results/grid"
	"react/runner/experiment"
	"react/runner/store"
)

// Cases gives results what evaluations said of single test cases, from a
// store or from a publication.
type Cases struct {
	Stages      map[[2]string]string // trial and set → key of the evaluation
	Base        map[string]string    // key of an evaluation → key of the base's
	Predictions func(key string) ([]results.Prediction, error)
	Queries     func(key string) ([]results.Query, error)
	Found       func(key string) ([]results.Found, error)
	Pixels      func(key string) ([]results.Pixels, error)
}

// Fill sets what a table may ask for.
func (c Cases) Fill(opts *grid.Options) {
	opts.Predictions = func(trial, set string) ([]results.Prediction, error) {
		return read(c.Predictions, c.Stages[[2]string{trial, set}])
	}
	opts.BasePredictions = func(trial, set string) ([]results.Prediction, error) {
		return read(c.Predictions, c.Base[c.Stages[[2]string{trial, set}]])
	}
	opts.Queries = func(trial, set string) ([]results.Query, error) {
		return read(c.Queries, c.Stages[[2]string{trial, set}])
	}
	opts.Pictures = func(trial, set string) (dense.Set, error) {
		key := c.Stages[[2]string{trial, set}]
		if found, err := read(c.Found, key); err != nil || len(found) > 0 {
			return dense.NewDetection(found), err
		}
		if pixels, err := read(c.Pixels, key); err != nil || len(pixels) > 0 {
			return dense.NewSegmentation(pixels), err
		}
		return nil, nil
	}
}

// read asks for the cases of a stage; of none there are none.
func read[T any](from func(key string) ([]T, error), key string) ([]T, error) {
	if key == "" {
		return nil, nil
	}
	return from(key)
}

// CasesOf are those of the experiment's finished stages.
func CasesOf(e *experiment.Experiment, entries map[string]store.Entry) Cases {
	c := Cases{Stages: map[[2]string]string{}, Base: map[string]string{}}
	for _, t := range e.Plan.Trials {
		for name, stage := range t.Stages {
			set, ok := strings.CutPrefix(name, "evaluate/")
			if !ok {
				continue
			}
			c.Stages[[2]string{t.ID, set}] = stage.Key
			if base := stage.In["base"]; base != nil {
				c.Base[stage.Key] = base.Key
			}
		}
	}
	c.Predictions = func(key string) ([]results.Prediction, error) {
		return stored(entries, key, evaluate.ReadPredictions, func(p evaluate.Prediction) results.Prediction {
			return results.Prediction{Key: p.Key, Label: int(p.Label), Predicted: int(p.Predicted), Correct: p.Predicted == p.Label, Rank: int(p.Rank)}
		})
	}
	c.Queries = func(key string) ([]results.Query, error) {
		return stored(entries, key, evaluate.ReadQueries, func(q evaluate.RetrievalQuery) results.Query {
			return results.Query{Image: q.Image, I2T: int(q.I2T), T2I: int(q.T2I)}
		})
	}
	c.Found = func(key string) ([]results.Found, error) {
		return stored(entries, key, evaluate.ReadFound, func(f results.Found) results.Found { return f })
	}
	c.Pixels = func(key string) ([]results.Pixels, error) {
		return stored(entries, key, evaluate.ReadPixels, func(p results.Pixels) results.Pixels { return p })
	}
	return c
}

// stored reads the cases of a stage that is in the store and keeps some.
func stored[A, B any](entries map[string]store.Entry, key string, read func(dir string) ([]A, error), as func(A) B) ([]B, error) {
	entry, ok := entries[key]
	if !ok {
		return nil, nil
	}
	list, err := read(entry.Dir)
	if errors.Is(err, fs.ErrNotExist) { // a mean over several draws, or images of several classes
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := make([]B, len(list))
	for i, one := range list {
		out[i] = as(one)
	}
	return out, nil
}
