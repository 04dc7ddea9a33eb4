package knn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	faiss "github.com/DataIntelligenceCrew/go-faiss"
)

// graphBlock is the number of rows that join a graph together; FAISS permutes them, so it is part
// of what makes the graph.
const graphBlock = 1 << 16

// addBlock is the number of rows that are read and added together where it makes no difference.
const addBlock = 1 << 14

// Source gives vectors by their row. An embeddings.Matrix is one.
type Source interface {
	Rows() int64
	Dim() int
	Block(start int64, n int, dst []float32) error // rows start to start+n into dst [n, dim]
}

// Build makes an index of all rows of a source; progress, if not nil, is told how many have been
// added.
//
// Cells and codes are trained on a random sample, which is all that is in memory besides the index
// and a block of rows: the first rows of a pool are often of one source, and no sample of it. A
// graph is built by one thread, since its links would otherwise depend on how threads were
// scheduled.
func Build(ctx context.Context, src Source, p Params, progress func(rows int64)) (*Index, error) {
	dim := src.Dim()
	if dim <= 0 {
		return nil, fmt.Errorf("vectors of %d numbers", dim)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if rows := src.Rows(); rows <= 0 || rows > math.MaxInt32*64 {
		return nil, fmt.Errorf("no vectors to index (%d)", rows)
	}
	if progress == nil {
		progress = func(int64) {}
	}
	x := &Index{params: p, dim: dim}
	b := builder{ctx: ctx, src: src, index: x, progress: progress}
	if err := b.build(); err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

type builder struct {
	ctx      context.Context
	src      Source
	whole    Source // that the sample is drawn from; nil is src
	index    *Index
	progress func(rows int64)
}

func (b *builder) build() error {
	x := b.index
	if err := b.create(); err != nil {
		return err
	}
	if err := b.train(); err != nil {
		return err
	}
	if err := b.add(); err != nil {
		return err
	}
	if n := x.faiss.Ntotal(); n != int64(x.rows) {
		return fmt.Errorf("the index holds %d of %d vectors", n, x.rows)
	}
	return x.setSearchParam()
}

// create makes an index that holds nothing and knows nothing.
func (b *builder) create() error {
	x := b.index
	if err := x.params.Check(0, 0, x.dim); err != nil {
		return err
	}
	key := x.params.key(x.dim)
	err := onThread(func() (err error) {
		x.faiss, err = faiss.IndexFactory(x.dim, key, faiss.MetricInnerProduct)
		return err
	})
	if err != nil {
		return fmt.Errorf("index %s of vectors of %d: %w", key, x.dim, err)
	}
	if x.params.Kind == "hnsw" {
		if err := onThread(func() error { return setParameter(x.faiss, "efConstruction", x.params.EfConstruction) }); err != nil {
			return err
		}
	}
	return nil
}

// train shows the index its sample, where it needs one.
func (b *builder) train() error {
	x := b.index
	if x.faiss.IsTrained() {
		return nil
	}
	if err := x.params.checkRows(b.src.Rows()); err != nil {
		return err
	}
	sample, err := b.sample()
	if err != nil {
		return err
	}
	x.trainedOn = len(sample) / x.dim
	if err := onThread(func() error { return x.faiss.Train(sample) }); err != nil {
		return fmt.Errorf("train %s on %d vectors: %w", x.params.key(x.dim), x.trainedOn, err)
	}
	return nil
}

// add gives the index every row.
func (b *builder) add() error {
	x, rows := b.index, b.src.Rows()
	size, add := int64(addBlock), func(block []float32) error { return onThread(func() error { return x.faiss.Add(block) }) }
	if x.params.isGraph() {
		size, add = graphBlock, func(block []float32) error { return addOneThread(x.faiss, block, x.dim) }
	}
	block := make([]float32, min(size, rows)*int64(x.dim))
	for start := int64(0); start < rows; {
		n := int(min(size, rows-start))
		part := block[:n*x.dim]
		if err := b.read(b.src, start, n, part); err != nil {
			return err
		}
		if err := add(part); err != nil {
			return fmt.Errorf("vectors %d to %d: %w", start, start+int64(n)-1, err)
		}
		start += int64(n)
		x.rows = int(start)
		b.progress(start)
	}
	return nil
}

// read reads and checks rows.
func (b *builder) read(src Source, start int64, n int, dst []float32) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if err := src.Block(start, n, dst); err != nil {
		return err
	}
	_, err := countRows(dst, b.index.dim, "vector", int(start))
	return err
}

// sample draws min(TrainSize, rows) rows without replacement, each set of rows equally likely, in
// row order (selection sampling: Knuth, The Art of Computer Programming 3.4.2, algorithm S).
func (b *builder) sample() ([]float32, error) {
	src := b.whole
	if src == nil {
		src = b.src
	}
	p, dim, rows := b.index.params, b.index.dim, src.Rows()
	if p.TrainSize <= 0 {
		return nil, errors.New("trainSize is not set, and the index needs vectors to train on")
	}
	want, left := min(int64(p.TrainSize), rows), rows
	// "knn": a stream of its own for the seed
	rng := rand.New(rand.NewPCG(uint64(p.Seed), 0x6b6e6e))
	out := make([]float32, want*int64(dim))
	next := out
	for row := int64(0); want > 0; row++ {
		if rng.IntN(int(left)) < int(want) {
			if err := b.read(src, row, 1, next[:dim]); err != nil {
				return nil, err
			}
			next = next[dim:]
			want--
		}
		left--
	}
	return out, nil
}
