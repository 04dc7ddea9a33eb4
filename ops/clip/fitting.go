package clip

import "fmt"

// FitTraining gives the options with the largest micro-batch whose estimate is
// within a limit in bytes; 0 is no limit. Micro-batches of a step are as equal as
// they can be. Where not even one pair fits it is an error that says so.
func FitTraining(cfg Config, o TrainOptions, engineName string, limit int64) (TrainOptions, error) {
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
		return o, fmt.Errorf("not one pair at a time fits: %s of %s", FormatBytes(n), FormatBytes(limit))
	}
	parts := (o.Batch + fits - 1) / fits
	o.MicroBatch = (o.Batch + parts - 1) / parts
	return o, nil
}

// On is what an engine's memory must hold: the device's own on an accelerator,
// else everything.
func (m Memory) On(engineName string) int64 {
	if Accelerator(engineName) {
		return m.Device()
	}
	return m.Total()
}

// Accelerator says whether an engine has a memory of its own.
func Accelerator(engineName string) bool {
	return len(engineName) > 4 && engineName[:4] == "xla:" && engineName != "xla:cpu"
}

// TextBytes is the size of the text tower's parameters.
func TextBytes(cfg Config) int64 { return count(cfg, isText) * bytesOf }
