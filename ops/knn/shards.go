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
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"unsafe"

	faiss "github.com/DataIntelligenceCrew/go-faiss"
)

// part is a range of a source's rows.
type part struct {
	Source
	start, rows int64
}

// Rows is the number of rows of the part.
func (p part) Rows() int64 { return p.rows }

// Block reads rows of the part.
func (p part) Block(start int64, n int, dst []float32) error {
	return p.Source.Block(p.start+start, n, dst)
}

// BuildShards makes indexes of each rows of a source, the last of fewer, whose rows are numbered from 0 in each. What is trained is trained once, on a
// sample of all rows, so that the shards of an ivf index have the same cells and can be merged. The caller closes them.
func BuildShards(ctx context.Context, src Source, p Params, each int64) (shards []*Index, err error) {
	if each < 1 {
		return nil, fmt.Errorf("shards of %d rows", each)
	}
	defer func() {
		if err != nil {
			for _, x := range shards {
				x.Close()
			}
			shards = nil
		}
	}()
	dir, err := os.MkdirTemp("", "runner-shards-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	together := &trained{filepath.Join(dir, "trained.index")}
	for start := int64(0); start < src.Rows(); start += each {
		x := &Index{params: p, dim: src.Dim(), trained: together}
		b := builder{ctx: ctx, src: part{src, start, min(each, src.Rows()-start)}, whole: src, index: x, progress: func(int64) {}}
		shards = append(shards, x)
		if err := b.shard(together.file, start == 0); err != nil {
			return shards, fmt.Errorf("shard from row %d: %w", start, err)
		}
	}
	return shards, nil
}

// shard builds one shard: the first trains and keeps what it learned in a file, which the others begin with.
func (b *builder) shard(trained string, first bool) error {
	if err := b.index.params.Validate(); err != nil {
		return err
	}
	if !first {
		err := onThread(func() (err error) {
			b.index.faiss, err = faiss.ReadIndex(trained, 0)
			return err
		})
		if err != nil {
			return err
		}
	} else {
		if err := b.create(); err != nil {
			return err
		}
		if err := b.train(); err != nil {
			return err
		}
		if err := write(b.index.faiss, trained); err != nil {
			return err
		}
	}
	if err := b.add(); err != nil {
		return err
	}
	return b.index.setSearchParam()
}

// Merge moves the rows of ivf shards that BuildShards made into the first, numbered on through all of them, and closes the others.
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
		case x.trained == nil || x.trained != into.trained || i > 0 && x == into:
			return nil, fmt.Errorf("index %d was not trained with the first (BuildShards makes shards that can be merged)", i)
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
	case ctx.Err() != nil:
		return Hits{}, ctx.Err()
	}
	hits := Hits{K: k, Rows: make([]int64, n*k), Scores: make([]float32, n*k)}
	text := make([]byte, C.shards_text)
	rc := C.shards_search(s.faiss, C.idx_t(n), (*C.float)(&queries[0]), C.idx_t(k), (*C.float)(&hits.Scores[0]), (*C.idx_t)(unsafe.Pointer(&hits.Rows[0])), (*C.char)(unsafe.Pointer(&text[0])))
	if err := result(rc, text); err != nil {
		return Hits{}, fmt.Errorf("search: %w", err)
	}
	return hits, nil
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
