// Package retrieve holds the ops that index and search embeddings, or captions by the names in
// them, and the finder that searches for a person.
//
// Words: a hit is a row that a query found; a modality is how: t2t, t2i or text-match.
//
// Not here: FAISS (ops/knn).
package retrieve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/pool"
	"react/ops/clip"
	"react/ops/embed"
	"react/ops/knn"
	"react/ops/modality"
	"react/ops/op"
	"react/ops/pools"
)

// Params are the params of retrieve.
type Params struct {
	By    string     `json:"by"` // t2t, t2i, text-match
	Index knn.Params `json:"index"`
	// Depth is the number of hits a query: K times overfetch. Where a deeper search only appends
	// hits (see Appends) it is the largest that any trial of the sweep reads, and keys downstream
	// leave it out; elsewhere it is the trial's own.
	Depth int `json:"depth"`

	// text-match: of a generated pool whose class names are matched; empty: the outside file
	Set string `json:"set,omitempty"`
}

// Appends says whether the hits of a shallower search are the first of a deeper one's.
func (p Params) Appends() bool { return modality.Of(p.By).Side == "" || p.Index.Appends() }

// Hit is one row of hits.parquet, ordered by query, then rank.
type Hit struct {
	// row of queries.parquet; -1 where a class is searched for without one (text-match)
	Query    int32   `parquet:"query"`
	Class    int32   `parquet:"class"`
	Prompt   string  `parquet:"prompt,dict"` // of the query; of text-match the name that was found
	Rank     int32   `parquet:"rank"`        // 1-based
	Row      int64   `parquet:"row"`         // of the embeddings folder
	Score    float32 `parquet:"score"`
	Modality string  `parquet:"modality,dict"`
}

// HitsFile holds the hits of all queries: see Hit.
const HitsFile = "hits.parquet"

// TieMargin is the difference under which two scores may swap places between BLAS kernels; the cut
// is made where scores differ by more.
const TieMargin = 1e-5

// Op searches every query: once to the largest depth that a sweep needs where Appends says so,
// else for each depth. In: "index" (not for kind exact), "embeddings", "queries"; with a filter,
// "filter"; with index.recall, "tuned"; for embeddings that were not made here, "checked". For
// text-match: "embeddings", "classes", optional "synonyms" and "filter".
// Out: hits.parquet.
//
// FAISS cannot skip rows, so with a filter the search goes deeper until enough alive rows are
// found, or all that the index gives are seen.
//
// Captions repeat, so exact ties are common, and FAISS orders them as it likes. The hits are scored
// again in a fixed order of float64 sums and sorted by score down, then row up; the search goes on
// until the group of equal scores at the cut is complete. With kind flat the first k hits are
// therefore the same at any depth, batch and thread count; with kinds that look at candidates only,
// the number of candidates grows with the depth, and what stands first with it. A query that finds
// fewer rows is counted as a shortfall.
//
//	1: first
var Op = op.Costs(op.Deepens(op.Apart(op.Define(1, "retrieve", runRetrieve,
	op.Says[Params](Params.work, Params.pace, Params.memory, op.NoCheck))), Params.withDepth),
	0.1, 5e-8)

// withDepth is another depth; a search that only appends hits is made once for all that read it.
func (p Params) withDepth(depth int) (other Params, had int, shared bool) {
	other = p
	other.Depth = depth
	return other, p.Depth, p.Appends()
}

func (p Params) work(at op.Known) op.Work {
	if at.Model == nil {
		return op.Work{}
	}
	rows, queries := float64(at.Rows.N()), float64(at.Queries.N())
	return op.Work{Samples: rows, FLOPs: 2 * rows * queries * float64(at.Model.Dim()), Bytes: queries * float64(p.Depth) * op.HitBytes}
}

func (p Params) pace(at op.Known) op.Pace {
	queries := float64(at.Queries.N())
	return op.Pace{Work: float64(at.Rows.N()) * queries, Volume: queries * float64(p.Depth)}
}

func (p Params) memory(at op.Place) (clip.Memory, error) {
	return searchMemory(at, p.By, p.Index)
}

// searcher is the state of one retrieve stage.
type searcher struct {
	index   knn.Searcher // nil: an exact pass over the matrix
	matrix  *embeddings.Matrix
	dim     int
	depth   int
	maxK    int        // the search answers no deeper
	alive   *pool.Rows // rows that may be hits; nil is all
	scratch []float32
	passed  func(rows int64) // told of an exact pass
}

