package op

import (
	"react/ops/clip"
	"react/ops/clip/optim"
)

// Fit says how trainings are made to fit the memory. It is of the machine and not of the
// experiment: what a stage writes changes by rounding alone, as it does from engine to engine, so
// it is no param and in no key. The manifest keeps it.
type Fit struct {
	// pairs that go through the towers at a time; 0 for the whole batch, AutoBatch for the most
	// that fits
	MicroBatch int
	Devices    int   // that a step is spread over; 0 is one
	Recompute  bool  // make activations again in the backward pass (gradient checkpointing)
	Memory     int64 // bytes that a stage may take; 0 for no limit
}

// AutoBatch is the MicroBatch that takes the whole batch where it fits, and else the largest part
// that does.
const AutoBatch = -1

// Apply gives the options as they are run. A micro-batch that is no smaller than the batch is the
// whole batch. What devices cannot share out evenly is an error.
func (f Fit) Apply(e *optim.Estimator, cfg clip.Config, o optim.Options, engineName string) (optim.Options, error) {
	o.Recompute = f.Recompute
	switch {
	case f.MicroBatch == AutoBatch:
		var err error
		if o, err = e.Fit(cfg, o, engineName, f.Memory); err != nil {
			return o, err
		}
		if d := max(1, f.Devices); o.MicroBatch > 0 { // each has its share of the rows
			o.MicroBatch = max(d, o.MicroBatch/d*d)
		}
	case f.MicroBatch < o.Batch:
		o.MicroBatch = f.MicroBatch
	}
	return o, optim.CheckDevices(o.Batch, o.MicroBatch, f.Devices)
}
