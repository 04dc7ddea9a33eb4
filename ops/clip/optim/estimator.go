package optim

import (
	"fmt"
	"sync"

	"react/ops/clip"
	"react/ops/clip/graph"
)

// Estimator remembers estimates: the trials of a sweep differ in what memory
// does not depend on. The zero value is ready; it may be used concurrently.
type Estimator struct {
	mu    sync.Mutex
	known map[string]estimate
}

type estimate struct {
	memory clip.Memory
	opts   Options
	err    error
}

func (e *Estimator) of(kind string, cfg clip.Config, rest string, make func() estimate) estimate {
	key, err := graph.ProgramKey(kind, cfg, rest)
	if err != nil {
		return estimate{err: err}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	found, ok := e.known[key]
	if !ok {
		if e.known == nil {
			e.known = map[string]estimate{}
		}
		found = make()
		e.known[key] = found
	}
	return found
}

// Training is EstimateTraining.
func (e *Estimator) Training(cfg clip.Config, o Options, engineName string) (clip.Memory, error) {
	x := e.of("training", cfg, fmt.Sprintf("%+v %s", o, engineName), func() (x estimate) {
		x.memory, x.err = EstimateTraining(cfg, o, engineName)
		return x
	})
	return x.memory, x.err
}

// Encoding says what embedding of images and captions takes.
func (e *Estimator) Encoding(cfg clip.Config, batch int, precision, engineName string) (clip.Memory, error) {
	x := e.of("encoding", cfg, fmt.Sprint(batch, " ", precision, " ", engineName), func() (x estimate) {
		x.memory, x.err = estimateEncoding(cfg, batch, precision, engineName)
		return x
	})
	return x.memory, x.err
}

// Fit gives the options with the largest micro-batch whose estimate is within a limit in bytes; 0
// is no limit.
func (e *Estimator) Fit(cfg clip.Config, o Options, engineName string, limit int64) (Options, error) {
	x := e.of("fit", cfg, fmt.Sprintf("%+v %s %d", o, engineName, limit), func() (x estimate) {
		x.opts, x.err = fitTraining(cfg, o, engineName, limit)
		return x
	})
	return x.opts, x.err
}