// scored is a hit before it has a rank.
type scored struct {
	row   int64
	score float32
}

const (
	searchBlock = 256     // queries searched together
	exactBlock  = 1 << 16 // queries for which an exact pass reads the embeddings once
)

func runRetrieve(ctx context.Context, run *op.Run, p Params) error {
	if modality.Of(p.By).ByClass {
		return matchCaptions(ctx, run, p)
	}
	folder, s, err := openSearcher(ctx, run, p)
	if err != nil {
		return err
	}
	defer folder.Close()
	size := s.block()
	if s.index != nil {
		defer s.index.Close()
	}
	queryRows, vectors, err := readQueries(run, s.dim)
	if err != nil {
		return err
	}
	var hits []Hit
	short := 0
	for start := 0; start < len(queryRows); start += size {
		n := min(size, len(queryRows)-start)
		lists, err := s.search(ctx, vectors[start*s.dim:(start+n)*s.dim])
		if err != nil {
			return fmt.Errorf("queries %d to %d: %w", start, start+n-1, err)
		}
		for i, list := range lists {
			q := queryRows[start+i]
			if len(list) < p.Depth {
				short++
			}
			for rank, h := range list {
				hits = append(hits, Hit{Query: int32(start + i), Class: q.Index, Prompt: q.Prompt, Rank: int32(rank + 1), Row: h.row, Score: h.score, Modality: p.By})
			}
		}
		run.Progress(op.Progress{Done: start + n, Total: len(queryRows), Note: "queries"})
	}
	run.Fact("queries", len(queryRows))
	run.Fact("shortfalls", short)
	if len(hits) == 0 {
		return fmt.Errorf("no query found any row")
	}
	return parquet.WriteFile(run.Path(HitsFile), hits)
}

// openSearcher opens what a search reads. The caller closes folder and index.
func openSearcher(ctx context.Context, run *op.Run, p Params) (*embeddings.Folder, *searcher, error) {
	sideName := modality.Of(p.By).Side
	if sideName == "" {
		return nil, nil, fmt.Errorf("retriever %q searches no embeddings", p.By)
	}
	folder, err := run.Embeddings()
	if err != nil {
		return nil, nil, err
	}
	s := &searcher{dim: folder.Dim(), depth: p.Depth, maxK: int(folder.Rows()), scratch: make([]float32, folder.Dim())}
	s.passed = func(rows int64) { run.Progress(op.Progress{Done: int(rows), Total: int(folder.Rows()), Note: "rows"}) }
	if s.matrix, err = side(folder, sideName); err == nil {
		s.alive, err = pools.AliveIn(ctx, run, folder)
	}
	if err == nil && p.Index.Kind != "exact" {
		err = s.openIndex(run, p.Index, sideName)
	}
	if err != nil {
		return nil, nil, errors.Join(err, folder.Close())
	}
	return folder, s, nil
}

// openIndex opens the index of a side, with the parameter of search that was tuned, where one was.
func (s *searcher) openIndex(run *op.Run, p knn.Params, side string) error {
	dir, err := run.Input("index")
	if err != nil {
		return err
	}
	index, err := knn.OpenAny(dir, side, p)
	if err != nil {
		return err
	}
	s.index = index
	rows := s.matrix.Rows()
	if s.index.Dim() != s.dim || int64(s.index.Len()) != rows {
		err = fmt.Errorf("the %s index in %s holds %d vectors of %d, the embeddings %d of %d", side, dir, s.index.Len(), s.index.Dim(), rows, s.dim)
	}
	if tuned, ok := run.In["tuned"]; ok && err == nil {
		var curve IndexCurve
		if curve, err = ReadIndexCurve(tuned); err == nil && curve.Chosen > 0 {
			err = s.index.SetSearch(curve.Chosen)
		}
	}
	s.maxK = s.deepest()
	if err == nil && s.depth > s.maxK && s.maxK < int(rows) {
		err = fmt.Errorf("depth %d (k times overfetch) is over index.efSearch %d, which bounds what %s finds", s.depth, s.maxK, s.index.Params().Kind)
	}
	if err != nil {
		return errors.Join(err, s.index.Close())
	}
	return nil
}

// block is how many queries are searched together: as many as can be where every search reads all
// rows.
func (s *searcher) block() int {
	if _, sharded := s.index.(*knn.Sharded); sharded || s.index == nil {
		return exactBlock
	}
	return searchBlock
}

// deepest is how many hits the index can give: a graph no more than it keeps candidates.
func (s *searcher) deepest() int {
	if name, value := s.index.Params().SearchParam(); name == "efSearch" {
		return min(s.index.Len(), value)
	}
	return s.index.Len()
}

