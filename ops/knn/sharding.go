package knn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	faiss "github.com/DataIntelligenceCrew/go-faiss"

	"react/data/glob"
	"react/data/wholefile"
)

// Sharding makes indexes of Each rows of a source, the last of fewer, one at a time, so that no
// more than one is ever in memory. What is trained is trained once, on a sample of all rows: the
// shards of an ivf index have the same cells and codes, and find together what one index would.
//
// A shard that is there and whole is not built again: killed at any moment, the same calls go on.
type Sharding struct {
	Source Source
	Params Params
	Each   int64
	Dir    string // of the shards' files, and of what was trained
	Name   string // of the whole: shards are NAME-00000.index
}

// maxShards bounds how many files a search opens one after the other.
const maxShards = 10_000

// Count is the number of shards.
func (s *Sharding) Count() int { return int((s.Source.Rows() + s.Each - 1) / s.Each) }

// trainedFile says what every shard begins with; it is written after that.
type trainedFile struct {
	Params sideParams `json:"params"`
	Rows   int64      `json:"rows"`
	Dim    int        `json:"dim"`
	Each   int64      `json:"each"`
	On     int        `json:"trained on"`
	SHA256 string     `json:"sha256"`
}

func (s *Sharding) trainedPath() string { return filepath.Join(s.Dir, s.Name+"-trained.index") }

// Shard is the file of the ith shard.
func (s *Sharding) Shard(i int) string {
	return filepath.Join(s.Dir, fmt.Sprintf("%s-%05d.index", s.Name, i))
}

// Begin trains what all shards share and removes what is there of another Sharding, unless it was
// done for this one before.
func (s *Sharding) Begin(ctx context.Context) error {
	if err := s.Params.Validate(); err != nil {
		return err
	}
	switch {
	case s.Each < 1:
		return fmt.Errorf("shards of %d rows", s.Each)
	case s.Source.Rows() < 1 || s.Source.Dim() < 1:
		return fmt.Errorf("no vectors to index (%d of %d numbers)", s.Source.Rows(), s.Source.Dim())
	case (s.Source.Rows()-1)/s.Each >= maxShards:
		return fmt.Errorf("%d rows in shards of %d are over %d shards", s.Source.Rows(), s.Each, maxShards)
	}
	if _, err := s.trained(); err == nil {
		return nil
	}
	old, err := glob.In(s.Dir, s.Name+"-*.index*")
	for _, path := range old {
		err = errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return err
	}
	return s.train(ctx)
}

func (s *Sharding) train(ctx context.Context) error {
	x := &Index{params: s.Params, dim: s.Source.Dim()}
	defer x.Close()
	b := builder{ctx: ctx, src: s.Source, index: x}
	if err := b.create(); err != nil {
		return err
	}
	if err := b.train(); err != nil {
		return err
	}
	if err := write(x.faiss, s.trainedPath()); err != nil {
		return fmt.Errorf("%s: %w", s.trainedPath(), err)
	}
	_, digest, err := digestFile(s.trainedPath())
	if err != nil {
		return err
	}
	return writeWhole(sidePath(s.trainedPath()), trainedFile{sideParams(s.Params), s.Source.Rows(), s.Source.Dim(), s.Each, x.trainedOn, digest})
}

// trained is what Begin left, if it is whole and of this Sharding.
func (s *Sharding) trained() (t trainedFile, err error) {
	raw, err := os.ReadFile(sidePath(s.trainedPath()))
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("%s: %w", sidePath(s.trainedPath()), err)
	}
	if t.Params != sideParams(s.Params) || t.Rows != s.Source.Rows() || t.Dim != s.Source.Dim() || t.Each != s.Each {
		return t, fmt.Errorf("%s is of another index", s.trainedPath())
	}
	_, digest, err := digestFile(s.trainedPath())
	if err == nil && digest != t.SHA256 {
		err = fmt.Errorf("%s: its bytes are not those that were written", s.trainedPath())
	}
	return t, err
}

// Has says whether the ith shard is there and whole; what is left of one that is not is no
// hindrance.
func (s *Sharding) Has(i int) bool {
	side, err := readSide(s.Shard(i))
	if err != nil || side.Params != sideParams(s.Params) || side.Dim != s.Source.Dim() || int64(side.Rows) != s.rows(i) {
		return false
	}
	return side.check(s.Shard(i)) == nil
}

func (s *Sharding) rows(i int) int64 { return min(s.Each, s.Source.Rows()-int64(i)*s.Each) }

// Build makes the ith shard, after Begin, and leaves it in its file; progress, if not nil, is told
// how many of its rows have been added.
func (s *Sharding) Build(ctx context.Context, i int, progress func(rows int64)) error {
	x, err := s.build(ctx, i, progress)
	if err != nil {
		return fmt.Errorf("shard %d of %d: %w", i, s.Count(), err)
	}
	defer x.Close()
	if err := os.Remove(sidePath(s.Shard(i))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return x.Save(s.Shard(i))
}

func (s *Sharding) build(ctx context.Context, i int, progress func(rows int64)) (*Index, error) {
	t, err := s.trained()
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(int64) {}
	}
	x := &Index{params: s.Params, dim: t.Dim, trainedOn: t.On}
	err = onThread(func() (err error) {
		x.faiss, err = faiss.ReadIndex(s.trainedPath(), 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	b := builder{ctx: ctx, src: part{s.Source, int64(i) * s.Each, s.rows(i)}, whole: s.Source, index: x, progress: progress}
	if err = b.add(); err == nil {
		err = x.setSearchParam()
	}
	if err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

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

// shardList is NAME.shards.json, which makes shards an index.
type shardList struct {
	Rows    int64      `json:"nb vectors"`
	Dim     int        `json:"vectors dimension"`
	Each    int64      `json:"rows of a shard"`
	Params  sideParams `json:"params"`
	Trained string     `json:"trained"` // sha256 of what the shards begin with
	Shards  []string   `json:"shards"`  // files, in the order of their rows
}

func shardListPath(dir, name string) string { return filepath.Join(dir, name+".shards.json") }

// Finish moves the shards, all of which are there, to another folder of the same file system, with
// the list that makes them one index.
func (s *Sharding) Finish(dir string) error {
	t, err := s.trained()
	if err != nil {
		return err
	}
	list := shardList{Rows: t.Rows, Dim: t.Dim, Each: s.Each, Params: sideParams(s.Params), Trained: t.SHA256}
	for i := range s.Count() {
		name := filepath.Base(s.Shard(i))
		list.Shards = append(list.Shards, name)
		if err := errors.Join(linked(s.Shard(i), filepath.Join(dir, name)), linked(sidePath(s.Shard(i)), sidePath(filepath.Join(dir, name)))); err != nil {
			return err
		}
	}
	return writeWhole(shardListPath(dir, s.Name), list)
}

// linked gives a file a second name, so that a kill before the end leaves the first; where there
// are no links it is moved.
func linked(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	return os.Rename(from, to)
}

// writeWhole writes a JSON file by rename.
func writeWhole(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.Write(path, append(b, '\n'), 0o644)
}
