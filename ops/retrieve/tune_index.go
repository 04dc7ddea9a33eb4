package retrieve

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"react/ops/clip"
	"react/ops/embed"
	"react/ops/knn"
	"react/ops/op"
)

// TuneIndexParams are the params of tune-index.
type TuneIndexParams struct {
	By     string     `json:"by"` // t2t, t2i
	Index  knn.Params `json:"index"`
	K      int        `json:"k"`                // recall is of the K best hits
	Recall float64    `json:"recall,omitempty"` // the least that is wanted; 0 only draws the curve
}

// IndexCurve is curve.json: what an index finds of the exact hits, by its parameter of search.
type IndexCurve struct {
	By      string       `json:"by"`
	Kind    string       `json:"kind"`
	Param   string       `json:"param"` // nprobe, efSearch
	K       int          `json:"k"`
	Queries int          `json:"queries"`
	Rows    int          `json:"rows"`
	Wanted  float64      `json:"wanted,omitempty"` // recall
	Chosen  int          `json:"chosen,omitempty"` // the smallest value that reaches it
	Points  []CurvePoint `json:"points"`
}

// CurvePoint is one value of the parameter.
type CurvePoint struct {
	Value      int     `json:"value"`
	Recall     float64 `json:"recall"`     // mean over queries
	Worst      float64 `json:"worst"`      // the least mean of a class
	WorstClass string  `json:"worstClass"` //
	// hits that K asks for and the index did not give, of all queries
	Shortfall int       `json:"shortfall"`
	Classes   []float64 `json:"classes"` // mean of each class, in the order of class names
}

const curveFile = "curve.json"

// TuneIndexOp measures what share of the exact K best hits an index finds with the very queries
// that will be asked, which are texts and lie elsewhere than the vectors of images do, for one
// value of its parameter of search after the other, and takes the smallest that reaches the recall
// that is wanted. No clock is looked at, so every machine takes the same. In: "index",
// "embeddings", "queries"; with a filter, "filter". Out: curve.json.
//
// Hits as good as the K-th best but for rounding count as found: captions repeat, and which of
// several equal ones is returned says nothing.
//
//	1: first
var TuneIndexOp = op.Apart(op.Define(1, "tune-index", runTuneIndex,
	op.Says[TuneIndexParams](op.NoWork, op.SameParams, TuneIndexParams.memory, op.NoCheck)))

func (p TuneIndexParams) memory(at op.Place) (clip.Memory, error) {
	return searchMemory(at, p.By, p.Index)
}

func runTuneIndex(ctx context.Context, run *op.Run, p TuneIndexParams) error {
	t, err := openIndexTuner(ctx, run, p)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.exact(ctx); err != nil {
		return err
	}
	curve := IndexCurve{By: p.By, Kind: t.index.Params().Kind, K: t.depth, Queries: len(t.queries), Rows: t.index.Len(), Wanted: p.Recall}
	var values []int
	curve.Param, values = ladder(t.index.Params(), t.depth, t.index.Len())
	if curve.Param == "" && p.Index.Kind == "auto" { // it chose an exact index
		return run.WriteJSON(curveFile, curve)
	}
	if curve.Param == "" {
		return fmt.Errorf("index kind %s has nothing to tune: it is exact", curve.Kind)
	}
	for i, value := range values {
		point, err := t.point(ctx, value)
		if err != nil {
			return fmt.Errorf("%s %d: %w", curve.Param, value, err)
		}
		curve.Points = append(curve.Points, point)
		run.Progress(op.Progress{Done: i + 1, Total: len(values), Note: fmt.Sprintf("%s %d: recall@%d %.3f", curve.Param, value, t.depth, point.Recall)})
		if p.Recall > 0 && point.Recall >= p.Recall {
			curve.Chosen = value
			break
		}
	}
	if err := run.WriteJSON(curveFile, curve); err != nil {
		return err
	}
	if p.Recall > 0 && curve.Chosen == 0 {
		last := curve.Points[len(curve.Points)-1]
		return fmt.Errorf("recall@%d %g is not reached: %.4g with all %d %s (a larger code, another kind, or a lower index.recall)", curve.K, p.Recall, last.Recall, last.Value, curve.Param)
	}
	run.Fact(curve.Param, curve.Chosen)
	return nil
}

// ladder is the values that are tried, doubling from the least that makes sense to all there is.
func ladder(p knn.Params, depth, rows int) (param string, values []int) {
	param, _ = p.SearchParam()
	first, last := 1, p.NList
	switch param {
	case "":
		return "", nil
	case "efSearch":
		first, last = depth, min(rows, 16*depth)
	}
	if last == 0 { // a factory string that names its cells
		last = rows
	}
	for v := first; v < last; v *= 2 {
		values = append(values, v)
	}
	return param, append(values, max(first, last))
}

// indexTuner is a searcher with the truth.
type indexTuner struct {
	*searcher
	close   func()
	queries []embed.Query
	vectors []float32
	classes []string
	cut     []float32 // score of the worst exact hit of each query
	want    []int     // exact hits of each query: K, or all rows that are alive
}

