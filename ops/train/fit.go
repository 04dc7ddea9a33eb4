package train

import (
	"fmt"

	"react/ops/clip"
	"react/ops/clip/optim"
	"react/ops/engine"
	"react/ops/op"
)

// trainingWork is a step of the mode for each pair.
func trainingWork(at op.Known, name string, steps, batch int) op.Work {
	mode, err := clip.ModeOf(name)
	if err != nil || at.Model == nil {
		return op.Work{}
	}
	samples := float64(steps) * float64(batch)
	return op.Work{Steps: steps, Samples: samples, FLOPs: samples * mode.FLOPs(*at.Model),
		Bytes: float64(at.Values.N()) * op.FullBytes}
}

// trainingPace grows with the pairs; memory grows with those of a step.
func trainingPace(steps, batch int, kind string) op.Pace {
	return op.Pace{Work: float64(steps) * float64(batch), Volume: 1, Batch: float64(batch), Model: true, Kind: kind}
}

// Memory is what a training takes that is made to fit as the place says.
func Memory(at op.Place, cfg clip.Config, o optim.Options) (clip.Memory, error) {
	o, err := at.Fit.Apply(at.Estimator, cfg, o, at.Engine)
	if err != nil {
		return clip.Memory{}, err
	}
	return at.Estimator.Training(cfg, o, at.Engine)
}

// NewTrainer compiles a training's step, made to fit.
func (t *Training) NewTrainer(run *op.Run, eng *engine.Engine, cfg clip.Config, o optim.Options) error {
	o, err := run.Fit.Apply(&optim.Estimator{}, cfg, o, eng.Name())
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
	t.Trainer, err = optim.New(eng, cfg, o)
	return err
}

// options are what a training of the params compiles to, before Fit.
func (p PretrainParams) options() optim.Options {
	return optim.Options{Mode: clip.Full, GammaOff: true, Batch: p.Batch, GradClip: p.GradClip, Precision: p.Precision, AdamW: given(p.AdamW)}
}

func (p TuneParams) options() optim.Options {
	return optim.Options{Mode: p.Mode, Batch: p.Batch, GradClip: p.GradClip, Precision: p.Precision, AdamW: given(p.AdamW),
		CachedText: p.textLocked(), GammaOff: p.Gamma == GammaOff, PositivesFixed: !p.textLocked() && p.PositivesFrom == "base"}
}

// textLocked says whether captions are encoded once for all steps.
func (p TuneParams) textLocked() bool { return p.mode().TextLocked() }

// mode is the params' own; optim.New refuses a name that there is not.
func (p TuneParams) mode() clip.Mode {
	m, _ := clip.ModeOf(p.Mode)
	return m
}

func given(a *optim.AdamW) optim.AdamW {
	if a == nil {
		return optim.AdamW{}
	}
	return *a
}
