// Package pairs makes what a model is tuned on of the hits of retrieval: lists united or fused,
// duplicates and test images taken out, classes that want one image settled, and controls of equal
// size.
//
// Words: a candidate is a row that the hits name; passed is one that was not taken, with why; a
// leak is a test image.
package pairs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/pool"
	"react/ops/embed"
	"react/ops/modality"
	"react/ops/op"
	"react/ops/pools"
	"react/ops/retrieve"
)

// Params are the params of pairs.
type Params struct {
	K         int    `json:"k,omitempty"`
	Per       string `json:"per,omitempty"` // prompt, class
	Overfetch int    `json:"overfetch,omitempty"`
	Dedup     bool   `json:"dedup"`
	Source    string `json:"source"`           // retrieved, random, caption-match, oracle, pool
	Seed      int64  `json:"seed,omitempty"`   // of the random choice among rows
	Draw      int    `json:"draw,omitempty"`   // of random rows: the sweep's seed that they are for
	MaxBad    int    `json:"maxBad,omitempty"` // images that may not decode

	// of the rows that are looked at: those without an image
	MaxBadShare float64 `json:"maxBadShare"`

	// sum, rrf; "" lays the lists of several modalities side by side
	Fuse   string   `json:"fuse,omitempty"`
	Weight *float64 `json:"weight,omitempty"` // sum: of T2T
	MinT2T *float64 `json:"minT2T,omitempty"` // least score of a hit
	MinT2I *float64 `json:"minT2I,omitempty"`
	Budget int      `json:"budget,omitempty"` // most pairs

	// bits in which the hashes of one image differ at most
	NearHash   *int    `json:"nearHash,omitempty"`
	NearCosine float64 `json:"nearCosine,omitempty"` // of its embeddings, at least
	// best, first, drop; "" lets an image stand for several classes
	Collisions string  `json:"collisions,omitempty"`
	LeakHash   *int    `json:"leakHash,omitempty"` // with inputs "guard.NAME"
	LeakCosine float64 `json:"leakCosine,omitempty"`
}

// Pair is one row of pairs.parquet: a pool row with the reasons it is there.
type Pair struct {
	Row     int64   `parquet:"row"`   // of the pool's metadata
	Index   int64   `parquet:"index"` // of the embeddings folder
	Key     string  `parquet:"key"`   // of the image in the shards; empty when there is none
	URL     string  `parquet:"url"`
	Caption string  `parquet:"caption"`
	Label   string  `parquet:"label"`  // known class, "" if not known
	SHA256  string  `parquet:"sha256"` // of the image file
	Rank    int32   `parquet:"rank"`   // the first, among distinct images, 1-based; 0 for a control
	Score   float32 `parquet:"score"`  // of that hit
	Found   []Found `parquet:"found,list"`
}

// Found is one hit that brought a pair in. The string that was asked is Query. A pair of a fused
// list has the list's hit first, then those that it was made of.
type Found struct {
	Class  string `parquet:"class" json:"class"`
	Prompt string `parquet:"prompt" json:"prompt"`
	// t2t, t2i, text-match, sum, rrf; of a control its name
	Modality string  `parquet:"modality" json:"modality"`
	Rank     int32   `parquet:"rank" json:"rank"`
	Score    float32 `parquet:"score" json:"score"`
}

// Query is the string that found the pair: the prompt about the class, about a synonym, or the word
// that was looked for.
func (f Found) Query() string { return strings.ReplaceAll(f.Prompt, "{}", f.Class) }

const (
	PairsFile  = "pairs.parquet"
	ReportFile = "report.json"
)