func openIndexTuner(ctx context.Context, run *op.Run, p TuneIndexParams) (*indexTuner, error) {
	// the least with which K can be found
	if name, value := p.Index.SearchParam(); name == "efSearch" && value < p.K {
		p.Index, _ = p.Index.SearchWith(p.K)
	}
	t, err := openTruth(ctx, run, p)
	if err == nil && t.index == nil {
		t.close()
		return nil, fmt.Errorf("index kind %s has nothing to tune: it is exact", p.Index.Kind)
	}
	return t, err
}

// openTruth opens what a search reads, for all hits that there can be; with kind exact there is no
// index.
func openTruth(ctx context.Context, run *op.Run, p TuneIndexParams) (*indexTuner, error) {
	folder, s, err := openSearcher(ctx, run, Params{By: p.By, Index: p.Index, Depth: p.K})
	if err != nil {
		return nil, err
	}
	t := &indexTuner{searcher: s, close: func() {
		if s.index != nil {
			s.index.Close()
		}
		folder.Close()
	}}
	s.depth = min(p.K, int(folder.Rows()))
	if s.alive != nil {
		s.depth = min(s.depth, int(s.alive.Count()))
	}
	if t.queries, t.vectors, err = readQueries(run, s.dim); err != nil {
		t.close()
		return nil, err
	}
	t.classes = ClassNames(t.queries)
	return t, nil
}

// exact finds the truth by a pass over all embeddings.
func (t *indexTuner) exact(ctx context.Context) error {
	truth := *t.searcher
	truth.index, truth.maxK = nil, int(t.matrix.Rows())
	for start := 0; start < len(t.queries); start += exactBlock {
		n := min(exactBlock, len(t.queries)-start)
		lists, err := truth.search(ctx, t.vectors[start*t.dim:(start+n)*t.dim])
		if err != nil {
			return err
		}
		for _, list := range lists {
			t.want = append(t.want, len(list))
			t.cut = append(t.cut, list[len(list)-1].score)
		}
	}
	return nil
}

// point measures one value.
func (t *indexTuner) point(ctx context.Context, value int) (CurvePoint, error) {
	if err := t.index.SetSearch(value); err != nil {
		return CurvePoint{}, err
	}
	t.maxK = t.deepest()
	out := CurvePoint{Value: value}
	block := t.block()
	for start := 0; start < len(t.queries); start += block {
		n := min(block, len(t.queries)-start)
		lists, err := t.search(ctx, t.vectors[start*t.dim:(start+n)*t.dim])
		if err != nil {
			return out, err
		}
		t.score(lists, start, &out)
	}
	t.finish(&out)
	return out, nil
}

// score adds the recall of some queries' hits, from query start on.
func (t *indexTuner) score(lists [][]scored, start int, out *CurvePoint) {
	if out.Classes == nil {
		out.Classes = make([]float64, len(t.classes))
	}
	for i, list := range lists {
		q := start + i
		recall := float64(t.found(q, list)) / float64(t.want[q])
		out.Shortfall += t.want[q] - len(list)
		out.Recall += recall
		out.Classes[t.queries[q].Index] += recall
	}
}

// finish turns sums over queries into means.
func (t *indexTuner) finish(out *CurvePoint) {
	count := make([]int, len(t.classes))
	for _, q := range t.queries {
		count[q.Index]++
	}
	out.Recall /= float64(len(t.queries)) // once, so that a recall of all is 1
	out.Worst = 2
	for c, name := range t.classes {
		if out.Classes[c] /= float64(max(1, count[c])); out.Classes[c] < out.Worst {
			out.Worst, out.WorstClass = out.Classes[c], name
		}
	}
}

// found counts the hits that are as good as the truth's.
func (t *indexTuner) found(q int, list []scored) int {
	worse := slices.IndexFunc(list, func(h scored) bool { return h.score < t.cut[q]-TieMargin })
	if worse < 0 {
		return len(list)
	}
	return worse
}

// RecallOf measures the hits that a search gave down to a depth as tune-index measures an index's;
// of is how many of a query count, no more than there are rows.
func RecallOf(ctx context.Context, run *op.Run, by string, depth int, hits []Hit) (point CurvePoint, of int, err error) {
	t, err := openTruth(ctx, run, TuneIndexParams{By: by, Index: knn.Params{Kind: "exact"}, K: depth})
	if err != nil {
		return point, 0, err
	}
	defer t.close()
	if err := t.exact(ctx); err != nil {
		return point, 0, err
	}
	lists := make([][]scored, len(t.queries))
	for _, h := range hits {
		if h.Query < 0 || int(h.Query) >= len(lists) {
			return point, 0, fmt.Errorf("hits of query %d, and there are %d", h.Query, len(lists))
		}
		lists[h.Query] = append(lists[h.Query], scored{h.Row, h.Score})
	}
	t.score(lists, 0, &point)
	t.finish(&point)
	return point, t.depth, nil
}

// ReadIndexCurve reads the output of tune-index.
func ReadIndexCurve(dir string) (IndexCurve, error) {
	var c IndexCurve
	err := op.ReadJSON(filepath.Join(dir, curveFile), &c)
	return c, err
}

// ClassNames are the classes of queries in their order.
func ClassNames(queries []embed.Query) []string {
	var names []string
	for _, q := range queries {
		if int(q.Index) == len(names) {
			names = append(names, q.Class)
		}
	}
	return names
}
