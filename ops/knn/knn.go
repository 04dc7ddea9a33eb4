// Package knn finds the rows of a pool with the largest inner product with a query. It is the only
// caller of FAISS, whose C API checks nothing: each call here is guarded first, and what FAISS
// would answer with silence, garbage or a crash is an error.
//
// Words: a row is the number of a vector in the order it was given, from 0; a hit is a row and its
// score; lists and probes are the cells of an ivf index and how many of them a query visits (FAISS:
// nlist, nprobe).
//
// Build makes an index, Save and Open keep it in a file with its parameters and digest beside it,
// Search asks it; a Sharding makes it in shards, which OpenAny opens as one. Kinds: flat is exact;
// hnsw and the ivf ones are approximate, those with pq keep codes in place of vectors; factory is
// any name that FAISS knows; Auto chooses. Exact needs no index: it streams the vectors by. Vectors
// are normalised by the caller, if at all.
//
// Same vectors, params and kind of machine: same index and same hits. Not here: ties and the cut at
// K (the caller's, since FAISS returns any of several equal scores), embeddings and their files
// (data/embeddings), controls and pairs (ops).
//
// FAISS uses OpenMP and OpenBLAS, which read their settings only when a program starts: see
// StartupEnv.
package knn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"

	faiss "github.com/DataIntelligenceCrew/go-faiss"
)

// errClosed is returned for an index that was closed.
var errClosed = errors.New("index is closed")

// maxHits bounds queries × k of one Search, 12 bytes each.
const maxHits = 1 << 31

// searchChunk is the most queries of one call of FAISS, between which Search looks at its context.
const searchChunk = 2048

// Index is an inner-product index in memory. Its methods may be called concurrently: searches run
// side by side, and Close waits for them. It must be closed, since its memory is not Go's.
type Index struct {
	mu        sync.RWMutex // held for reading by every use, for writing by Close
	faiss     *faiss.IndexImpl
	params    Params
	dim       int
	rows      int
	trainedOn int // rows of the sample that cells were trained on
}

// Hits are the answers of a search: query i's are Rows[i*K:(i+1)*K] with their Scores, best first.
// A row of -1 means that no further row was found; its score says nothing.
type Hits struct {
	K      int
	Rows   []int64   // [queries, K]
	Scores []float32 // [queries, K], inner products
}

// Len is the number of rows.
func (x *Index) Len() int { return x.rows }

// Dim is the length of a vector.
func (x *Index) Dim() int { return x.dim }

// Params are those the index was built with, with the parameters of search in force.
func (x *Index) Params() Params { return x.params }

// Search returns the k best rows of each query; queries are [n, dim] and are not kept. Fewer than
// 20 queries take another path through FAISS than more do, so the last bits of a score depend on
// it.
func (x *Index) Search(ctx context.Context, queries []float32, k int) (Hits, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.faiss == nil {
		return Hits{}, errClosed
	}
	if !x.faiss.IsTrained() {
		// FAISS would find nothing and call it success
		return Hits{}, errors.New("index is not trained")
	}
	return searchFAISS(ctx, pointer(x.faiss), x.dim, queries, k)
}

// Close frees the index; a second Close does nothing.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.faiss != nil {
		x.faiss.Delete()
		x.faiss = nil
	}
	return nil
}

// setSearchParam puts the parameter of search in force. FAISS's own defaults (nprobe 1, efSearch
// 16) would lose most hits unseen.
func (x *Index) setSearchParam() error {
	name, value := x.params.SearchParam()
	if name == "" {
		return nil
	}
	return onThread(func() error { return setParameter(x.faiss, name, value) })
}

// SetSearch changes the parameter of search, and waits for searches that run. It is for a kind that
// has one.
func (x *Index) SetSearch(value int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.faiss == nil {
		return errClosed
	}
	p, err := x.params.SearchWith(value)
	if err != nil {
		return err
	}
	x.params = p
	return x.setSearchParam()
}

func setParameter(index *faiss.IndexImpl, name string, value int) error {
	space, err := faiss.NewParameterSpace()
	if err != nil {
		return err
	}
	defer space.Delete()
	return space.SetIndexParameter(index, name, float64(value))
}

// onThread keeps fn on one OS thread: FAISS keeps the text of an error for each thread, and
// go-faiss fetches it in a second call. The error is in plain words.
func onThread(fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return plain(fn())
}

// countRows is the number of vectors in block; FAISS would drop an incomplete one. first is the
// number of the first, for the error.
func countRows(block []float32, dim int, what string, first int) (int, error) {
	if len(block)%dim != 0 {
		return 0, fmt.Errorf("%d numbers are no whole number of vectors of %d", len(block), dim)
	}
	for i, v := range block {
		// the exponent of NaN and of both infinities
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return 0, fmt.Errorf("%s %d: component %d is %v", what, first+i/dim, i%dim, v)
		}
	}
	return len(block) / dim, nil
}

// countQueries is the number of queries of a search for k hits each.
func countQueries(queries []float32, dim, k int) (int, error) {
	n, err := countRows(queries, dim, "query", 0)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, errors.New("no queries")
	case k <= 0 || k > maxHits/n:
		return 0, fmt.Errorf("k %d is not in 1..%d for %d queries", k, maxHits/n, n)
	}
	return n, nil
}
