package ops

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/npy"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/internal/optest"
	"react/ops/knn"
	"react/ops/retrieve"
)

// crowded gives n unit vectors of which many are equal, as captions are.
func crowded(n, dim, distinct int, seed uint64) ([]float32, []embeddings.Meta) {
	rng := rand.New(rand.NewPCG(seed, 0))
	kinds := make([]float32, distinct*dim)
	for i := range kinds {
		kinds[i] = float32(rng.NormFloat64())
	}
	vectors := make([]float32, n*dim)
	meta := make([]embeddings.Meta, n)
	for i := range n {
		k := rng.IntN(distinct)
		copy(vectors[i*dim:(i+1)*dim], kinds[k*dim:(k+1)*dim])
		blas.Normalize(vectors[i*dim : (i+1)*dim])
		meta[i] = embeddings.Meta{Key: fmt.Sprintf("%09d", i), Caption: "kind " + strconv.Itoa(k), URL: fmt.Sprintf("u%d", i), Row: int64(i), Label: "kind " + strconv.Itoa(k)}
	}
	return vectors, meta
}

// queryFolder makes what the queries op leaves, with given vectors.
func queryFolder(t *testing.T, dim int, vectors []float32, classes int) string {
	t.Helper()
	n := len(vectors) / dim
	rows := make([]embed.Query, n)
	meta := make([]embeddings.Meta, n)
	for i := range rows {
		c := i * classes / n
		rows[i] = embed.Query{Query: fmt.Sprintf("query %d", i), Class: "kind " + strconv.Itoa(c), Index: int32(c), Prompt: fmt.Sprintf("p%d {}", i%(n/classes))}
		meta[i] = embeddings.Meta{Caption: rows[i].Query, Row: int64(i)}
	}
	dir := optest.WriteFolder(t, dim, vectors, meta)
	if err := parquet.WriteFile(filepath.Join(dir, embed.QueriesFile), rows); err != nil {
		t.Fatal(err)
	}
	return dir
}

