package ops

import (
	"fmt"

	"react/ops/clip"
	"react/ops/engine"
)

// Fit says how trainings are made to fit the memory. It is of the machine and not of the experiment: what a stage writes changes by rounding
// alone, as it does from engine to engine, so it is no param and in no key. The manifest keeps it.
type Fit struct {
	MicroBatch int   // pairs that go through the towers at a time; 0 for the whole batch, AutoBatch for the most that fits
	Recompute  bool  // make activations again in the backward pass (gradient checkpointing)
	Memory     int64 // bytes that a stage may take; 0 for no limit
}

// AutoBatch is the MicroBatch that takes the whole batch where it fits, and else the largest part that does.
const AutoBatch = -1

// apply gives the options as they are run. A micro-batch that is no smaller than the batch is the whole batch.
func (f Fit) apply(e *clip.Estimator, cfg clip.Config, o clip.TrainOptions, engineName string) (clip.TrainOptions, error) {
	o.Recompute = f.Recompute
	switch {
	case f.MicroBatch == AutoBatch:
		return e.Fit(cfg, o, engineName, f.Memory)
	case f.MicroBatch < o.Batch:
		o.MicroBatch = f.MicroBatch
	}
	return o, nil
}

// newTrainer compiles a training's step, made to fit.
func (t *training) newTrainer(run *Run, eng *engine.Engine, cfg clip.Config, o clip.TrainOptions) error {
	o, err := run.Fit.apply(&clip.Estimator{}, cfg, o, eng.Name())
	if err != nil {
		return err
	}
	if o.MicroBatch > 0 {
		t.fitted = fmt.Sprintf("micro-batches of %d", o.MicroBatch)
		run.Fact("microBatch", o.MicroBatch)
	}
	if o.Recompute {
		t.fitted += " recomputed"
		run.Fact("recompute", true)
	}
	t.trainer, err = clip.NewTrainer(eng, cfg, o)
	return err
}

// options are what a training of the params compiles to, before Fit.
func (p PretrainParams) options() clip.TrainOptions {
	return clip.TrainOptions{Mode: clip.Full, GammaOff: true, Batch: p.Batch, Clip: p.Clip, Precision: p.Precision, AdamW: given(p.AdamW)}
}

func (p TuneParams) options() clip.TrainOptions {
	return clip.TrainOptions{Mode: p.Mode, Batch: p.Batch, Clip: p.Clip, Precision: p.Precision, AdamW: given(p.AdamW),
		CachedText: p.textLocked(), GammaOff: p.Gamma == GammaOff, PositivesFixed: !p.textLocked() && p.PositivesFrom == "base"}
}

// textLocked says whether captions are encoded once for all steps.
func (p TuneParams) textLocked() bool { return p.mode().TextLocked() }

// mode is the params' own; clip.NewTrainer refuses a name that there is not.
func (p TuneParams) mode() clip.Mode {
	m, _ := clip.ModeOf(p.Mode)
	return m
}

func given(a *clip.AdamW) clip.AdamW {
	if a == nil {
		return clip.AdamW{}
	}
	return *a
}
