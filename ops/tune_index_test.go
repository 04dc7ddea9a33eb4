package ops

import (
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/ops/internal/optest"
	"react/ops/knn"
	"react/ops/retrieve"
)

// indexCurveOf tunes an index over the captions of a small pool.
func indexCurveOf(t *testing.T, w *pairsWorld, p retrieve.TuneIndexParams) (retrieve.IndexCurve, map[string]string, error) {
	t.Helper()
	in := map[string]string{"embeddings": w.folder, "queries": w.queries}
	_, in["index"] = do(t, "index", retrieve.IndexParams{Side: "text", Params: p.Index}, in, nil)
	r := optest.New(t, in, nil)
	err := try(r, "tune-index", p)
	if err != nil {
		return retrieve.IndexCurve{}, in, err
	}
	curve, err := retrieve.ReadIndexCurve(r.Dir)
	in["tuned"] = r.Dir
	return curve, in, err
}

// TestRecallRisesToOne: with all cells searched an ivf index finds what an exact pass finds, ties
// included, and the smallest value that reaches the target is the one that retrieve then uses.
func TestRecallRisesToOne(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i }, nil)
	x := knn.Params{Kind: "ivf-flat", NList: 12, NProbe: 1, TrainSize: 300}
	whole, _, err := indexCurveOf(t, w, retrieve.TuneIndexParams{By: "t2t", Index: x, K: 20})
	if err != nil {
		t.Fatal(err)
	}
	var values []int
	for i, p := range whole.Points {
		values = append(values, p.Value)
		if i > 0 && p.Recall < whole.Points[i-1].Recall-1e-9 || p.Worst > p.Recall+1e-9 || len(p.Classes) != 3 || p.WorstClass == "" {
			t.Errorf("point %+v after %+v", p, whole.Points[max(0, i-1)])
		}
	}
	last := whole.Points[len(whole.Points)-1]
	if !slices.Equal(values, []int{1, 2, 4, 8, 12}) || last.Recall < 1-1e-9 || last.Shortfall != 0 || whole.Points[0].Recall >= 1 {
		t.Fatalf("got values %v, recall %v to %v", values, whole.Points[0].Recall, last.Recall)
	}
	tuned, in, err := indexCurveOf(t, w, retrieve.TuneIndexParams{By: "t2t", Index: x, K: 20, Recall: 1})
	if err != nil || tuned.Chosen <= 1 || tuned.Points[len(tuned.Points)-1].Value != tuned.Chosen {
		t.Fatalf("got %+v, %v; want a chosen value over 1, the last that was tried", tuned, err)
	}
	hitsWith := func(in map[string]string, kind knn.Params) []retrieve.Hit {
		_, dir := do(t, "retrieve", retrieve.Params{By: "t2t", Index: kind, Depth: 20}, in, nil)
		hits, err := parquet.ReadFile[retrieve.Hit](dir + "/" + retrieve.HitsFile)
		if err != nil {
			t.Fatal(err)
		}
		return hits
	}
	exact := hitsWith(map[string]string{"embeddings": w.folder, "queries": w.queries}, knn.Params{Kind: "exact"})
	if !slices.Equal(hitsWith(in, x), exact) {
		t.Error("the tuned index finds other rows than the exact pass")
	}
	delete(in, "tuned")
	if slices.Equal(hitsWith(in, x), exact) {
		t.Error("one cell finds all: the pool is too easy for this test")
	}
}

// TestExactKindIsFlat: the pass over the embeddings gives what a flat index gives, with and without
// a filter.
func TestExactKindIsFlat(t *testing.T) {
	const dim = 16
	vectors, meta := crowded(500, dim, 20, 1)
	folder := optest.WriteFolder(t, dim, vectors, meta)
	q, _ := crowded(12, dim, 12, 2)
	queries := queryFolder(t, dim, q, 4)
	flat := search(t, folder, queries, knn.Params{Kind: "flat"}, 40)
	_, dir := do(t, "retrieve", retrieve.Params{By: "t2t", Index: knn.Params{Kind: "exact"}, Depth: 40}, map[string]string{"embeddings": folder, "queries": queries}, nil)
	exact, err := parquet.ReadFile[retrieve.Hit](dir + "/" + retrieve.HitsFile)
	if err != nil || !slices.Equal(flat, exact) {
		t.Errorf("%d hits of flat, %d of exact, %v: they differ", len(flat), len(exact), err)
	}
}

func TestRecallThatIsNotReachedIsAnError(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i }, nil)
	x := knn.Params{Kind: "hnsw", M: 2, EfConstruction: 4, EfSearch: 4}
	_, _, err := indexCurveOf(t, w, retrieve.TuneIndexParams{By: "t2t", Index: x, K: 40, Recall: 1})
	if err == nil || !strings.Contains(err.Error(), "recall@40 1 is not reached: ") || !strings.Contains(err.Error(), "efSearch") {
		t.Errorf("got %v, want what was reached", err)
	}
	if _, _, err := indexCurveOf(t, w, retrieve.TuneIndexParams{By: "t2t", Index: knn.Params{Kind: "flat"}, K: 5}); err == nil || !strings.Contains(err.Error(), "nothing to tune") {
		t.Errorf("flat: got %v", err)
	}
}

// TestAutoIsResolvedAndSaid: the index that auto chose is opened by what asks for auto.
func TestAutoIsResolvedAndSaid(t *testing.T) {
	const dim = 8
	vectors, meta := crowded(200, dim, 200, 3)
	folder := optest.WriteFolder(t, dim, vectors, meta)
	auto := knn.Params{Kind: "auto", MemoryGiB: 1}
	r, index := do(t, "index", retrieve.IndexParams{Side: "text", Params: auto}, map[string]string{"embeddings": folder}, nil)
	if why, _ := r.Facts["auto"].(string); !strings.HasPrefix(why, "flat: 200 rows") {
		t.Errorf("auto says %q", r.Facts["auto"])
	}
	q, _ := crowded(4, dim, 4, 4)
	do(t, "retrieve", retrieve.Params{By: "t2t", Index: auto, Depth: 5}, map[string]string{"embeddings": folder, "index": index, "queries": queryFolder(t, dim, q, 2)}, nil)
}