// Op turns hits into the list that tuning reads. In: "embeddings", "pool"; "hits.t2t", "hits.t2i"
// and "queries" (not for source pool). With a filter, "filter"; "hits.text-match"; for each
// evaluation set whose images must stay out, "guard.NAME". Out: pairs.parquet, report.json,
// rows.jsonl; passed.parquet, the hits that curation passed over and why, where there are any.
//
// The list is in rank order: the first hit of every query (queries in order, T2T before T2I), then
// the second, and so on, each row once with every hit that found it; so the pairs at a smaller K
// are a prefix. With dedup a query's K rows are K different images (by sha256), refilled from
// deeper hits, no deeper than K times overfetch, and an image stands once in the list. A control
// replaces the rows by others, as many as retrieval gives: random rows, rows whose caption contains
// a class name, rows whose known label is a class (oracle, with their true captions), or all rows
// (pool).
//
// Curation comes before the choice of K, so that what it takes out is refilled: near duplicates
// (nearGroups), collisions between classes (settle), leaks of evaluation sets (guard). With
// collisions "best" or "drop" a smaller K sees fewer collisions, and its pairs need not be a
// prefix.
//
//	1: first
//	2: as embed's
//	3: labels of a pool none of which is a class of the task are of another meaning, and left out
//	4: JPEGs of odd subsampling are read
var Op = op.Costs(op.OnOneCore(op.Define(4, "pairs", runPairs,
	op.Says[Params](Params.work, Params.pace, op.NoMemory, op.NoCheck))), 0.1, 2e-5)

// Depth is how many hits of a query are looked at for the K that are wanted. Stages retrieve, audit
// and balance are planned with it (reads.Retrieve.Depth); which depths of a sweep share one search
// is decided by retrieve.Params.Appends.
func (p Params) Depth() int { return p.K * p.Overfetch }

// work is what K asks for, before the same row of several queries is counted once.
func (p Params) work(at op.Known) op.Work {
	n := float64(p.K) * float64(at.Queries.N()) * float64(at.Ways)
	if p.Source == "pool" {
		n = float64(at.Rows.N())
	}
	return op.Work{Samples: n, Bytes: n * (op.MetaBytes + op.HitBytes), Images: n}
}

func (p Params) pace(at op.Known) op.Pace {
	out := op.Pace{Work: float64(at.Rows.N()), Volume: float64(p.K) * float64(at.Queries.N()), Kind: p.Source}
	if p.Source == "pool" {
		out.Volume = out.Work
	}
	return out
}

func runPairs(ctx context.Context, run *op.Run, p Params) error {
	m, err := openMaker(ctx, run, p)
	if err != nil {
		return err
	}
	defer m.folder.Close()
	list, err := m.make(ctx)
	if err != nil {
		return err
	}
	if err := run.Lose(m.images.lost, p.MaxBadShare); err != nil {
		return fmt.Errorf("%w (runner fetch gets the images of what was retrieved)", err)
	}
	if len(list) == 0 {
		return errors.New("no pairs: nothing was found whose image can be read")
	}
	if err := m.ownLabels(ctx, list); err != nil {
		return err
	}
	if err := errors.Join(parquet.WriteFile(run.Path(PairsFile), list), m.writePassed()); err != nil {
		return err
	}
	report := m.report(list)
	if p.Source != "pool" && report.Share > 0.4 {
		run.Warn("the %d pairs are %.0f %% of the pool's rows: retrieval hardly selects (smaller k, or a larger pool)", report.Unique, 100*report.Share)
	}
	if report.Shortfall > 0 {
		run.Warn("%d of %d rows asked for were not found: %s", report.Shortfall, report.Wanted, m.counts.causes())
	}
	if err := run.WriteJSON(ReportFile, report); err != nil {
		return err
	}
	return run.WriteRows(report.rows())
}

// maker holds what one pairs stage reads.
type maker struct {
	run     *op.Run
	p       Params
	folder  *embeddings.Folder
	alive   *pool.Rows // of the folder; nil is all
	queries []embed.Query
	classes []string
	images  *ImageProbe
	guard   *Guard // nil: leaks stay
	// identity of an image → of the image it nearly repeats; only of those that do
	leaders map[string]string
	counts  counts
	passed  map[int64]Passed // rows that curation takes out
	lost    []Passed         // hits that went to another class
}

