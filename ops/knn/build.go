package knn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	faiss "github.com/DataIntelligenceCrew/go-faiss"
)

// hnswBlock is the number of rows that join an hnsw graph together; FAISS permutes them, so it is part of what makes the graph.
const hnswBlock = 1 << 16

// Build makes an index of the vectors that next returns in blocks of [rows, dim], until io.EOF; a block is not kept. The result does
// not depend on how rows are cut into blocks.
//
// A flat index and an hnsw graph grow as blocks come. hnsw is built by one thread, since its links would otherwise depend on how
// threads were scheduled. ivf-flat trains on a random sample and so keeps all rows until the last has come: it needs up to twice the
// memory of the vectors.
func Build(ctx context.Context, dim int, p Params, next func() ([]float32, error)) (*Index, error) {
	if dim <= 0 {
		return nil, fmt.Errorf("vectors of %d numbers", dim)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	x := &Index{params: p, dim: dim}
	err := onThread(func() (err error) {
		x.faiss, err = faiss.IndexFactory(dim, p.key(), faiss.MetricInnerProduct)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("index %s of vectors of %d: %w", p.key(), dim, err)
	}
	if err := x.fill(ctx, next); err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

func (x *Index) fill(ctx context.Context, next func() ([]float32, error)) error {
	var err error
	switch x.params.Kind {
	case "hnsw":
		err = x.fillHNSW(ctx, next)
	case "ivf-flat":
		err = x.fillIVF(ctx, next)
	default:
		err = x.eachBlock(ctx, next, x.add)
	}
	if err != nil {
		return err
	}
	if x.rows == 0 {
		return errors.New("no vectors to index")
	}
	if n := x.faiss.Ntotal(); n != int64(x.rows) {
		return fmt.Errorf("the index holds %d of %d vectors", n, x.rows)
	}
	return x.setSearchParam()
}

// eachBlock checks every block and hands it to use, counting rows.
func (x *Index) eachBlock(ctx context.Context, next func() ([]float32, error), use func([]float32) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		block, err := next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := countRows(block, x.dim, "vector", x.rows)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		if err := use(block); err != nil {
			return fmt.Errorf("vectors %d to %d: %w", x.rows, x.rows+n-1, err)
		}
		x.rows += n
	}
}

func (x *Index) add(block []float32) error {
	return onThread(func() error { return x.faiss.Add(block) })
}

// fillHNSW cuts the rows into blocks of its own size.
func (x *Index) fillHNSW(ctx context.Context, next func() ([]float32, error)) error {
	if err := onThread(func() error { return x.setEfConstruction() }); err != nil {
		return err
	}
	full := hnswBlock * x.dim
	var pending []float32
	err := x.eachBlock(ctx, next, func(block []float32) error {
		pending = append(pending, block...)
		for len(pending) >= full {
			if err := addOneThread(x.faiss, pending[:full], x.dim); err != nil {
				return err
			}
			pending = append(pending[:0], pending[full:]...)
		}
		return nil
	})
	if err != nil || len(pending) == 0 {
		return err
	}
	return addOneThread(x.faiss, pending, x.dim)
}

func (x *Index) setEfConstruction() error {
	space, err := faiss.NewParameterSpace()
	if err != nil {
		return err
	}
	defer space.Delete()
	return space.SetIndexParameter(x.faiss, "efConstruction", float64(x.params.EfConstruction))
}

// fillIVF trains on a sample of all rows: the first rows of a pool are often of one source, and no sample of it.
func (x *Index) fillIVF(ctx context.Context, next func() ([]float32, error)) error {
	var blocks [][]float32
	err := x.eachBlock(ctx, next, func(block []float32) error {
		blocks = append(blocks, append([]float32(nil), block...))
		return nil
	})
	if err != nil || x.rows == 0 {
		return err
	}
	sample := x.sample(blocks)
	x.trainedOn = len(sample) / x.dim
	if x.trainedOn < x.params.Lists {
		return fmt.Errorf("index kind ivf-flat: %d lists need as many vectors to train on; there are %d (trainSize %d, %d vectors)",
			x.params.Lists, x.trainedOn, x.params.TrainSize, x.rows)
	}
	if err := onThread(func() error { return x.faiss.Train(sample) }); err != nil {
		return fmt.Errorf("train %d lists: %w", x.params.Lists, err)
	}
	for i, block := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := x.add(block); err != nil {
			return err
		}
		blocks[i] = nil // its rows are FAISS's now
	}
	return nil
}

// sample draws min(TrainSize, rows) rows without replacement, each set of rows equally likely, in row order (selection sampling:
// Knuth, The Art of Computer Programming 3.4.2, algorithm S).
func (x *Index) sample(blocks [][]float32) []float32 {
	want, left := min(x.params.TrainSize, x.rows), x.rows
	rng := rand.New(rand.NewPCG(uint64(x.params.Seed), 0x6b6e6e)) // "knn": a stream of its own for the seed
	out := make([]float32, 0, want*x.dim)
	for _, block := range blocks {
		for ; len(block) > 0 && want > 0; block = block[x.dim:] {
			if rng.IntN(left) < want {
				out = append(out, block[:x.dim]...)
				want--
			}
			left--
		}
	}
	return out
}