func search(t *testing.T, folder, queries string, x knn.Params, depth int) []retrieve.Hit {
	t.Helper()
	in := map[string]string{"embeddings": folder, "queries": queries}
	if x.Kind != "exact" {
		_, in["index"] = do(t, "index", retrieve.IndexParams{Side: "text", Params: x}, map[string]string{"embeddings": folder}, nil)
	}
	_, dir := do(t, "retrieve", retrieve.Params{By: "t2t", Index: x, Depth: depth}, in, nil)
	hits, err := parquet.ReadFile[retrieve.Hit](filepath.Join(dir, retrieve.HitsFile))
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

func TestHitsAreAPrefixAtAnyDepthWithTies(t *testing.T) {
	const dim = 16
	vectors, meta := crowded(500, dim, 20, 1)
	folder := optest.WriteFolder(t, dim, vectors, meta)
	q, _ := crowded(12, dim, 12, 2)
	queries := queryFolder(t, dim, q, 4)
	for _, x := range []knn.Params{{Kind: "flat"}, {Kind: "exact"},
		{Kind: "hnsw", M: 4, EfConstruction: 16, EfSearch: 120}} {
		t.Run(x.Kind, func(t *testing.T) { prefixes(t, folder, queries, x) })
		if !(retrieve.Params{By: "t2t", Index: x}).Appends() {
			t.Errorf("kind %s is not said to append hits", x.Kind)
		}
	}
}

// prefixes requires that shallow searches give the first hits of a deep one, in their order.
func prefixes(t *testing.T, folder, queries string, x knn.Params) {
	deep := search(t, folder, queries, x, 120)
	for _, depth := range []int{1, 7, 40, 100} {
		shallow := search(t, folder, queries, x, depth)
		var want []retrieve.Hit
		for _, h := range deep {
			if int(h.Rank) <= depth {
				want = append(want, h)
			}
		}
		if !slices.Equal(shallow, want) {
			t.Errorf("depth %d: the hits are not the prefix of those at depth 120", depth)
		}
	}
	for i := 1; i < len(deep); i++ {
		a, b := deep[i-1], deep[i]
		if a.Query == b.Query && (b.Score > a.Score || b.Score == a.Score && b.Row < a.Row) {
			t.Fatalf("hit %d: score %v row %d after score %v row %d", i, b.Score, b.Row, a.Score, a.Row)
		}
	}
}

func TestKOverThePoolIsAShortfall(t *testing.T) {
	const dim = 8
	vectors, meta := crowded(30, dim, 30, 3)
	q, _ := crowded(4, dim, 4, 4)
	hits := search(t, optest.WriteFolder(t, dim, vectors, meta), queryFolder(t, dim, q, 2), knn.Params{Kind: "flat"}, 100)
	if len(hits) != 4*30 {
		t.Errorf("got %d hits, want every row for each of 4 queries: 120", len(hits))
	}
	for _, h := range hits {
		if h.Row < 0 {
			t.Fatalf("hit with row %d", h.Row)
		}
	}
}

func TestHNSWDeeperThanItsSearchIsRefused(t *testing.T) {
	const dim = 8
	vectors, meta := crowded(200, dim, 200, 3)
	folder := optest.WriteFolder(t, dim, vectors, meta)
	q, _ := crowded(2, dim, 2, 4)
	x := knn.Params{Kind: "hnsw", M: 8, EfConstruction: 40, EfSearch: 16}
	_, index := do(t, "index", retrieve.IndexParams{Side: "text", Params: x}, map[string]string{"embeddings": folder}, nil)
	r := optest.New(t, map[string]string{"embeddings": folder, "queries": queryFolder(t, dim, q, 2), "index": index}, nil)
	err := try(r, "retrieve", retrieve.Params{By: "t2t", Index: x, Depth: 17})
	if err == nil {
		t.Error("got no error, want one that names efSearch")
	}
}

// TestWhatDoesNotBelongTogetherIsRefused: queries of another length, queries that are no numbers,
// an index of other embeddings. Each is an error that says so, since a search would go on and find
// anything.
func TestWhatDoesNotBelongTogetherIsRefused(t *testing.T) {
	const dim = 8
	vectors, meta := crowded(60, dim, 60, 3)
	folder := optest.WriteFolder(t, dim, vectors, meta)
	q, _ := crowded(4, dim, 4, 4)
	wide, _ := crowded(4, 2*dim, 4, 4)
	_, index := do(t, "index", retrieve.IndexParams{Side: "text", Params: knn.Params{Kind: "flat"}}, map[string]string{"embeddings": folder}, nil)
	fewer, fewerMeta := crowded(59, dim, 59, 5)
	_, other := do(t, "index", retrieve.IndexParams{Side: "text", Params: knn.Params{Kind: "flat"}}, map[string]string{"embeddings": optest.WriteFolder(t, dim, fewer, fewerMeta)}, nil)
	broken := queryFolder(t, dim, q, 2)
	unknown := slices.Clone(q)
	unknown[3*dim+2] = float32(math.NaN())
	if err := npy.Write(filepath.Join(broken, "text_emb", "text_emb_0.npy"), []int{4, dim}, unknown, "<f4"); err != nil {
		t.Fatal(err)
	}
	good := queryFolder(t, dim, q, 2)
	for name, c := range map[string]struct{ queries, index, want string }{
		"another backbone": {queryFolder(t, 2*dim, wide, 2), index, "queries have 16 dimensions, the index 8: they come from another backbone"},
		"NaN":              {broken, index, "text_emb_0.npy: row 3: "},
		"another index":    {good, other, "holds 59 vectors of 8, the embeddings 60 of 8"},
	} {
		for kind, x := range map[string]knn.Params{"flat": {Kind: "flat"}, "exact": {Kind: "exact"}} {
			if kind == "exact" && name == "another index" {
				continue
			}
			r := optest.New(t, map[string]string{"embeddings": folder, "queries": c.queries, "index": c.index}, nil)
			err := try(r, "retrieve", retrieve.Params{By: "t2t", Index: x, Depth: 5})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: got %v, want %q", name, kind, err, c.want)
			}
		}
	}
}