// counts are what the report tells of the way to the list.
type counts struct {
	Wanted    int `json:"wanted"`          // K for each list
	Shortfall int `json:"shortfall"`       // of Wanted, not found
	Repeats   int `json:"repeats"`         // hits passed over: the same image again
	NoImage   int `json:"noImage"`         // hits passed over: no image in the shards
	Bad       int `json:"bad"`             // hits passed over: the image does not decode
	Near      int `json:"near,omitempty"`  // hits passed over: nearly the same image again
	Leaks     int `json:"leaks,omitempty"` // rows passed over: in an evaluation set
	Lost      int `json:"lost,omitempty"`  // hits passed over: the image is another class's
	// of Wanted, not filled for want of hits with the least score
	Below int `json:"below,omitempty"`
	// kept by a weighted sum that a row deeper than the search might beat
	Unproven int `json:"unproven,omitempty"`
}

// causes says why rows were not found: what was passed over, or that the pool is small.
func (c counts) causes() string {
	var parts []string
	passed := 0
	for _, of := range []struct {
		n    int
		what string
	}{{c.Leaks, "rows in an evaluation set"}, {c.Lost, "hits of images that are another class's"}, {c.Repeats, "hits of an image again"},
		{c.Near, "hits of nearly an image again"}, {c.NoImage, "hits without an image"}, {c.Bad, "hits of images that cannot be read"}} {
		if passed += of.n; of.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of.n, of.what))
		}
	}
	const small = "k times queries is much for so small a pool"
	switch {
	case passed == 0:
		return small
	case passed < c.Shortfall:
		return "passed over were " + strings.Join(parts, ", ") + ", and " + small
	}
	return "passed over were " + strings.Join(parts, ", ")
}

func openMaker(ctx context.Context, run *op.Run, p Params) (*maker, error) {
	dir, err := run.Input("embeddings")
	if err != nil {
		return nil, err
	}
	m := &maker{run: run, p: p}
	if queries, ok := run.In["queries"]; ok {
		if m.queries, err = op.ReadTable[embed.Query](filepath.Join(queries, embed.QueriesFile)); err != nil {
			return nil, err
		}
		m.classes = retrieve.ClassNames(m.queries)
	}
	if m.images, err = NewImageProbe(ctx, run, p.MaxBad); err != nil {
		return nil, err
	}
	m.images.Hashed = p.NearHash != nil
	if m.guard, err = openGuard(run, p); err != nil {
		return nil, err
	}
	if m.guard != nil && m.images.Set != nil {
		m.images.Hashed = true
	}
	m.passed, m.leaders = map[int64]Passed{}, map[string]string{}
	if m.folder, err = embeddings.Open(dir); err != nil {
		return nil, err
	}
	m.folder.MaxBad = p.MaxBad
	if m.alive, err = pools.AliveIn(ctx, run, m.folder); err != nil {
		return nil, errors.Join(err, m.folder.Close())
	}
	rows, what := m.folder.Rows(), "readable"
	if m.alive != nil {
		rows, what = m.alive.Count(), "readable rows that the filter leaves, of all"
	}
	if int64(p.K) > rows {
		return nil, errors.Join(fmt.Errorf("k %d is over the pool's %d %s rows", p.K, rows, what), m.folder.Close())
	}
	return m, nil
}

// make gives the list for the control asked for.
func (m *maker) make(ctx context.Context) ([]Pair, error) {
	if m.p.Source == "pool" {
		return m.wholePool(ctx)
	}
	list, err := m.retrieved(ctx)
	if err != nil || m.p.Source == "retrieved" {
		return list, err
	}
	// a control is judged by the number of pairs it stands beside
	m.counts = counts{Wanted: len(list)}
	m.passed, m.lost = map[int64]Passed{}, nil
	replaced, err := m.control(ctx, len(list))
	m.counts.Shortfall = len(list) - len(replaced)
	return replaced, err
}