// find searches with the index, or by an exact pass.
func (s *searcher) find(ctx context.Context, queries []float32, k int) (knn.Hits, error) {
	if s.index != nil {
		return s.index.Search(ctx, queries, k)
	}
	exact := knn.Exact{Source: s.matrix, Progress: s.passed}
	if s.alive != nil {
		exact.Subset = s.alive
	}
	return exact.Search(ctx, queries, k)
}

func readQueries(run *op.Run, dim int) ([]embed.Query, []float32, error) {
	dir, err := run.Input("queries")
	if err != nil {
		return nil, nil, err
	}
	rows, err := op.ReadTable[embed.Query](filepath.Join(dir, embed.QueriesFile))
	if err != nil {
		return nil, nil, err
	}
	folder, err := embeddings.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	defer folder.Close()
	if folder.Dim() != dim {
		return nil, nil, fmt.Errorf("queries have %d dimensions, the index %d: they come from another backbone", folder.Dim(), dim)
	}
	m, err := folder.Text()
	if err != nil {
		return nil, nil, err
	}
	vectors := make([]float32, len(rows)*dim)
	return rows, vectors, m.Block(0, len(rows), vectors)
}

// search answers each query with at most depth hits in their final order.
func (s *searcher) search(ctx context.Context, vectors []float32) ([][]scored, error) {
	n := len(vectors) / s.dim
	lists := make([][]scored, n)
	open := make([]int, n) // queries whose cut is not settled
	for i := range open {
		open[i] = i
	}
	for k := s.firstK(); len(open) > 0; k = min(s.maxK, 2*k) {
		var still []int
		for part := range slices.Chunk(open, max(1, maxFound/k)) {
			left, err := s.pass(ctx, vectors, part, k, lists)
			if err != nil {
				return nil, err
			}
			still = append(still, left...)
		}
		open = still
	}
	return lists, nil
}

// maxFound bounds the hits that are in memory together, 12 bytes each.
const maxFound = 1 << 25

// pass searches some queries to one depth and fills in the lists of those whose cut is settled; the
// others are returned.
func (s *searcher) pass(ctx context.Context, vectors []float32, queries []int, k int, lists [][]scored) ([]int, error) {
	batch := make([]float32, 0, len(queries)*s.dim)
	for _, q := range queries {
		batch = append(batch, vectors[q*s.dim:(q+1)*s.dim]...)
	}
	found, err := s.find(ctx, batch, k)
	if err != nil {
		return nil, err
	}
	var still []int
	for i, q := range queries {
		rows := found.Rows[i*k : (i+1)*k]
		list, err := s.rescore(vectors[q*s.dim:(q+1)*s.dim], rows)
		if err != nil {
			return nil, err
		}
		if k < s.maxK && !s.settled(list, rows) {
			still = append(still, q)
			continue
		}
		lists[q] = list[:min(s.depth, len(list))]
	}
	return still, nil
}

// firstK is how deep to look first: the depth, more where rows are filtered out, and some rows on
// which ties may fall.
func (s *searcher) firstK() int {
	k := s.depth + 32
	if s.alive != nil && s.index != nil {
		share := float64(s.alive.Count()) / float64(s.alive.Len())
		k = int(min(1.1*float64(k)/share, float64(s.maxK))) + 1
	}
	return min(s.maxK, k)
}

// settled says whether a deeper search could not change the first depth rows: the index gave fewer
// than were asked for, or enough are alive and the worst that was found is worse than the cut by
// more than ties go.
func (s *searcher) settled(list []scored, found []int64) bool {
	if slices.Contains(found, -1) {
		return true
	}
	return len(list) >= s.depth && list[len(list)-1].score <= list[s.depth-1].score-TieMargin
}

// rescore computes the inner products again and sorts; rows of -1, and those that are not alive,
// are left out.
func (s *searcher) rescore(query []float32, rows []int64) ([]scored, error) {
	list := make([]scored, 0, len(rows))
	for _, row := range rows {
		if row < 0 || !s.alive.Has(row) {
			continue
		}
		if err := s.matrix.Row(row, s.scratch); err != nil {
			return nil, err
		}
		sum := 0.0
		for d, v := range query {
			sum += float64(v) * float64(s.scratch[d])
		}
		list = append(list, scored{row: row, score: float32(sum)})
	}
	slices.SortFunc(list, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.row, b.row))
	})
	return list, nil
}
