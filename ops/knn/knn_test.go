package knn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	faiss "github.com/DataIntelligenceCrew/go-faiss"
)

var kinds = map[string]Params{
	"flat":     {Kind: "flat"},
	"hnsw":     {Kind: "hnsw", M: 16, EfConstruction: 100, EfSearch: 400},
	"ivf-flat": {Kind: "ivf-flat", NList: 8, NProbe: 8, TrainSize: 400, Seed: 3},
	"factory":  {Kind: "factory", Factory: "IVF8,Flat", NProbe: 8, TrainSize: 400},
}

// coded are kinds that keep codes in place of vectors, so that scores are not exact.
var coded = map[string]Params{
	"ivf-pq":     {Kind: "ivf-pq", NList: 4, NProbe: 4, TrainSize: 300, Code: 4},
	"opq-ivf-pq": {Kind: "opq-ivf-pq", NList: 4, NProbe: 4, TrainSize: 300, Code: 2},
	"factory-sq": {Kind: "factory", Factory: "IVF4,SQ8", NProbe: 4, TrainSize: 300},
}

// units returns n random unit vectors [n, dim].
func units(seed uint64, n, dim int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	out := make([]float32, n*dim)
	for v := range slices.Chunk(out, dim) {
		var sum float64
		for i := range v {
			v[i] = float32(rng.NormFloat64())
			sum += float64(v[i]) * float64(v[i])
		}
		for i := range v {
			v[i] /= float32(math.Sqrt(sum))
		}
	}
	return out
}

// memory is a Source of vectors [n, dim]; err, if any, comes with row 5.
type memory struct {
	vectors []float32
	dim     int
	err     error
}

func (m memory) Rows() int64 { return int64(len(m.vectors) / max(m.dim, 1)) }
func (m memory) Dim() int    { return m.dim }
func (m memory) Block(start int64, n int, dst []float32) error {
	if m.err != nil && start+int64(n) > 5 {
		return m.err
	}
	copy(dst, m.vectors[int(start)*m.dim:(int(start)+n)*m.dim])
	return nil
}

