package ops

import (
	"context"
	"fmt"
	"io"

	"react/data/embeddings"
	"react/ops/knn"
)

// IndexParams are the params of index.
type IndexParams struct {
	Side string `json:"side"` // image, text
	knn.Params
}

const indexBlock = 1 << 14 // rows read together

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
	rows, dim := folder.Rows(), folder.Dim()
	if rows == 0 {
		return fmt.Errorf("%s has no rows", dir)
	}
	var start int64
	block := make([]float32, indexBlock*dim)
	next := func() ([]float32, error) {
		n := min(indexBlock, rows-start)
		if n <= 0 {
			return nil, io.EOF
		}
		if err := m.Block(start, int(n), block[:n*int64(dim)]); err != nil {
			return nil, err
		}
		start += n
		run.Progress(Progress{Done: int(start), Total: int(rows), Note: "rows"})
		return block[:n*int64(dim)], nil
	}
	x, err := knn.Build(ctx, dim, p.Params, next)
	if err != nil {
		return err
	}
	defer x.Close()
	run.Fact("rows", rows)
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
