package knn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Searcher is an index of one file or of shards.
type Searcher interface {
	Search(ctx context.Context, queries []float32, k int) (Hits, error)
	Len() int
	Dim() int
	Params() Params
	SetSearch(value int) error
	Close() error
}

// OpenAny opens what index stages leave in a folder under a name such as "text": NAME.index, or the
// shards that NAME.shards.json lists. p is as Open has it.
func OpenAny(dir, name string, p Params) (Searcher, error) {
	if _, err := os.Stat(shardListPath(dir, name)); err == nil {
		return openShards(dir, name, p, keepShards)
	}
	return Open(filepath.Join(dir, name+".index"), p)
}

// Sharded is an index in shards, searched as one whose rows go on through all of them. Small shards
// are kept open and searched together; of large ones no more than one is in memory, opened for each
// search in turn, so that a search should bring as many queries as it can. Its methods may be
// called concurrently.
type Sharded struct {
	mu     sync.RWMutex
	params Params
	dim    int
	rows   int
	files  []shardFile
	kept   []*Index // all of them open; nil where they are opened in turn
	joined *joined  // of kept
	closed bool
}

type shardFile struct {
	path string
	rows int
}

// keepShards is the size in bytes of all shards up to which they stay open.
const keepShards = 1 << 30

// openShards opens the shards that NAME.shards.json in a folder lists. Every file is compared with
// its size and digest first. p is as Open has it.
func openShards(dir, name string, p Params, keep int64) (*Sharded, error) {
	path := shardListPath(dir, name)
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list shardList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &Sharded{dim: list.Dim}
	if s.params, err = Params(list.Params).searchedWith(p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	size := int64(0)
	for _, file := range list.Shards {
		side, err := s.add(filepath.Join(dir, filepath.Base(file)), list)
		if err != nil {
			return nil, err
		}
		size += side.Size
	}
	if int64(s.rows) != list.Rows || s.rows == 0 {
		return nil, fmt.Errorf("%s: its shards hold %d vectors, not %d", path, s.rows, list.Rows)
	}
	if size > keep {
		return s, nil
	}
	if err := s.keep(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// add checks a shard's file.
func (s *Sharded) add(path string, list shardList) (side, error) {
	side, err := readSide(path)
	if err != nil {
		return side, err
	}
	if side.Params != list.Params || side.Dim != list.Dim {
		return side, fmt.Errorf("%s is %s of vectors of %d, the others are %s of %d", path, side.Key, side.Dim, Params(list.Params).key(list.Dim), list.Dim)
	}
	s.files = append(s.files, shardFile{path, side.Rows})
	s.rows += side.Rows
	return side, side.check(path)
}

// keep opens all shards.
func (s *Sharded) keep() error {
	for i := range s.files {
		x, err := s.open(i)
		if err != nil {
			return err
		}
		s.kept = append(s.kept, x)
	}
	var err error
	s.joined, err = join(s.kept)
	return err
}

// open opens a shard, whose digest was compared.
func (s *Sharded) open(i int) (*Index, error) {
	side, err := readSide(s.files[i].path)
	if err != nil {
		return nil, err
	}
	return side.open(s.files[i].path, s.params, mapFrom)
}

// Len is the number of rows of all shards.
func (s *Sharded) Len() int { return s.rows }

// Dim is the length of a vector.
func (s *Sharded) Dim() int { return s.dim }

// Params are those that every shard was built with, with the parameters of search in force.
func (s *Sharded) Params() Params {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.params
}

// Shards is their number.
func (s *Sharded) Shards() int { return len(s.files) }

// SetSearch changes the parameter of search, and waits for searches that run. It is for a kind that
// has one.
func (s *Sharded) SetSearch(value int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	p, err := s.params.SearchWith(value)
	if err != nil {
		return err
	}
	for _, x := range s.kept {
		if err := x.SetSearch(value); err != nil {
			return err
		}
	}
	s.params = p
	return nil
}

// Search is Index.Search over all shards.
func (s *Sharded) Search(ctx context.Context, queries []float32, k int) (Hits, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return Hits{}, errClosed
	}
	if s.joined != nil {
		return searchFAISS(ctx, s.joined.index, s.dim, queries, k)
	}
	var all Hits
	first := int64(0)
	for i := range s.files {
		hits, err := s.searchOne(ctx, i, queries, k)
		if err != nil {
			return Hits{}, fmt.Errorf("shard %d: %w", i, err)
		}
		for j := range hits.Rows {
			if hits.Rows[j] >= 0 {
				hits.Rows[j] += first
			}
		}
		if i == 0 {
			all = hits
		} else {
			all = mergeHits(all, hits)
		}
		first += int64(s.files[i].rows)
	}
	return all, nil
}

func (s *Sharded) searchOne(ctx context.Context, i int, queries []float32, k int) (Hits, error) {
	x, err := s.open(i)
	if err != nil {
		return Hits{}, err
	}
	defer x.Close()
	return x.Search(ctx, queries, k)
}

// mergeHits gives the best of two answers to the same queries; of equal scores a's come first.
func mergeHits(a, b Hits) Hits {
	out := Hits{K: a.K, Rows: make([]int64, len(a.Rows)), Scores: make([]float32, len(a.Rows))}
	for start := 0; start < len(a.Rows); start += a.K {
		i, j := start, start
		for at := start; at < start+a.K; at++ {
			from, next := &a, &i
			if a.Rows[i] < 0 || b.Rows[j] >= 0 && b.Scores[j] > a.Scores[i] {
				from, next = &b, &j
			}
			out.Rows[at], out.Scores[at] = from.Rows[*next], from.Scores[*next]
			*next++
		}
	}
	return out
}

// Close closes the shards that are open; a second Close does nothing.
func (s *Sharded) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	if s.joined != nil {
		s.joined.free()
		s.joined = nil
	}
	for _, x := range s.kept {
		errs = append(errs, x.Close())
	}
	s.kept = nil
	return errors.Join(errs...)
}
