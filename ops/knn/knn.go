// Package knn finds the rows of a pool with the largest inner product with a query. It is the only caller of FAISS, whose C API
// checks nothing: each call here is guarded first, and what FAISS would answer with silence, garbage or a crash is an error.
//
// Words: a row is the number of a vector in the order it was given, from 0; a hit is a row and its score; lists and probes are the
// cells of an ivf-flat index and how many of them a query visits (FAISS: nlist, nprobe).
//
// Build makes an index, Save and Open keep it in a file with its parameters and digest beside it, Search asks it. Kinds: flat is
// exact; hnsw and ivf-flat are approximate. Vectors are normalised by the caller, if at all.
//
// Same vectors, params and kind of machine: same index and same hits. Not here: ties and the cut at K (the caller's, since FAISS
// returns any of several equal scores), embeddings and their files (data/embeddings), controls and pairs (ops).
//
// FAISS uses OpenMP and OpenBLAS, which read their settings only when a program starts: see StartupEnv.
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

// ErrClosed is returned for an index that was closed.
var ErrClosed = errors.New("index is closed")

// maxHits bounds queries × k of one Search, 12 bytes each.
const maxHits = 1 << 31

// searchChunk is the most queries of one call of FAISS, between which Search looks at its context.
const searchChunk = 2048

// Params say what index is built and how it is searched. There are no defaults here: what the kind does not use is ignored, what it
// uses must be positive.
type Params struct {
	Kind           string `json:"kind"`                     // flat, hnsw, ivf-flat
	M              int    `json:"m,omitempty"`              // hnsw: links per row
	EfConstruction int    `json:"efConstruction,omitempty"` // hnsw: candidates kept while building
	EfSearch       int    `json:"efSearch,omitempty"`       // hnsw: candidates kept while searching; FAISS raises it to k
	Lists          int    `json:"lists,omitempty"`          // ivf-flat: cells
	Probes         int    `json:"probes,omitempty"`         // ivf-flat: cells visited by a query; more than lists is all of them
	TrainSize      int    `json:"trainSize,omitempty"`      // ivf-flat: rows of the random sample that cells are trained on
	Seed           int64  `json:"seed,omitempty"`           // ivf-flat: of that sample
}

// Validate names the first parameter that the kind needs and that is not positive.
func (p Params) Validate() error {
	type need struct {
		name  string
		value int
		least int
	}
	var needs []need
	switch p.Kind {
	case "flat":
	case "hnsw":
		needs = []need{{"m", p.M, 2}, {"efConstruction", p.EfConstruction, 1}, {"efSearch", p.EfSearch, 1}}
	case "ivf-flat":
		needs = []need{{"lists", p.Lists, 1}, {"probes", p.Probes, 1}, {"trainSize", p.TrainSize, 1}}
	default:
		return fmt.Errorf("index kind %q is none of flat, hnsw, ivf-flat", p.Kind)
	}
	for _, n := range needs {
		if n.value < n.least || n.value > math.MaxInt32 {
			return fmt.Errorf("index kind %s: %s %d is not in %d..%d", p.Kind, n.name, n.value, n.least, math.MaxInt32)
		}
	}
	return nil
}

// key is FAISS's own name of the index, for its factory.
func (p Params) key() string {
	switch p.Kind {
	case "hnsw":
		return fmt.Sprintf("HNSW%d", p.M)
	case "ivf-flat":
		return fmt.Sprintf("IVF%d,Flat", p.Lists)
	}
	return "Flat"
}

// searchParam is FAISS's name of the parameter of a search and its value; flat has none.
func (p Params) searchParam() (name string, value int) {
	switch p.Kind {
	case "hnsw":
		return "efSearch", p.EfSearch
	case "ivf-flat":
		return "nprobe", p.Probes
	}
	return "", 0
}

// Index is an inner-product index in memory. Its methods may be called concurrently: searches run side by side, and Close waits for
// them. It must be closed, since its memory is not Go's.
type Index struct {
	mu        sync.RWMutex // held for reading by every use, for writing by Close
	faiss     *faiss.IndexImpl
	params    Params
	dim       int
	rows      int
	trainedOn int // rows of the sample that cells were trained on
}

// Hits are the answers of a search: query i's are Rows[i*K:(i+1)*K] with their Scores, best first. A row of -1 means that no further
// row was found; its score says nothing.
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

// Search returns the k best rows of each query; queries are [n, dim] and are not kept. Fewer than 20 queries take another path through
// FAISS than more do, so the last bits of a score depend on it.
func (x *Index) Search(ctx context.Context, queries []float32, k int) (Hits, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.faiss == nil {
		return Hits{}, ErrClosed
	}
	n, err := countRows(queries, x.dim, "query", 0)
	if err != nil {
		return Hits{}, err
	}
	if n == 0 {
		return Hits{}, errors.New("no queries")
	}
	if k <= 0 || k > maxHits/n {
		return Hits{}, fmt.Errorf("k %d is not in 1..%d for %d queries", k, maxHits/n, n)
	}
	if !x.faiss.IsTrained() {
		return Hits{}, errors.New("index is not trained") // FAISS would find nothing and call it success
	}
	return x.searchChunks(ctx, queries, n, k)
}

// searchChunks splits n queries evenly, so that no rest is small enough for FAISS's other path.
func (x *Index) searchChunks(ctx context.Context, queries []float32, n, k int) (Hits, error) {
	chunks := (n + searchChunk - 1) / searchChunk
	hits := Hits{K: k}
	for i := range chunks {
		if err := ctx.Err(); err != nil {
			return Hits{}, err
		}
		part := queries[i*n/chunks*x.dim : (i+1)*n/chunks*x.dim]
		var scores []float32
		var rows []int64
		err := onThread(func() (err error) {
			scores, rows, err = x.faiss.Search(part, int64(k))
			return err
		})
		if err != nil {
			return Hits{}, fmt.Errorf("search: %w", err)
		}
		if chunks == 1 {
			return Hits{K: k, Rows: rows, Scores: scores}, nil
		}
		hits.Rows = append(hits.Rows, rows...)
		hits.Scores = append(hits.Scores, scores...)
	}
	return hits, nil
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

// setSearchParam puts the parameter of search in force. FAISS's own defaults (nprobe 1, efSearch 16) would lose most hits unseen.
func (x *Index) setSearchParam() error {
	name, value := x.params.searchParam()
	if name == "" {
		return nil
	}
	return onThread(func() error {
		space, err := faiss.NewParameterSpace()
		if err != nil {
			return err
		}
		defer space.Delete()
		return space.SetIndexParameter(x.faiss, name, float64(value))
	})
}

// onThread keeps fn on one OS thread: FAISS keeps the text of an error for each thread, and go-faiss fetches it in a second call.
func onThread(fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return fn()
}

// countRows is the number of vectors in block; FAISS would drop an incomplete one. first is the number of the first, for the error.
func countRows(block []float32, dim int, what string, first int) (int, error) {
	if len(block)%dim != 0 {
		return 0, fmt.Errorf("%d numbers are no whole number of vectors of %d", len(block), dim)
	}
	for i, v := range block {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 { // the exponent of NaN and of both infinities
			return 0, fmt.Errorf("%s %d: component %d is %v", what, first+i/dim, i%dim, v)
		}
	}
	return len(block) / dim, nil
}
