package retrieve

import (
	"context"
	"fmt"
	"os"

	"react/data/embeddings"
	"react/ops/clip"
	"react/ops/knn"
	"react/ops/op"
)

// IndexParams are the params of index.
type IndexParams struct {
	Side string `json:"side"` // image, text
	knn.Params
	ShardRows int64 `json:"shardRows,omitempty"` // rows of a shard; 0 is one index of all
}

// IndexOp builds a FAISS inner-product index of one side of a pool's embeddings. In: "embeddings".
// Out: image.index or text.index with its parameters beside it; in shards image.shards.json or
// text.shards.json, and the shards that it lists. Same bytes for the same input.
//
// Shards are built one by one, so that one is in memory at a time, and an attempt goes on with
// those that the one before it finished.
//
//	1: first
var IndexOp = op.Costs(op.Apart(op.Define(1, "index", runIndex,
	op.Says[IndexParams](IndexParams.work, IndexParams.pace, IndexParams.memory, IndexParams.check))),
	0.05, 1e-5)

// work is vectors in f32, or a code for each.
func (p IndexParams) work(at op.Known) op.Work {
	if at.Model == nil {
		return op.Work{}
	}
	each := float64(at.Model.Dim()) * op.FullBytes
	if p.Code > 0 {
		each = float64(p.Code) + 8 // and the row's number
	}
	rows := float64(at.Rows.N())
	return op.Work{Samples: rows, Bytes: rows * each}
}

func (p IndexParams) pace(at op.Known) op.Pace {
	rows := float64(at.Rows.N())
	return op.Pace{Work: rows, Volume: rows, Kind: op.Without(p, "seed", "side")}
}

// memory is an index, or one shard of it, whose room grows by doubling, and the sample that it is
// trained on.
func (p IndexParams) memory(at op.Place) (clip.Memory, error) {
	if at.Model == nil || at.Rows.N() == 0 {
		return clip.Memory{}, nil
	}
	x, err := resolved(at, p.Params, p.ShardRows)
	if err != nil {
		return clip.Memory{}, err
	}
	dim := at.Model.Dim()
	return clip.Memory{Host: 2*x.Bytes(mostRows(at, p.ShardRows), dim) + min(int64(x.TrainSize), int64(at.Rows.N()))*int64(dim)*4 + clip.ProcessBytes}, nil
}

func (p IndexParams) check(look op.Inspector) { look.Index(p.Params, p.ShardRows) }

func runIndex(ctx context.Context, run *op.Run, p IndexParams) error {
	folder, err := run.Embeddings()
	if err != nil {
		return err
	}
	defer folder.Close()
	for _, w := range folder.Warnings() {
		run.Warn("%s", w)
	}
	m, err := side(folder, p.Side)
	if err != nil {
		return err
	}
	params := p.Params
	if params.Kind == "auto" {
		var why string
		if params, why, err = knn.Auto(params, m.Rows(), p.ShardRows, m.Dim()); err != nil {
			return err
		}
		run.Fact("auto", why)
		fmt.Fprintln(run.Log, "index:", why)
	}
	run.Fact("rows", m.Rows())
	if thin := params.Thin(m.Rows()); thin != "" {
		run.Warn("%s", thin)
	}
	if p.ShardRows > 0 {
		return buildShards(ctx, run, &knn.Sharding{Source: m, Params: params, Each: p.ShardRows, Name: p.Side})
	}
	x, err := knn.Build(ctx, m, params, func(rows int64) { run.Progress(op.Progress{Done: int(rows), Total: int(m.Rows()), Note: "rows"}) })
	if err != nil {
		return err
	}
	defer x.Close()
	return x.Save(run.Path(p.Side + ".index"))
}

// buildShards makes those that are not there in Run.Partial, and then all of them the output.
func buildShards(ctx context.Context, run *op.Run, s *knn.Sharding) error {
	s.Dir = run.Partial
	if s.Dir == "" {
		s.Dir = run.Path("building")
		defer os.RemoveAll(s.Dir)
	}
	if err := os.MkdirAll(s.Dir, 0o777); err != nil {
		return err
	}
	if err := s.Begin(ctx); err != nil {
		return err
	}
	resumed, rows := 0, s.Source.Rows()
	for i := range s.Count() {
		first := int64(i) * s.Each
		report := func(n int64) {
			run.Progress(op.Progress{Done: int(min(first+n, rows)), Total: int(rows), Note: fmt.Sprintf("rows, shard %d of %d", i+1, s.Count())})
		}
		if s.Has(i) {
			resumed++
			report(s.Each)
			continue
		}
		if err := s.Build(ctx, i, report); err != nil {
			return err
		}
	}
	run.Fact("shards", s.Count())
	if resumed > 0 {
		run.Fact(op.ResumedShards, resumed)
	}
	return s.Finish(run.Dir)
}

func side(folder *embeddings.Folder, name string) (*embeddings.Matrix, error) {
	switch name {
	case "image":
		return folder.Image()
	case "text":
		return folder.Text()
	}
	return nil, fmt.Errorf("side %q is neither image nor text", name)
}
