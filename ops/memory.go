package ops

import (
	"encoding/json"
	"fmt"

	"react/ops/clip"
)

// Place is what the memory of a stage depends on beside its params.
type Place struct {
	Model  *clip.Config // that the stage runs; nil where it is not known
	Rows   int          // of the pool; 0 where it is not known
	Engine string       // its name
	Fit    Fit

	Estimator *clip.Estimator // remembers what it has estimated
}

// EstimateMemory says what a stage takes at its peak, in bytes by part; the zero value where it is not known. Ops without a model or an index
// take little, and are not estimated.
func EstimateMemory(op string, params json.RawMessage, at Place) (m clip.Memory, err error) {
	switch op {
	case "pretrain":
		var p PretrainParams
		if err := json.Unmarshal(params, &p); err != nil {
			return m, fmt.Errorf("params of %s: %w", op, err)
		}
		return at.training(p.Model.WithVocab(p.Vocab), p.options())
	case "tune":
		return at.tuning(params)
	case "embed", "queries", "evaluate", "features":
		var p struct{ Precision string }
		if err := json.Unmarshal(params, &p); err != nil {
			return m, fmt.Errorf("params of %s: %w", op, err)
		}
		if at.Model == nil {
			return m, nil
		}
		return at.Estimator.Encoding(*at.Model, encodeBatch, p.Precision, at.Engine)
	case "index", "retrieve":
		return at.searching(), nil
	}
	return m, nil
}

func (at Place) training(cfg clip.Config, o clip.TrainOptions) (clip.Memory, error) {
	o, err := at.Fit.apply(at.Estimator, cfg, o, at.Engine)
	if err != nil {
		return clip.Memory{}, err
	}
	return at.Estimator.Training(cfg, o, at.Engine)
}

// tuning adds the text tower that encoded the captions, which stays on the device.
func (at Place) tuning(params json.RawMessage) (clip.Memory, error) {
	var p TuneParams
	if err := json.Unmarshal(params, &p); err != nil {
		return clip.Memory{}, fmt.Errorf("params of tune: %w", err)
	}
	if at.Model == nil {
		return clip.Memory{}, nil
	}
	o := p.options()
	m, err := at.training(*at.Model, o)
	if err != nil || !o.CachedText && !o.PositivesFixed {
		return m, err
	}
	m.Parameters += clip.TextBytes(*at.Model)
	return m, nil
}

// searching is a flat index and what it is made of, both of the embeddings of one side in f32. An HNSW graph takes some more, a search its hits.
func (at Place) searching() clip.Memory {
	if at.Model == nil || at.Rows == 0 {
		return clip.Memory{}
	}
	return clip.Memory{Host: 2*int64(at.Rows)*int64(at.Model.Dim())*4 + clip.ProcessBytes}
}
