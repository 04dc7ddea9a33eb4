// Package small has a pool and a base that are made in seconds, for tests that run ops of several
// packages.
package small

import (
	"testing"

	"react/data/image"
	"react/ops/engine"
	"react/ops/internal/optest"
	"react/ops/pools"
	"react/ops/train"
)

// Pretrain are params of eight steps.
func Pretrain(t *testing.T) train.PretrainParams {
	return train.PretrainParams{Model: optest.SmallModel(t), Steps: 8, Batch: 16, LR: 1e-3, Warmup: 2, WeightDecay: 0.1, GradClip: 1,
		Vocab: 520, Precision: "f32", Augment: image.Augment{Crop: [2]float64{0.6, 1}, Ratio: [2]float64{0.8, 1.25}, Color: 0.2}}
}

// TwoStepBase is an engine, a small pool, and a checkpoint of two steps on it.
func TwoStepBase(t *testing.T) (on *engine.Engine, pool, base string) {
	t.Helper()
	on, err := engine.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(on.Close)
	_, pool = optest.Do(t, pools.WorldOp, optest.SmallWorld, nil, nil)
	p := Pretrain(t)
	p.Steps = 2
	_, base = optest.Do(t, train.PretrainOp, p, map[string]string{"pool": pool}, nil)
	return on, pool, base
}
