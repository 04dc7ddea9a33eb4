package pairs

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"react/data/embeddings"
	"react/ops/blas"
	"react/ops/modality"
	"react/ops/retrieve"
)

// rankConstant is k of reciprocal rank fusion, 1/(k + rank), as Cormack, Clarke and Büttcher chose
// it (SIGIR 2009).
const rankConstant = 60

// fuse joins the lists of several modalities: one list for each query that they share, or for each
// class where they have one each.
//
// rrf sums 1/(60 + rank) over the lists that hold a row. sum adds weighted scores; the score of a
// row in a modality whose list lacks it is computed from its embedding. A row that is in no list,
// since it lies deeper than K times overfetch in all, is not seen by either; for sum the rows kept
// that such a one might beat are counted as unproven (the bound of Fagin's threshold algorithm).
func (m *maker) fuse(all [][]hitList) ([]hitList, error) {
	for _, lists := range all {
		if len(lists) != len(all[0]) {
			return nil, fmt.Errorf("%d lists and %d of another modality: fuse wants one list a class of each (per class, or one query a class)", len(all[0]), len(lists))
		}
	}
	f, err := m.openFuser()
	if err != nil {
		return nil, err
	}
	defer f.close()
	out := make([]hitList, len(all[0]))
	for i := range out {
		parts := make([]hitList, len(all))
		for j := range all {
			parts[j] = all[j][i]
			out[i].cut = out[i].cut || parts[j].cut
			if len(parts[j].hits) > 0 {
				out[i].class = parts[j].class
			}
		}
		for _, part := range parts {
			if len(part.hits) > 0 && part.class != out[i].class {
				return nil, fmt.Errorf("list %d is of class %d and of class %d", i, part.class, out[i].class)
			}
		}
		if out[i].hits, err = f.join(parts); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fuser joins lists.
type fuser struct {
	m       *maker
	queries *embeddings.Folder
	text    *embeddings.Matrix // of the queries
	sides   map[string]*embeddings.Matrix
	asked   map[int32][]int // class → its queries
	query   []float32
	row     []float32
}

func (m *maker) openFuser() (*fuser, error) {
	f := &fuser{m: m, sides: map[string]*embeddings.Matrix{}, asked: map[int32][]int{}}
	for i, q := range m.queries {
		f.asked[q.Index] = append(f.asked[q.Index], i)
	}
	if m.p.Fuse != "sum" {
		return f, nil
	}
	if m.p.Weight == nil {
		return nil, errors.New("fuse sum: no weight")
	}
	dir, err := m.run.Input("queries")
	if err != nil {
		return nil, err
	}
	if f.queries, err = embeddings.Open(dir); err != nil {
		return nil, err
	}
	if f.text, err = f.queries.Text(); err == nil {
		f.sides[modality.T2T], err = m.folder.Text()
	}
	if err == nil {
		f.sides[modality.T2I], err = m.folder.Image()
	}
	if err == nil && f.queries.Dim() != m.folder.Dim() {
		err = fmt.Errorf("queries have %d dimensions, the embeddings %d: they come from another backbone", f.queries.Dim(), m.folder.Dim())
	}
	f.query, f.row = make([]float32, m.folder.Dim()), make([]float32, m.folder.Dim())
	if err != nil {
		f.close()
	}
	return f, err
}

func (f *fuser) close() {
	if f.queries != nil {
		f.queries.Close()
	}
}

// join makes one list of the modalities' lists of one query or class.
func (f *fuser) join(parts []hitList) ([]candidate, error) {
	var out []candidate
	at := map[int64]int{}
	for _, part := range parts {
		for _, h := range part.hits {
			i, ok := at[h.Row]
			if !ok {
				i = len(out)
				at[h.Row] = i
				first := h
				first.Modality, first.Score = f.m.p.Fuse, 0
				out = append(out, first)
			}
			out[i].parts = append(out[i].parts, Found{Class: f.m.classes[h.Class], Prompt: h.Prompt, Modality: h.Modality, Rank: h.Rank, Score: h.Score})
		}
	}
	score := f.reciprocalRanks
	if f.m.p.Fuse == "sum" {
		score = f.weighted
	}
	for i := range out {
		sum, err := score(&out[i])
		if err != nil {
			return nil, err
		}
		out[i].Score = float32(sum)
	}
	slices.SortFunc(out, byScore)
	for i := range out {
		out[i].Rank = int32(i + 1)
	}
	if f.m.p.Fuse == "sum" {
		f.countUnproven(out, parts)
	}
	return out, nil
}

func (f *fuser) reciprocalRanks(h *candidate) (sum float64, err error) {
	for _, part := range h.parts {
		sum += 1 / float64(rankConstant+part.Rank)
	}
	return sum, nil
}

func (f *fuser) weighted(h *candidate) (sum float64, err error) {
	for _, m := range modality.Searched() {
		i := slices.IndexFunc(h.parts, func(p Found) bool { return p.Modality == m.Name })
		var score float64
		if i >= 0 {
			score = float64(h.parts[i].Score)
		} else if score, err = f.similarity(h, m.Name); err != nil {
			return 0, err
		}
		sum += f.weight(m.Name) * score
	}
	return sum, nil
}

func (f *fuser) weight(by string) float64 {
	if by == modality.T2T {
		return *f.m.p.Weight
	}
	return 1 - *f.m.p.Weight
}

// similarity is the score that a row has in a modality: of its query, or the best over the queries
// of its class.
func (f *fuser) similarity(h *candidate, by string) (float64, error) {
	if err := f.sides[by].Row(h.Row, f.row); err != nil {
		return 0, err
	}
	queries := f.asked[h.Class]
	if f.m.p.Per != "class" {
		queries = []int{int(h.Query)}
	}
	best := math.Inf(-1)
	for _, q := range queries {
		if err := f.text.Row(int64(q), f.query); err != nil {
			return 0, err
		}
		best = max(best, blas.Inner(f.query, f.row))
	}
	return float64(float32(best)), nil
}

// countUnproven counts the rows among the first K that a row of neither list might beat: one has at
// most the last score of each list.
func (f *fuser) countUnproven(fused []candidate, parts []hitList) {
	bound := 0.0
	for _, part := range parts {
		// the whole pool is in the list, or what is left has too low a score
		if len(part.hits) < f.m.p.Depth() {
			return
		}
		last := part.hits[len(part.hits)-1]
		bound += f.weight(last.Modality) * float64(last.Score)
	}
	for _, h := range fused[:min(f.m.p.K, len(fused))] {
		if float64(h.Score) < bound-retrieve.TieMargin {
			f.m.counts.Unproven++
		}
	}
}
