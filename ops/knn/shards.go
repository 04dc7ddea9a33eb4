package knn

/*
#include <stdint.h>
#include <stdio.h>
#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/IndexIVF_c.h>
#include <faiss/c_api/IndexShards_c.h>
#include <faiss/c_api/error_c.h>

enum { shards_text = 512 };

// shards_fail copies FAISS's message where it is safe from other calls on this thread.
static int shards_fail(char* text) {
	const char* last = faiss_get_last_error();
	snprintf(text, shards_text, "%s", last ? last : "unknown error");
	return -1;
}

static int shards_new(FaissIndexShards** out, int dim, char* text) { return faiss_IndexShards_new(out, dim) ? shards_fail(text) : 0; }

static int shards_add(FaissIndexShards* x, FaissIndex* shard, char* text) { return faiss_IndexShards_add_shard(x, shard) ? shards_fail(text) : 0; }

static int shards_search(FaissIndexShards* x, idx_t n, const float* queries, idx_t k, float* scores, idx_t* rows, char* text) {
	return faiss_Index_search((FaissIndex*)x, n, queries, k, scores, rows) ? shards_fail(text) : 0;
}

static void shards_free(FaissIndexShards* x) { faiss_Index_free((FaissIndex*)x); }

static int shards_is_ivf(FaissIndex* x) { return faiss_IndexIVF_cast(x) != NULL; }

static int shards_merge(FaissIndex* into, FaissIndex* from, idx_t add, char* text) {
	return faiss_IndexIVF_merge_from(faiss_IndexIVF_cast(into), faiss_IndexIVF_cast(from), add) ? shards_fail(text) : 0;
}

// shards_reconstruct looks a row up; an ivf index is given the map from rows to cells that it needs for that.
static int shards_reconstruct(FaissIndex* x, idx_t row, float* out, char* text) {
	FaissIndexIVF* ivf = faiss_IndexIVF_cast(x);
	if (ivf && faiss_IndexIVF_make_direct_map(ivf, 1)) return shards_fail(text);
	return faiss_Index_reconstruct(x, row, out) ? shards_fail(text) : 0;
}
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

// Merge moves the rows of ivf shards of one Sharding into the first, numbered on through all of them, and closes the others.
func Merge(shards []*Index) (*Index, error) {
	if len(shards) == 0 {
		return nil, errors.New("no shards to merge")
	}
	into := shards[0]
	into.mu.Lock()
	defer into.mu.Unlock()
	for i, x := range shards {
		switch {
		case x.faiss == nil:
			return nil, ErrClosed
		case x.trained == "" || x.trained != into.trained || i > 0 && x == into:
			return nil, fmt.Errorf("index %d was not trained with the first (a Sharding makes shards that can be merged)", i)
		case C.shards_is_ivf(pointer(x.faiss)) == 0:
			return nil, fmt.Errorf("index kind %s cannot be merged (ivf-flat and ivf-pq can; shards are searched together by Together)", x.params.Kind)
		}
	}
	for _, x := range shards[1:] {
		text := make([]byte, C.shards_text)
		rc := C.shards_merge(pointer(into.faiss), pointer(x.faiss), C.idx_t(into.rows), (*C.char)(unsafe.Pointer(&text[0])))
		runtime.KeepAlive(x)
		if err := result(rc, text); err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
		into.rows += x.rows
		x.Close()
	}
	return into, nil
}

// Reconstruct gives the vector of a row as the index holds it: exactly, or what its code stands for. An ivf index makes a map of its rows first.
func (x *Index) Reconstruct(row int64, dst []float32) error {
	x.mu.Lock() // the map is made once, by whoever comes first
	defer x.mu.Unlock()
	switch {
	case x.faiss == nil:
		return ErrClosed
	case row < 0 || row >= int64(x.rows):
		return fmt.Errorf("row %d is not in 0..%d", row, x.rows-1)
	case len(dst) != x.dim:
		return fmt.Errorf("room for %d numbers, want %d", len(dst), x.dim)
	}
	text := make([]byte, C.shards_text)
	rc := C.shards_reconstruct(pointer(x.faiss), C.idx_t(row), (*C.float)(&dst[0]), (*C.char)(unsafe.Pointer(&text[0])))
	runtime.KeepAlive(x)
	if err := result(rc, text); err != nil {
		return fmt.Errorf("row %d: %w", row, err)
	}
	return nil
}

// Shards searches several indexes as one whose rows go on through all of them. The shards stay open while it is used, and are not its own.
type Shards struct {
	mu     sync.RWMutex
	faiss  *C.FaissIndexShards
	shards []*Index
	rows   int
}

// Together joins shards for searching.
func Together(shards []*Index) (*Shards, error) {
	if len(shards) == 0 {
		return nil, errors.New("no shards to search")
	}
	s := &Shards{shards: shards}
	text := make([]byte, C.shards_text)
	if err := result(C.shards_new(&s.faiss, C.int(shards[0].dim), (*C.char)(unsafe.Pointer(&text[0]))), text); err != nil {
		return nil, err
	}
	for i, x := range shards {
		if x.faiss == nil || x.dim != shards[0].dim {
			s.Close()
			return nil, fmt.Errorf("shard %d is closed, or has vectors of %d and the first of %d", i, x.dim, shards[0].dim)
		}
		if err := result(C.shards_add(s.faiss, pointer(x.faiss), (*C.char)(unsafe.Pointer(&text[0]))), text); err != nil {
			s.Close()
			return nil, fmt.Errorf("shard %d: %w", i, err)
		}
		s.rows += x.rows
	}
	return s, nil
}

// Len is the number of rows of all shards.
func (s *Shards) Len() int { return s.rows }

// Search is Index.Search over all shards.
func (s *Shards) Search(ctx context.Context, queries []float32, k int) (Hits, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.faiss == nil {
		return Hits{}, ErrClosed
	}
	for _, x := range s.shards {
		x.mu.RLock()
		defer x.mu.RUnlock()
		if x.faiss == nil {
			return Hits{}, ErrClosed
		}
	}
	n, err := countRows(queries, s.shards[0].dim, "query", 0)
	switch {
	case err != nil:
		return Hits{}, err
	case n == 0:
		return Hits{}, errors.New("no queries")
	case k <= 0 || k > maxHits/n:
		return Hits{}, fmt.Errorf("k %d is not in 1..%d for %d queries", k, maxHits/n, n)
	}
	hits := Hits{K: k, Rows: make([]int64, n*k), Scores: make([]float32, n*k)}
	chunks, dim := (n+searchChunk-1)/searchChunk, s.shards[0].dim
	for i := range chunks {
		if err := ctx.Err(); err != nil {
			return Hits{}, err
		}
		from, to := i*n/chunks, (i+1)*n/chunks
		if err := s.searchChunk(queries[from*dim:to*dim], k, hits.Scores[from*k:to*k], hits.Rows[from*k:to*k]); err != nil {
			return Hits{}, fmt.Errorf("search: %w", err)
		}
	}
	return hits, nil
}

func (s *Shards) searchChunk(queries []float32, k int, scores []float32, rows []int64) error {
	text := make([]byte, C.shards_text)
	rc := C.shards_search(s.faiss, C.idx_t(len(rows)/k), (*C.float)(&queries[0]), C.idx_t(k), (*C.float)(&scores[0]), (*C.idx_t)(unsafe.Pointer(&rows[0])), (*C.char)(unsafe.Pointer(&text[0])))
	return result(rc, text)
}

// Close frees what joins the shards; they themselves stay open.
func (s *Shards) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faiss != nil {
		C.shards_free(s.faiss)
		s.faiss = nil
	}
	return nil
}