func build(t testing.TB, p Params, vectors []float32, dim int) *Index {
	t.Helper()
	x, err := Build(context.Background(), memory{vectors: vectors, dim: dim}, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func search(t testing.TB, x *Index, queries []float32, k int) Hits {
	t.Helper()
	hits, err := x.Search(context.Background(), queries, k)
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

// obvious is the triple loop: all scores, sorted.
func obvious(vectors, queries []float32, dim, k int) Hits {
	hits := Hits{K: k}
	for q := range slices.Chunk(queries, dim) {
		type hit struct {
			row   int64
			score float32
		}
		var all []hit
		for row := range len(vectors) / dim {
			var dot float64
			for i, v := range vectors[row*dim : (row+1)*dim] {
				dot += float64(v) * float64(q[i])
			}
			all = append(all, hit{int64(row), float32(dot)})
		}
		slices.SortStableFunc(all, func(a, b hit) int {
			switch {
			case a.score > b.score:
				return -1
			case a.score < b.score:
				return 1
			}
			return 0
		})
		for _, h := range all[:k] {
			hits.Rows = append(hits.Rows, h.row)
			hits.Scores = append(hits.Scores, h.score)
		}
	}
	return hits
}

func TestSearchAgreesWithTripleLoop(t *testing.T) {
	for _, shape := range []struct{ rows, queries, dim, k int }{{1200, 50, 24, 10}, {500, 3, 7, 1}, {400, 25, 64, 150}} {
		vectors, queries := units(1, shape.rows, shape.dim), units(2, shape.queries, shape.dim)
		want := obvious(vectors, queries, shape.dim, shape.k)
		for name, p := range kinds {
			got := search(t, build(t, p, vectors, shape.dim), queries, shape.k)
			missed := 0
			for i := range want.Rows {
				if got.Rows[i] != want.Rows[i] {
					missed++
				} else if math.Abs(float64(got.Scores[i]-want.Scores[i])) > 1e-5 {
					t.Errorf("%s %v: score of hit %d: got %v, want %v", name, shape, i, got.Scores[i], want.Scores[i])
				}
			}
			limit := 0 // all lists probed is exact
			if name == "hnsw" {
				limit = len(want.Rows) / 100
			}
			if missed > limit {
				t.Errorf("%s %v: %d of %d rows differ from the triple loop's", name, shape, missed, len(want.Rows))
			}
		}
	}
}

func TestSearchInChunksIsTheSame(t *testing.T) {
	const dim = 8
	x := build(t, kinds["flat"], units(1, 300, dim), dim)
	queries := units(2, 2*searchChunk+5, dim)
	all := search(t, x, queries, 4)
	half := search(t, x, queries[:searchChunk*dim], 4)
	if len(all.Rows) != 4*(2*searchChunk+5) || !slices.Equal(all.Rows[:len(half.Rows)], half.Rows) {
		t.Errorf("%d rows, not those of a search in one call", len(all.Rows))
	}
}

func TestBuildTwiceGivesTheSame(t *testing.T) {
	const dim = 16
	vectors, queries := units(1, 3000, dim), units(2, 40, dim)
	for name, p := range kinds {
		if name == "hnsw" {
			p.EfSearch = 20 // low, so that another graph would show
		}
		if name == "ivf-flat" {
			p.NProbe = 2
		}
		first := search(t, build(t, p, vectors, dim), queries, 10)
		x, err := Build(context.Background(), memory{vectors: vectors, dim: dim}, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		second := search(t, x, queries, 10)
		x.Close()
		if !slices.Equal(first.Rows, second.Rows) || !slices.Equal(first.Scores, second.Scores) {
			t.Errorf("%s: hits differ between two builds of the same vectors", name)
		}
	}
}

func TestSampleIsSeededAndOverAllRows(t *testing.T) {
	rows := make([]float32, 1000)
	for i := range rows {
		rows[i] = float32(i)
	}
	draw := func(seed int64) []float32 {
		p := Params{TrainSize: 200, Seed: seed}
		b := builder{ctx: context.Background(), src: memory{vectors: rows, dim: 1}, index: &Index{dim: 1, params: p}}
		sample, err := b.sample()
		if err != nil {
			t.Fatal(err)
		}
		return sample
	}
	a, b, other := draw(1), draw(1), draw(2)
	if !slices.Equal(a, b) || slices.Equal(a, other) {
		t.Error("the sample does not follow from the seed")
	}
	if len(a) != 200 || !slices.IsSorted(a) {
		t.Errorf("%d rows, want 200 in row order", len(a))
	}
	late := 0
	for _, v := range a {
		if v >= 500 {
			late++
		}
	}
	if late < 70 || late > 130 { // 4 standard deviations
		t.Errorf("%d of 200 rows from the second half, want about 100", late)
	}
}

func TestSearchGuards(t *testing.T) {
	const dim = 4
	x := build(t, kinds["flat"], units(1, 30, dim), dim)
	nan, inf := units(2, 3, dim), units(2, 3, dim)
	nan[2*dim+1] = float32(math.NaN())
	inf[dim] = float32(math.Inf(-1))
	for name, c := range map[string]struct {
		queries []float32
		k       int
		want    string
	}{
		"too short":  {make([]float32, dim-1), 1, "3 numbers are no whole number of vectors of 4"},
		"no queries": {nil, 1, "no queries"},
		"k 0":        {units(2, 3, dim), 0, "k 0 is not in 1.."},
		"k negative": {units(2, 3, dim), -5, "k -5 is not in 1.."},
		"k absurd":   {units(2, 3, dim), math.MaxInt, "is not in 1.."},
		"NaN":        {nan, 1, "query 2: component 1 is NaN"},
		"infinity":   {inf, 1, "query 1: component 0 is -Inf"},
	} {
		if _, err := x.Search(context.Background(), c.queries, c.k); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestBuildGuards(t *testing.T) {
	const dim = 4
	nan := units(1, 250, dim)
	nan[217*dim+3] = float32(math.Inf(1))
	ivf := Params{Kind: "ivf-flat", NList: 16, NProbe: 1, TrainSize: 10}
	with := func(change func(*Params)) Params { p := ivf; change(&p); return p }
	for name, c := range map[string]struct {
		p       Params
		dim     int
		vectors []float32
		want    string
	}{
		"no vectors":        {kinds["flat"], dim, nil, "no vectors to index"},
		"no vectors, ivf":   {kinds["ivf-flat"], dim, nil, "no vectors to index"},
		"no vectors, hnsw":  {kinds["hnsw"], dim, nil, "no vectors to index"},
		"dim 0":             {kinds["flat"], 0, nil, "vectors of 0 numbers"},
		"infinity, flat":    {kinds["flat"], dim, nan, "vector 217: component 3 is +Inf"},
		"infinity, hnsw":    {kinds["hnsw"], dim, nan, "vector 217: component 3 is +Inf"},
		"infinity, ivf":     {kinds["ivf-flat"], dim, nan, "vector 217: component 3 is +Inf"},
		"unknown kind":      {Params{Kind: "pq"}, dim, nil, `index kind "pq" is none of flat, hnsw, ivf-flat, ivf-pq, opq-ivf-pq, factory`},
		"no links":          {Params{Kind: "hnsw", EfConstruction: 1, EfSearch: 1}, dim, nil, "m 0 is not in 2.."},
		"probes 0":          {with(func(p *Params) { p.NProbe = 0 }), dim, nil, "nprobe 0 is not in 1.."},
		"probes negative":   {with(func(p *Params) { p.NProbe = -3 }), dim, nil, "nprobe -3 is not in 1.."},
		"few to train on":   {ivf, dim, units(1, 100, dim), "16 lists need as many rows to train on, and trainSize is 10 (fewer lists, or another kind)"},
		"fewer than lists":  {with(func(p *Params) { p.TrainSize = 99 }), dim, units(1, 15, dim), "16 lists need as many rows to train on, and the pool has 15"},
		"more than FAISS's": {with(func(p *Params) { p.NList = math.MaxInt }), dim, nil, "nlist 9223372036854775807 is not in"},
	} {
		x, err := Build(context.Background(), memory{vectors: c.vectors, dim: c.dim}, c.p, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if x != nil {
			t.Errorf("%s: an index beside the error", name)
		}
	}
}

func TestBuildReturnsTheErrorOfTheSource(t *testing.T) {
	want := errors.New("disk on fire")
	for name, p := range kinds {
		_, err := Build(context.Background(), memory{vectors: units(1, 500, 4), dim: 4, err: want}, p, nil)
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

func TestCancel(t *testing.T) {
	x := build(t, kinds["flat"], units(1, 30, 4), 4)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := x.Search(ctx, units(2, 3, 4), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("search: got %v, want %v", err, context.Canceled)
	}
	if _, err := Build(ctx, memory{vectors: units(1, 30, 4), dim: 4}, kinds["flat"], nil); !errors.Is(err, context.Canceled) {
		t.Errorf("build: got %v, want %v", err, context.Canceled)
	}
}

func TestMissingHitsAreMinusOne(t *testing.T) {
	const dim = 4
	for name, p := range kinds {
		x := build(t, p, units(1, 20, dim), dim)
		for i, row := range search(t, x, units(2, 2, dim), 25).Rows {
			if found := i%25 < 20; found != (row >= 0) || row < -1 {
				t.Errorf("%s: hit %d of 25 among 20 rows is row %d", name, i%25, row)
			}
		}
	}
	far := Params{Kind: "ivf-flat", NList: 8, NProbe: 1, TrainSize: 40}
	rows := search(t, build(t, far, units(1, 40, dim), dim), units(2, 1, dim), 40).Rows
	if rows[0] < 0 || rows[39] != -1 {
		t.Errorf("one list of eight searched for all rows: got first %d, last %d; want a row and -1", rows[0], rows[39])
	}
}

func TestUntrained(t *testing.T) {
	x := &Index{dim: 4, params: kinds["ivf-flat"]}
	var err error
	if x.faiss, err = faiss.IndexFactory(4, "IVF8,Flat", faiss.MetricInnerProduct); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Search(context.Background(), units(2, 1, 4), 1); err == nil || err.Error() != "index is not trained" {
		t.Errorf("got %v", err)
	}
}

func TestUseAfterClose(t *testing.T) {
	x := build(t, kinds["hnsw"], units(1, 20, 4), 4)
	for i := range 2 {
		if err := x.Close(); err != nil {
			t.Errorf("close %d: %v", i+1, err)
		}
	}
	if _, err := x.Search(context.Background(), units(2, 1, 4), 1); !errors.Is(err, errClosed) {
		t.Errorf("search: got %v, want %v", err, errClosed)
	}
	if err := x.Save(t.TempDir() + "/x.index"); !errors.Is(err, errClosed) {
		t.Errorf("save: got %v, want %v", err, errClosed)
	}
	if x.Len() != 20 || x.Dim() != 4 {
		t.Errorf("%d vectors of %d after close, want 20 of 4", x.Len(), x.Dim())
	}
}

func TestConcurrentSearchAndClose(t *testing.T) {
	const dim = 16
	queries := units(2, 30, dim)
	for name, p := range kinds {
		x := build(t, p, units(1, 2000, dim), dim)
		want := search(t, x, queries, 5)
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for range 20 {
					got, err := x.Search(context.Background(), queries, 5)
					if errors.Is(err, errClosed) {
						return
					}
					if err != nil || !slices.Equal(got.Rows, want.Rows) || !slices.Equal(got.Scores, want.Scores) {
						t.Errorf("%s: concurrent search differs (error %v)", name, err)
						return
					}
				}
				if i == 0 {
					x.Close()
				}
			})
		}
		group.Wait()
	}
}

func TestErrorTextIsOfItsOwnCall(t *testing.T) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			name := strings.Repeat(string(rune('a'+i)), 12)
			for range 200 {
				err := onThread(func() error {
					_, err := faiss.IndexFactory(4, name, faiss.MetricInnerProduct)
					return err
				})
				if err == nil || !strings.Contains(err.Error(), "it does not know the name "+name) {
					t.Errorf("got %v, want the text about %s", err, name)
					return
				}
			}
		})
	}
	group.Wait()
}
