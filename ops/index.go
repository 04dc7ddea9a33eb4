package ops

import (
	"context"
	"fmt"

	"react/data/embeddings"
	"react/ops/knn"
)

// IndexParams are the params of index.
type IndexParams struct {
	Side string `json:"side"` // image, text
	knn.Params
}

// index builds a FAISS inner-product index of one side of a pool's embeddings. In: "embeddings". Out: image.index or text.index with its
// parameters beside it. Same bytes for the same input.
//
//	1: first
var index = define(1, "index", runIndex)

func runIndex(ctx context.Context, run *Run, p IndexParams) error {
	dir, err := run.input("embeddings")
	if err != nil {
		return err
	}
	folder, err := embeddings.Open(dir)
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
		if params, why, err = knn.Auto(params, m.Rows(), m.Dim()); err != nil {
			return err
		}
		run.Fact("auto", why)
		fmt.Fprintln(run.Log, "index:", why)
	}
	x, err := knn.Build(ctx, m, params, func(rows int64) { run.Progress(Progress{Done: int(rows), Total: int(m.Rows()), Note: "rows"}) })
	if err != nil {
		return err
	}
	defer x.Close()
	run.Fact("rows", m.Rows())
	return x.Save(run.path(p.Side + ".index"))
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