// retrieved walks the hit lists, best rank first, and takes every row once.
func (m *maker) retrieved(ctx context.Context) ([]Pair, error) {
	lists, err := m.hitLists()
	if err != nil {
		return nil, err
	}
	meta, err := m.metaOf(ctx, candidates(lists))
	if err != nil {
		return nil, err
	}
	if err := m.screen(ctx, byRank(lists), meta); err != nil {
		return nil, err
	}
	if m.p.Collisions != "" {
		err = m.settle(ctx, lists, meta)
	} else {
		err = m.eachDistinct(ctx, lists, meta)
	}
	if err != nil {
		return nil, err
	}
	list := m.union(lists, meta)
	if m.p.Budget > 0 {
		list = list[:min(m.p.Budget, len(list))]
	}
	return list, nil
}

// hitList is the hits of one query in one modality, or of one class, in order.
type hitList struct {
	class int32
	hits  []candidate
	cut   bool // hits with too low a score were left out
}

// candidate is a hit that may become a pair.
type candidate struct {
	retrieve.Hit
	parts []Found // of a fused list: the hits that it was made of
}

// hitLists reads the hits of each modality down to the depth this trial may use, and joins the
// lists of a query, or class, where they are fused.
func (m *maker) hitLists() ([]hitList, error) {
	var all [][]hitList
	for _, role := range modality.HitRoles() {
		dir, ok := m.run.In[role]
		if !ok {
			continue
		}
		hits, err := op.ReadTable[retrieve.Hit](filepath.Join(dir, retrieve.HitsFile))
		if err != nil {
			return nil, err
		}
		all = append(all, m.split(hits))
	}
	if len(all) == 0 {
		return nil, errors.New("no hits are given")
	}
	if m.p.Fuse != "" {
		return m.fuse(all)
	}
	return slices.Concat(all...), nil
}

// split groups hits into one list a query, or one a class, and cuts each at K times overfetch and
// at the least score.
func (m *maker) split(hits []retrieve.Hit) []hitList {
	lists, of := make([]hitList, len(m.queries)), func(h retrieve.Hit) int32 { return h.Query }
	byClass := len(hits) > 0 && hits[0].Query < 0
	if byClass {
		lists, of = make([]hitList, len(m.classes)), func(h retrieve.Hit) int32 { return h.Class }
		for c := range lists {
			lists[c].class = int32(c)
		}
	}
	depth := m.p.Depth()
	for _, h := range hits {
		l := &lists[of(h)]
		l.class = h.Class
		switch {
		case int(h.Rank) > depth:
		case h.Score < m.least(h.Modality):
			l.cut = true
		default:
			l.hits = append(l.hits, candidate{Hit: h})
		}
	}
	if m.p.Per == "class" && !byClass {
		return mergeClasses(lists, depth)
	}
	return lists
}

// least is the least score of a modality's hits.
func (m *maker) least(by string) float32 {
	least := map[string]*float64{modality.T2T: m.p.MinT2T, modality.T2I: m.p.MinT2I}[by]
	if least == nil {
		return float32(math.Inf(-1))
	}
	return float32(*least)
}

// candidates are the rows of all the lists.
func candidates(lists []hitList) map[int64]bool {
	rows := map[int64]bool{}
	for _, l := range lists {
		for _, h := range l.hits {
			rows[h.Row] = true
		}
	}
	return rows
}

// eachDistinct cuts every list to its pairs.
func (m *maker) eachDistinct(ctx context.Context, lists []hitList, meta map[int64]embeddings.Meta) error {
	for i := range lists {
		if err := ctx.Err(); err != nil {
			return err
		}
		w := &walk{list: &lists[i], seen: map[string]bool{}}
		for len(w.kept) < m.p.K {
			h, id, err := m.next(w, meta)
			if err != nil {
				return err
			}
			if id == "" {
				break
			}
			w.keep(h, id)
		}
		m.finish(w)
		m.run.Progress(op.Progress{Done: i + 1, Total: len(lists), Note: "queries"})
	}
	return nil
}

