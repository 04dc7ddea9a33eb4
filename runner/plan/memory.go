package plan

import (
	"encoding/json"
	"sync"

	"react/data/caught"
	"react/data/laion"
	"react/data/world"
	"react/ops"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/clip/optim"
	"react/ops/op"
	"react/ops/retrieve"
	"react/ops/train"
)

// Machine is what the memory of stages depends on beside the plan. Its estimates are remembered; it
// is not to be copied.
type Machine struct {
	Engine string // its name
	Fit    op.Fit

	estimator optim.Estimator
}

// Memory says what a stage takes at its peak, in bytes by part; the zero value where that is not
// known. It is no part of the key.
func (m *Machine) Memory(s *Stage) (clip.Memory, error) { return m.With(s, m.Fit) }

// With is Memory where trainings are made to fit in another way.
func (m *Machine) With(s *Stage, fit op.Fit) (clip.Memory, error) {
	return ops.All[s.Op].Memory(s.Params, op.Place{Known: op.Known{Model: s.Model, Rows: s.rows}, Engine: m.Engine, Fit: fit, ShardRows: s.shardRows(), Estimator: &m.estimator})
}

// shardRows is the size of the shards of the index that a stage searches.
func (s *Stage) shardRows() int64 {
	var p retrieve.IndexParams
	if in := s.In["index"]; in == nil || json.Unmarshal(in.Params, &p) != nil {
		return 0
	}
	return p.ShardRows
}

// describe notes what is known of a stage's model and pool before it runs.
func (b *builder) describe(s *Stage, params any) {
	switch p := params.(type) {
	case world.Params:
		s.Rows = p.Rows
		return
	case train.PretrainParams:
		model := p.Model.WithVocab(p.Vocab)
		s.Model = &model
	default:
		s.Model = b.modelIn(s)
	}
	s.Rows = b.rowsIn(s)
	if s.Model == nil {
		return
	}
	switch p := params.(type) {
	case train.ResizeParams:
		model := *s.Model
		model.Model.Vision.ImageSize = p.ImageSize
		s.Model = &model
	case train.TuneParams:
		if m, err := clip.ModeOf(p.Mode); err == nil && m.Gates && s.Model.Gates() == 0 {
			s.Model = b.gatedModel(gates{s.Model, p.GatedDepth})
		}
	}
	s.values = b.countOf(s.Model)
}

// gates are those of a model.
type gates struct {
	of    *clip.Config
	depth int
}

// gatedModel is the model with gates, one for all stages that have it.
func (b *builder) gatedModel(g gates) *clip.Config {
	if b.gated[g] == nil {
		model := g.of.WithGates(g.depth)
		b.gated[g] = &model
	}
	return b.gated[g]
}

// countOf counts the values of a model when they are asked for, once for all its stages: thousands
// of trials tune one model.
func (b *builder) countOf(model *clip.Config) op.Number {
	if b.counts[model] == nil {
		b.counts[model] = sync.OnceValue(func() int { return int(model.Parameters()) })
	}
	return b.counts[model]
}

// modelIn is the model of a stage's inputs.
func (b *builder) modelIn(s *Stage) *clip.Config {
	for _, role := range []string{"checkpoint", "pretrain", "embeddings", "index"} {
		if in := s.In[role]; in != nil {
			return in.Model
		}
		if f, ok := s.Files[role]; ok && role == "checkpoint" {
			return b.modelOf(f.Root)
		}
	}
	return nil
}

// modelOf reads the header of a checkpoint, once. One that cannot be read is not known: the stage
// that loads it says what is wrong.
func (b *builder) modelOf(path string) *clip.Config {
	if cfg, ok := b.models[path]; ok {
		return cfg
	}
	if b.opts.Unseen {
		return nil
	}
	cfg := layout.Peek(path)
	b.models[path] = cfg
	return cfg
}

// rowsIn is the number of rows of the pool that a stage reads.
func (b *builder) rowsIn(s *Stage) int {
	for _, role := range []string{"pool", "embeddings", "index"} {
		if in := s.In[role]; in != nil {
			return in.Rows
		}
	}
	f, ok := s.Files["pool.laion"]
	if !ok || len(f.Paths) > maxFileLines {
		return 0
	}
	if len(f.Paths) == 0 {
		return b.expected[f.Root]
	}
	if n, ok := b.rows[f.Paths[0]]; ok {
		return n
	}
	n := 0
	_ = caught.Do(f.Root, func() error { // what is wrong, CheckInputs says
		reader, err := laion.Open(f.Paths, laion.Options{})
		if err == nil {
			n = int(reader.NumRows())
			_ = reader.Close()
		}
		return err
	})
	b.rows[f.Paths[0]] = n
	return n
}
