package ops

import (
	"encoding/json"
	"fmt"

	"react/data/datasets"
	"react/ops/clip"
	"react/ops/knn"
)

// Place is what the memory of a stage depends on beside its params.
type Place struct {
	Model  *clip.Config // that the stage runs; nil where it is not known
	Rows   int          // of the pool; 0 where it is not known
	Engine string       // its name
	Fit    Fit

	ShardRows int64 // of the index that the stage searches; 0 is one index of all

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
	case "fine-tune":
		return at.fineTuning(params)
	case "embed", "queries", "evaluate", "features":
		var p struct{ Precision string }
		if err := json.Unmarshal(params, &p); err != nil {
			return m, fmt.Errorf("params of %s: %w", op, err)
		}
		if at.Model == nil {
			return m, nil
		}
		return at.Estimator.Encoding(*at.Model, encodeBatch, p.Precision, at.Engine)
	case "index":
		var p IndexParams
		if err := json.Unmarshal(params, &p); err != nil {
			return m, fmt.Errorf("params of %s: %w", op, err)
		}
		return at.indexing(p.Params, p.ShardRows)
	case "retrieve", "tune-index":
		var p struct {
			By    string
			Index knn.Params
		}
		if err := json.Unmarshal(params, &p); err != nil {
			return m, fmt.Errorf("params of %s: %w", op, err)
		}
		return at.searching(p.By, p.Index)
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

// fineTuning is the training, and what embeds images to score it, which is there at the same time.
func (at Place) fineTuning(params json.RawMessage) (clip.Memory, error) {
	var p FineTuneParams
	if err := json.Unmarshal(params, &p); err != nil {
		return clip.Memory{}, fmt.Errorf("params of fine-tune: %w", err)
	}
	if at.Model == nil {
		return clip.Memory{}, nil
	}
	classes := fineTuneClasses
	if e, err := datasets.Find(p.Test.Benchmark); err == nil {
		classes = len(e.Classes)
	}
	m, err := at.training(*at.Model, p.options(p.Batch, classes, false, *at.Model))
	if err != nil {
		return m, err
	}
	scoring, err := at.Estimator.Encoding(*at.Model, encodeBatch, p.Embedding, at.Engine)
	m.Parameters += scoring.Parameters
	m.Activations = max(m.Activations, scoring.Activations)
	m.Inputs += scoring.Inputs
	return m, err
}

// fineTuneClasses stands for the number of classes where it is not known before the images are read: a head is small beside its tower.
const fineTuneClasses = 100

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

// indexing is an index, or one shard of it, whose room grows by doubling, and the sample that it is trained on.
func (at Place) indexing(p knn.Params, each int64) (clip.Memory, error) {
	if at.Model == nil || at.Rows == 0 {
		return clip.Memory{}, nil
	}
	p, err := at.resolve(p, each)
	if err != nil {
		return clip.Memory{}, err
	}
	dim := at.Model.Dim()
	return clip.Memory{Host: 2*p.Bytes(at.shard(each), dim) + min(int64(p.TrainSize), int64(at.Rows))*int64(dim)*4 + clip.ProcessBytes}, nil
}

// searching is what an index, or the largest of its shards, takes; the embeddings themselves are read from disk, and those of kind exact by blocks.
// The lists of a large ivf index are mapped: what is not searched need not be in memory.
func (at Place) searching(by string, p knn.Params) (clip.Memory, error) {
	if at.Model == nil || at.Rows == 0 || by == TextMatch {
		return clip.Memory{}, nil
	}
	m := clip.Memory{Host: clip.ProcessBytes}
	if p.Kind == "exact" {
		return m, nil
	}
	p, err := at.resolve(p, at.ShardRows)
	if err != nil {
		return clip.Memory{}, err
	}
	m.Host += p.Resident(at.shard(at.ShardRows), at.Model.Dim())
	return m, nil
}

// shard is the most rows of one index.
func (at Place) shard(each int64) int64 {
	if rows := int64(at.Rows); each == 0 || rows < each {
		return rows
	}
	return each
}

// resolve is what kind auto will choose. Where it finds nothing that fits, the stage says so.
func (at Place) resolve(p knn.Params, each int64) (knn.Params, error) {
	if p.Kind != "auto" {
		return p, nil
	}
	chosen, _, err := knn.Auto(p, int64(at.Rows), each, at.Model.Dim())
	return chosen, err
}