// walk is the way down a list.
type walk struct {
	list *hitList
	at   int // next hit
	kept []candidate
	ids  []string        // of kept
	seen map[string]bool // images of the list
}

func (w *walk) keep(h candidate, id string) {
	w.kept, w.ids, w.seen[id] = append(w.kept, h), append(w.ids, id), true
}

// next is the next hit of a list whose image can be read, is no leak and, with dedup, is new to the
// list; "" at the end.
func (m *maker) next(w *walk, meta map[int64]embeddings.Meta) (candidate, string, error) {
	for w.at < len(w.list.hits) {
		h := w.list.hits[w.at]
		w.at++
		own, err := m.images.Identity(meta[h.Row])
		if err != nil {
			return h, "", err
		}
		if own == "" || m.passed[h.Row].Why == Leak {
			continue
		}
		id := m.led(own)
		if m.p.Dedup && w.seen[id] {
			m.repeated(id != own)
			continue
		}
		return h, id, nil
	}
	return candidate{}, "", nil
}

func (m *maker) repeated(nearly bool) {
	if nearly {
		m.counts.Near++
		return
	}
	m.counts.Repeats++
}

// finish puts what was kept in place of a list; ranks are counted again.
func (m *maker) finish(w *walk) {
	for i := range w.kept {
		w.kept[i].Rank = int32(i + 1)
	}
	left := m.p.K - len(w.kept)
	m.counts.Wanted += m.p.K
	if w.list.cut {
		m.counts.Below += left
	} else {
		m.counts.Shortfall += left
	}
	w.list.hits = w.kept
}

// union lays the lists side by side and reads them rank by rank; a row, or with dedup an image,
// that stands there already only gains a reason.
func (m *maker) union(lists []hitList, meta map[int64]embeddings.Meta) []Pair {
	var out []Pair
	at := map[string]int{}
	for rank := range m.p.K {
		for _, l := range lists {
			if rank >= len(l.hits) {
				continue
			}
			h := l.hits[rank]
			found := Found{Class: m.classes[h.Class], Prompt: h.Prompt, Modality: h.Modality, Rank: h.Rank, Score: h.Score}
			id := m.led(m.images.known(meta[h.Row]))
			if !m.p.Dedup {
				id = fmt.Sprint(h.Row)
			}
			i, ok := at[id]
			if !ok {
				i = len(out)
				at[id] = i
				pair := m.pair(meta[h.Row], h.Row)
				pair.Rank, pair.Score = h.Rank, h.Score
				out = append(out, pair)
			}
			out[i].Found = append(append(out[i].Found, found), h.parts...)
		}
	}
	return out
}

func (m *maker) pair(meta embeddings.Meta, index int64) Pair {
	return Pair{Row: meta.Row, Index: index, Key: meta.Key, URL: meta.URL, Caption: meta.Caption, Label: meta.Label, SHA256: m.images.known(meta)}
}

// metaOf streams the folder's metadata and keeps the wanted rows.
func (m *maker) metaOf(ctx context.Context, want map[int64]bool) (map[int64]embeddings.Meta, error) {
	meta := make(map[int64]embeddings.Meta, len(want))
	err := m.eachMeta(ctx, func(i int64, row embeddings.Meta) error {
		if want[i] {
			meta[i] = row
		}
		return nil
	})
	if err == nil && len(meta) != len(want) {
		err = fmt.Errorf("the hits name %d rows, the embeddings' metadata have %d of them", len(want), len(meta))
	}
	return meta, err
}

// Read reads the pairs of a finished pairs stage, in rank order.
func Read(dir string) ([]Pair, error) {
	return op.ReadTable[Pair](filepath.Join(dir, PairsFile))
}
