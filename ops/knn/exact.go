package knn

import (
	"context"
	"sync"

	"react/data/caught"
)

// Subset says which rows may be found; *pool.Rows is one.
type Subset interface{ Has(row int64) bool }

// halfSource is a Source that may have its vectors as IEEE halves, which are then
// read as they are: HalfBlock reads rows start to start+n into dst [n, dim]; without
// ok it has others, and dst is as it was.
type halfSource interface {
	HalfBlock(start int64, n int, dst []uint16) (ok bool, err error)
}

// readRows are read together, while those before are searched.
const readRows = 8192

// Exact searches a source without an index.
type Exact struct {
	Source   Source
	Subset   Subset           // nil is all rows
	Progress func(rows int64) // of the pass; may be nil
}

// Search streams all rows by once and gives the k best of each query: what a flat index gives, in
// memory for a few blocks of rows, the queries and their hits, whatever the number of rows. Of rows
// with equal scores the first come first. With AVX2 a score is one chain of fused multiply-adds,
// the same whatever it is computed beside; with AVX-512, or without AVX2, it is OpenBLAS's, whose
// last bits depend on the shape of the blocks. Fewer than k rows are padded with -1.
func (x Exact) Search(ctx context.Context, queries []float32, k int) (Hits, error) {
	dim := x.Source.Dim()
	if _, err := countQueries(queries, dim, k); err != nil {
		return Hits{}, err
	}
	return x.search(ctx, newComparer(x, queries, dim, k), k)
}

// comparer compares blocks of rows, in their order, with the queries that it has.
type comparer interface {
	compare(ctx context.Context, b block) error
	finish()      // no more will come; always called
	hits() []best // of each query, any number over k
	wantsHalves() bool
}

// newComparer takes the kernel of this processor.
func newComparer(x Exact, queries []float32, dim, k int) comparer {
	if fusedKernel() {
		return newFused(x, queries, dim, k)
	}
	return newProducts(x, queries, dim, k)
}

func (x Exact) search(ctx context.Context, c comparer, k int) (Hits, error) {
	err := x.stream(ctx, c)
	c.finish()
	if err != nil {
		return Hits{}, err
	}
	return gather(c.hits(), k), nil
}

// block is some rows that were read: as float32, or as halves.
type block struct {
	start   int64
	rows    int
	vectors []float32
	halves  []uint16
	err     error
}

// stream reads blocks ahead of the comparisons.
func (x Exact) stream(ctx context.Context, c comparer) error {
	ctx, cancel := context.WithCancel(ctx)
	blocks, free := make(chan block), make(chan block, 2)
	free <- block{}
	free <- block{}
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	reader.Go(func() {
		defer close(blocks)
		for start := int64(0); start < x.Source.Rows(); start += readRows {
			var b block
			select {
			case b = <-free:
			case <-ctx.Done():
				return
			}
			b.start, b.rows = start, int(min(readRows, x.Source.Rows()-start))
			b.err = caught.Do("embeddings", func() error { return x.read(&b, c.wantsHalves()) })
			select {
			case blocks <- b:
			case <-ctx.Done():
				return
			}
		}
	})
	for b := range blocks {
		if b.err != nil {
			return b.err
		}
		if err := c.compare(ctx, b); err != nil {
			return err
		}
		if x.Progress != nil {
			x.Progress(b.start + int64(b.rows))
		}
		free <- b
	}
	return ctx.Err()
}

// read fills a block, whose buffers are used again.
func (x Exact) read(b *block, halves bool) error {
	n := b.rows * x.Source.Dim()
	if source, ok := x.Source.(halfSource); ok && halves {
		if cap(b.halves) < n {
			b.halves = make([]uint16, n)
		}
		b.halves = b.halves[:n]
		if ok, err := source.HalfBlock(b.start, b.rows, b.halves); ok || err != nil {
			return err
		}
	}
	b.halves = nil
	if cap(b.vectors) < n {
		b.vectors = make([]float32, n)
	}
	b.vectors = b.vectors[:n]
	return x.Source.Block(b.start, b.rows, b.vectors)
}
