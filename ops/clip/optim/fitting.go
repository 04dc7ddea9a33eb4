package optim

import (
	"fmt"

	"react/ops/clip"
)

// fitTraining gives the options with the largest micro-batch whose estimate is
// within a limit in bytes; 0 is no limit. Micro-batches of a step are as equal as
// they can be. Where not even one pair fits it is an error that says so.
func fitTraining(cfg clip.Config, o Options, engineName string, limit int64) (Options, error) {
	needs := func(rows int) (int64, error) {
		with := o
		if with.MicroBatch = rows; rows == o.Batch {
			with.MicroBatch = 0
		}
		m, err := EstimateTraining(cfg, with, engineName)
		return m.On(engineName), err
	}
	whole, err := needs(o.Batch)
	if err != nil || limit <= 0 || whole <= limit {
		o.MicroBatch = 0
		return o, err
	}
	// The need grows with the rows by the same amount each, nearly: between the
	// largest part that fits and the smallest that does not, halves.
	fits, over := 0, (o.Batch+1)/2+1
	for over-fits > max(1, fits/16) {
		rows := (fits + over) / 2
		n, err := needs(rows)
		if err != nil {
			return o, err
		}
		if n <= limit {
			fits = rows
		} else {
			over = rows
		}
	}
	if fits == 0 {
		n, err := needs(1)
		if err != nil {
			return o, err
		}
		return o, fmt.Errorf("not one pair at a time fits: %s of %s", clip.FormatBytes(n), clip.FormatBytes(limit))
	}
	parts := (o.Batch + fits - 1) / fits
	o.MicroBatch = (o.Batch + parts - 1) / parts
	return o, nil
}
