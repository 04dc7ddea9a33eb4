package ops

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/glob"
	"react/data/pool"
	"react/ops/internal/optest"
	"react/ops/knn"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/pools"
	"react/ops/retrieve"
)

// filtered runs a filter over a pool of laion metadata.
func filtered(t *testing.T, poolDir string, f pool.Filter) (string, *pool.Rows) {
	t.Helper()
	_, dir := do(t, "filter", pools.FilterParams{Filter: f}, nil, map[string]op.Files{"pool.laion": {Root: poolDir, Paths: mustGlob(t, poolDir)}})
	alive, err := pool.ReadAlive(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, alive
}

func mustGlob(t *testing.T, dir string) []string {
	t.Helper()
	files, err := glob.In(dir, "*.parquet")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestSearchGoesOnUntilEnoughRowsAreAlive: the hits under a filter are those of the whole pool
// without its dropped rows, for every kind.
func TestSearchGoesOnUntilEnoughRowsAreAlive(t *testing.T) {
	w := newPairsWorld(t, 400, 4, func(i int) int { return i }, nil)
	for _, share := range []float64{0.7, 0.05} {
		filter, alive := filtered(t, w.pool+"/pool", pool.Filter{Fraction: share, Seed: 2})
		for name, x := range map[string]knn.Params{"flat": {Kind: "flat"}, "ivf-flat": {Kind: "ivf-flat", NList: 4, NProbe: 4, TrainSize: 400}} {
			_, index := do(t, "index", retrieve.IndexParams{Side: "text", Params: x}, map[string]string{"embeddings": w.folder}, nil)
			in := map[string]string{"embeddings": w.folder, "queries": w.queries, "index": index}
			hitsOf := func(depth int) []retrieve.Hit {
				_, dir := do(t, "retrieve", retrieve.Params{By: "t2t", Index: x, Depth: depth}, in, nil)
				hits, err := parquet.ReadFile[retrieve.Hit](dir + "/" + retrieve.HitsFile)
				if err != nil {
					t.Fatal(err)
				}
				return hits
			}
			want := map[int32][]int64{}
			for _, h := range hitsOf(400) {
				if alive.Has(h.Row) && len(want[h.Query]) < 10 {
					want[h.Query] = append(want[h.Query], h.Row)
				}
			}
			in["filter"] = filter
			got := map[int32][]int64{}
			for _, h := range hitsOf(10) {
				got[h.Query] = append(got[h.Query], h.Row)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) || len(got) == 0 {
				t.Errorf("%s, %g alive: got %v, want %v", name, share, got, want)
			}
		}
	}
}

// TestNothingReadsADroppedRow: pairs and every control stay inside the filter.
func TestNothingReadsADroppedRow(t *testing.T) {
	w := newPairsWorld(t, 400, 4, func(i int) int { return i }, nil)
	filter, alive := filtered(t, w.pool+"/pool", pool.Filter{Fraction: 0.4, Seed: 2})
	in := w.in()
	in["filter"] = filter
	_, index := do(t, "index", retrieve.IndexParams{Side: "text", Params: knn.Params{Kind: "flat"}}, in, nil)
	search := map[string]string{"embeddings": w.folder, "queries": w.queries, "index": index, "filter": filter}
	_, in["hits.t2t"] = do(t, "retrieve", retrieve.Params{By: "t2t", Index: knn.Params{Kind: "flat"}, Depth: 40}, search, nil)
	for _, control := range []string{"retrieved", "random", "caption-match", "oracle", "pool"} {
		r, dir := do(t, "pairs", pairs.Params{K: 4, Per: "prompt", Overfetch: 4, Source: control}, in, nil)
		list, err := parquet.ReadFile[pairs.Pair](dir + "/" + pairs.PairsFile)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			if !alive.Has(p.Row) {
				t.Errorf("%s: row %d is dropped and a pair", control, p.Row)
			}
		}
		if control == "pool" && int64(len(list)) != alive.Count() {
			t.Errorf("pool: %d pairs, the filter leaves %d", len(list), alive.Count())
		}
		_ = r
	}
}

// TestAFilterOfAFolder numbers rows as the folder does, whatever its metadata call them.
func TestAFilterOfAFolder(t *testing.T) {
	vectors, meta := crowded(50, 8, 50, 1)
	for i := range meta {
		meta[i].Row, meta[i].Similarity = int64(1000-i), float64(i)/50
	}
	folder := optest.WriteFolder(t, 8, vectors, meta)
	least := 0.5
	_, dir := do(t, "filter", pools.FilterParams{Filter: pool.Filter{MinSimilarity: &least}}, nil, map[string]op.Files{"embeddings": {Root: folder}})
	f, err := embeddings.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := optest.New(t, map[string]string{"filter": dir}, nil)
	alive, err := pools.AliveIn(t.Context(), &r.Run, f)
	if err != nil || alive.Count() != 25 || alive.Has(24) || !alive.Has(25) {
		t.Errorf("got %d alive, %v; want rows 25 to 49", alive.Count(), err)
	}
}

// TestAFilterThatMeetsNothingWarns: a list that names none of the pool's rows, and a filter that
// all rows pass.
func TestAFilterThatMeetsNothingWarns(t *testing.T) {
	w := newPairsWorld(t, 30, 3, func(i int) int { return i }, nil)
	list := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(list, []byte("7\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filter pool.Filter
		lists  []string
		want   []string
	}{
		{pool.Filter{Fraction: 0.5}, nil, nil},
		{pool.Filter{MinChars: 1}, nil, []string{"filter: none of the pool's %d rows is dropped"}},
		{pool.Filter{Fraction: 0.5}, []string{list}, []string{"filter.blocklist: none of its %d hashes is of a row of this pool"}},
	} {
		files := map[string]op.Files{"pool.laion": {Paths: mustGlob(t, w.pool+"/pool")}}
		if c.lists != nil {
			files["blocklist"] = op.Files{Paths: c.lists}
		}
		r, _ := do(t, "filter", pools.FilterParams{Filter: c.filter}, nil, files)
		if !slices.Equal(r.Warnings, c.want) {
			t.Errorf("%+v %v: warnings %q, want %q", c.filter, c.lists, r.Warnings, c.want)
		}
	}
}

func TestAFilterThatLeavesNothingSaysWhy(t *testing.T) {
	w := newPairsWorld(t, 30, 3, func(i int) int { return i }, nil)
	r := optest.New(t, nil, map[string]op.Files{"pool.laion": {Paths: mustGlob(t, w.pool+"/pool")}})
	err := try(r, "filter", pools.FilterParams{Filter: pool.Filter{MinChars: 1000}})
	if err == nil || !strings.Contains(err.Error(), "no row of 30 is left: dropped by caption 30") {
		t.Errorf("got %v, want the counts by cause", err)
	}
}
