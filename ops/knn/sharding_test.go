package knn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shardIn builds all shards that are not there, and returns which were built.
func shardIn(t *testing.T, s *Sharding) (built []int) {
	t.Helper()
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range s.Count() {
		if s.Has(i) {
			continue
		}
		if err := s.Build(t.Context(), i, nil); err != nil {
			t.Fatal(err)
		}
		built = append(built, i)
	}
	return built
}

// sharded builds shards of each rows and finishes them.
func sharded(t *testing.T, p Params, vectors []float32, dim int, each int64) (dir string) {
	t.Helper()
	s := &Sharding{Source: memory{vectors: vectors, dim: dim}, Params: p, Each: each, Dir: t.TempDir(), Name: "text"}
	shardIn(t, s)
	dir = t.TempDir()
	if err := s.Finish(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestShardsFindWhatOneIndexFinds: open together, and opened in turn. A graph is another one in
// shards, and finds at least as much.
func TestShardsFindWhatOneIndexFinds(t *testing.T) {
	const n, dim, k = 500, 16, 12
	vectors, queries := units(1, n, dim), units(2, 30, dim)
	params := map[string]Params{"flat": {Kind: "flat"}, "ivf-flat": kinds["ivf-flat"], "ivf-pq": coded["ivf-pq"], "opq-ivf-pq": coded["opq-ivf-pq"],
		"factory": {Kind: "factory", Factory: "IVF4,SQ8", NProbe: 2, TrainSize: 400}}
	for name, p := range params {
		want := search(t, build(t, p, vectors, dim), queries, k)
		dir := sharded(t, p, vectors, dim, 180)
		for how, keep := range map[string]int64{"together": 1 << 30, "in turn": 0} {
			x, err := openShards(dir, "text", Params{}, keep)
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.Search(t.Context(), queries, k)
			if err != nil || x.Len() != n || x.Dim() != dim || x.Shards() != 3 {
				t.Fatalf("%s %s: %d rows of %d in %d shards, %v", name, how, x.Len(), x.Dim(), x.Shards(), err)
			}
			nan := slices.Clone(queries[:dim])
			nan[2] = float32(math.NaN())
			for bad, c := range map[string]struct {
				queries []float32
				k       int
			}{"NaN": {nan, k}, "k 0": {queries, 0}, "a rest": {queries[:dim+1], k}, "no queries": {nil, k}} {
				if _, err := x.Search(t.Context(), c.queries, c.k); err == nil {
					t.Errorf("%s %s: %s is no error", name, how, bad)
				}
			}
			for i := range want.Rows {
				if got.Rows[i] != want.Rows[i] && got.Scores[i] != want.Scores[i] {
					t.Fatalf("%s %s: hit %d is row %d at %v, one index has row %d at %v", name, how, i, got.Rows[i], got.Scores[i], want.Rows[i], want.Scores[i])
				}
			}
			if err := errors.Join(x.Close(), x.Close()); err != nil {
				t.Error(err)
			}
			if _, err := x.Search(t.Context(), queries, k); !errors.Is(err, errClosed) {
				t.Errorf("%s %s after Close: %v", name, how, err)
			}
		}
	}
	x, err := OpenAny(sharded(t, kinds["hnsw"], vectors, dim, 100), "text", Params{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	found, err := x.Search(t.Context(), queries, k)
	if want := search(t, build(t, Params{Kind: "flat"}, vectors, dim), queries, k); err != nil || !slices.Equal(found.Rows, want.Rows) {
		t.Errorf("graphs of 100 rows with %d candidates miss some of the exact hits, %v", kinds["hnsw"].EfSearch, err)
	}
}

// TestFewerRowsThanKInShards: the hits of all shards come first, then -1.
func TestFewerRowsThanKInShards(t *testing.T) {
	const n, dim, k = 20, 8, 25
	vectors := units(1, n, dim)
	for how, keep := range map[string]int64{"together": 1 << 30, "in turn": 0} {
		x, err := openShards(sharded(t, Params{Kind: "flat"}, vectors, dim, 6), "text", Params{}, keep)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Search(t.Context(), vectors[:2*dim], k)
		if err != nil {
			t.Fatal(err)
		}
		for q := range 2 {
			rows := got.Rows[q*k : (q+1)*k]
			if sorted := slices.Sorted(slices.Values(rows[:n])); sorted[0] != 0 || sorted[n-1] != n-1 || slices.ContainsFunc(rows[n:], func(r int64) bool { return r != -1 }) {
				t.Errorf("%s: %v", how, rows)
			}
		}
		x.Close()
	}
}

// TestShardingGoesOn: what is there and whole is not built again, what is damaged or of another
// index is, and the files are those of an unbroken run.
func TestShardingGoesOn(t *testing.T) {
	const n, dim = 500, 16
	vectors, p := units(1, n, dim), kinds["ivf-flat"]
	bytesOf := func(s *Sharding) (all string) {
		for i := range s.Count() {
			raw, err := os.ReadFile(s.Shard(i))
			if err != nil {
				t.Fatal(err)
			}
			all += string(raw)
		}
		return all
	}
	fresh := func() *Sharding {
		s := &Sharding{Source: memory{vectors: vectors, dim: dim}, Params: p, Each: 130, Dir: t.TempDir(), Name: "text"}
		shardIn(t, s)
		return s
	}
	want := bytesOf(fresh())
	for name, c := range map[string]struct {
		harm func(s *Sharding) error
		want []int
	}{
		"nothing":           {func(*Sharding) error { return nil }, nil},
		"killed at one":     {func(s *Sharding) error { return os.Remove(sidePath(s.Shard(2))) }, []int{2}},
		"cut":               {func(s *Sharding) error { return os.Truncate(s.Shard(1), 99) }, []int{1}},
		"flipped":           {func(s *Sharding) error { return flip(s.Shard(3)) }, []int{3}},
		"flipped training":  {func(s *Sharding) error { return flip(s.trainedPath()) }, []int{0, 1, 2, 3}},
		"killed in trained": {func(s *Sharding) error { return os.Remove(sidePath(s.trainedPath())) }, []int{0, 1, 2, 3}},
	} {
		s := fresh()
		if err := c.harm(s); err != nil {
			t.Fatal(err)
		}
		if got := shardIn(t, s); !slices.Equal(got, c.want) {
			t.Errorf("%s: built %v, want %v", name, got, c.want)
		}
		if bytesOf(s) != want {
			t.Errorf("%s: other bytes than those of an unbroken run", name)
		}
	}
	s := fresh()
	s.Params.Seed++ // another index in the same place
	if got := shardIn(t, s); len(got) != 4 {
		t.Errorf("another seed: built %v", got)
	}
}

func flip(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	raw[len(raw)/2] ^= 1
	return os.WriteFile(path, raw, 0o644)
}

func TestShardingGuards(t *testing.T) {
	const n, dim = 60, 8
	vectors := units(1, n, dim)
	src := memory{vectors: vectors, dim: dim}
	for want, s := range map[string]*Sharding{
		"shards of 0 rows":                         {Source: src, Params: Params{Kind: "flat"}},
		"efSearch 0 is not in":                     {Source: src, Params: Params{Kind: "hnsw", M: 8, EfConstruction: 8}, Each: 9},
		"no vectors to index":                      {Source: memory{dim: dim}, Params: Params{Kind: "flat"}, Each: 9},
		"in shards of 1 are over 10000":            {Source: many{src}, Params: Params{Kind: "flat"}, Each: 1},
		"64 lists need as many rows to train on":   {Source: src, Params: Params{Kind: "ivf-flat", NList: 64, NProbe: 1, TrainSize: 99}, Each: 9},
		"index kind auto is resolved before it is": {Source: src, Params: Params{Kind: "auto"}, Each: 9},
	} {
		s.Dir, s.Name = t.TempDir(), "text"
		if err := s.Begin(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &Sharding{Source: src, Params: Params{Kind: "flat"}, Each: 25, Dir: t.TempDir(), Name: "text"}
	if err := s.Build(t.Context(), 0, nil); err == nil {
		t.Error("a shard is built before Begin")
	}
	shardIn(t, s)
	if err := s.Build(ctx, 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	for name, c := range map[string]struct {
		harm func(dir string) error
		p    Params
		want string
	}{
		"another kind": {nil, kinds["ivf-flat"], "index is of kind flat, not ivf-flat"},
		"no shard":     {func(dir string) error { return os.Remove(filepath.Join(dir, "text-00001.index")) }, Params{}, "text-00001.index: no such file"},
		"flipped":      {func(dir string) error { return flip(filepath.Join(dir, "text-00001.index")) }, Params{}, "its bytes are not those that were written"},
		"cut":          {func(dir string) error { return os.Truncate(filepath.Join(dir, "text-00002.index"), 30) }, Params{}, "30 bytes, but"},
		"one too few": {func(dir string) error {
			return replace(filepath.Join(dir, "text.shards.json"), `"text-00001.index",`, "")
		}, Params{}, "its shards hold 35 vectors, not 60"},
		"another index": {func(dir string) error {
			return replace(sidePath(filepath.Join(dir, "text-00001.index")), `"kind": "flat"`, `"kind": "ivf-flat"`)
		}, Params{}, "the others are Flat of 8"},
		"no list": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "text.shards.json"), []byte("x"), 0o644)
		}, Params{}, "text.shards.json: invalid character"},
	} {
		dir := sharded(t, Params{Kind: "flat"}, vectors, dim, 25)
		if c.harm != nil {
			if err := c.harm(dir); err != nil {
				t.Fatal(err)
			}
		}
		if x, err := OpenAny(dir, "text", c.p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want %q", name, x, err, c.want)
		}
	}
}

// many is a source that says it has many rows.
type many struct{ memory }

// Rows is over maxShards.
func (many) Rows() int64 { return 20_000 }

func replace(path, old, by string) error {
	raw, err := os.ReadFile(path)
	if err == nil && !strings.Contains(string(raw), old) {
		err = fmt.Errorf("%s: no %s", path, old)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Replace(string(raw), old, by, 1)), 0o644)
}

// TestSetSearchReachesEveryShard changes the probes of shards that are open and of those that are
// opened later.
func TestSetSearchReachesEveryShard(t *testing.T) {
	const n, dim, k = 500, 16, 12
	vectors, queries := units(1, n, dim), units(2, 30, dim)
	p := Params{Kind: "ivf-flat", NList: 10, NProbe: 1, TrainSize: 500}
	exact := search(t, build(t, Params{Kind: "flat"}, vectors, dim), queries, k)
	dir := sharded(t, p, vectors, dim, 180)
	for how, keep := range map[string]int64{"together": 1 << 30, "in turn": 0} {
		x, err := openShards(dir, "text", Params{}, keep)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := x.Search(t.Context(), queries, k); err != nil || slices.Equal(got.Rows, exact.Rows) {
			t.Errorf("%s: one probe finds everything, %v", how, err)
		}
		if err := x.SetSearch(10); err != nil || x.Params().NProbe != 10 {
			t.Errorf("%s: %v, %d probes", how, err, x.Params().NProbe)
		}
		if got, err := x.Search(t.Context(), queries, k); err != nil || !slices.Equal(got.Rows, exact.Rows) {
			t.Errorf("%s: all probes miss some, %v", how, err)
		}
		if x.SetSearch(0) == nil {
			t.Errorf("%s: no probes", how)
		}
		x.Close()
		if err := x.SetSearch(3); !errors.Is(err, errClosed) {
			t.Errorf("%s: %v", how, err)
		}
	}
}
