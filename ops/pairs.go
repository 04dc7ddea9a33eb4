package ops

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/pool"
)

// PairsParams are the params of pairs.
type PairsParams struct {
	K         int    `json:"k,omitempty"`
	Per       string `json:"per,omitempty"` // prompt, class
	Overfetch int    `json:"overfetch,omitempty"`
	Dedup     bool   `json:"dedup"`
	Control   string `json:"control"`          // none, random, caption-match, oracle, continued
	Seed      int64  `json:"seed,omitempty"`   // of the random choice among rows
	MaxBad    int    `json:"maxBad,omitempty"` // images that may not decode
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
	Rank    int32   `parquet:"rank"`   // best, among distinct images, 1-based; 0 for a control
	Score   float32 `parquet:"score"`  // of that hit
	Found   []Found `parquet:"found,list"`
}

// Found is one hit that brought a pair in.
type Found struct {
	Class    string  `parquet:"class" json:"class"`
	Prompt   string  `parquet:"prompt" json:"prompt"`
	Modality string  `parquet:"modality" json:"modality"`
	Rank     int32   `parquet:"rank" json:"rank"`
	Score    float32 `parquet:"score" json:"score"`
}

const (
	pairsFile  = "pairs.parquet"
	reportFile = "report.json"
)

// pairs turns hits into the list that tuning reads. In: "embeddings", "pool"; "hits.t2t", "hits.t2i" and "queries" (not for continued).
// With a filter, "filter". Out: pairs.parquet,
// report.json, rows.jsonl.
//
// The list is in rank order: the first hit of every query (queries in order, T2T before T2I), then the second, and so on, each row once with
// every hit that found it; so the pairs at a smaller K are a prefix. With dedup a query's K rows are K different images (by sha256), refilled
// from deeper hits, no deeper than K times overfetch, and an image stands once in the list. A control replaces the rows by others, as many as
// retrieval gives: random rows, rows whose caption contains a class name, rows whose known label is a class (oracle, with their true captions),
// or all rows (continued).
//
//	1: first
var pairs = onOneCore(define(1, "pairs", runPairs))

func runPairs(ctx context.Context, run *Run, p PairsParams) error {
	m, err := openMaker(ctx, run, p)
	if err != nil {
		return err
	}
	defer m.folder.Close()
	list, err := m.make(ctx)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("no pairs: nothing was found whose image can be read")
	}
	if err := parquet.WriteFile(run.path(pairsFile), list); err != nil {
		return err
	}
	report := m.report(list)
	if p.Control != "continued" && report.Share > 0.4 {
		run.Warn("the %d pairs are %.0f %% of the pool's rows: retrieval hardly selects (smaller k, or a larger pool)", report.Unique, 100*report.Share)
	}
	if report.Shortfall > 0 {
		run.Warn("%d of %d rows asked for were not found (k times queries against a small pool, or images that cannot be read)", report.Shortfall, report.Wanted)
	}
	if err := run.writeJSON(reportFile, report); err != nil {
		return err
	}
	return run.writeRows(report.rows())
}

// maker holds what one pairs stage reads.
type maker struct {
	run     *Run
	p       PairsParams
	folder  *embeddings.Folder
	alive   *pool.Rows // of the folder; nil is all
	queries []Query
	classes []string
	images  *imageProbe
	counts  counts
}

// counts are what the report tells of the way to the list.
type counts struct {
	Wanted    int `json:"wanted"`    // K for each list
	Shortfall int `json:"shortfall"` // of Wanted, not found
	Repeats   int `json:"repeats"`   // hits passed over: the same image again
	NoImage   int `json:"noImage"`   // hits passed over: no image in the shards
	Bad       int `json:"bad"`       // hits passed over: the image does not decode
}

func openMaker(ctx context.Context, run *Run, p PairsParams) (*maker, error) {
	dir, err := run.input("embeddings")
	if err != nil {
		return nil, err
	}
	m := &maker{run: run, p: p}
	if queries, ok := run.In["queries"]; ok {
		if m.queries, err = parquet.ReadFile[Query](filepath.Join(queries, queriesFile)); err != nil {
			return nil, err
		}
		m.classes = classNames(m.queries)
	}
	if m.images, err = newImageProbe(ctx, run, p.MaxBad); err != nil {
		return nil, err
	}
	if m.folder, err = embeddings.Open(dir); err != nil {
		return nil, err
	}
	m.folder.MaxBad = p.MaxBad
	if m.alive, err = run.aliveIn(ctx, m.folder); err != nil {
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

func classNames(queries []Query) []string {
	var names []string
	for _, q := range queries {
		if int(q.Index) == len(names) {
			names = append(names, q.Class)
		}
	}
	return names
}

// make gives the list for the control asked for.
func (m *maker) make(ctx context.Context) ([]Pair, error) {
	if m.p.Control == "continued" {
		return m.wholePool(ctx)
	}
	list, err := m.retrieved(ctx)
	if err != nil || m.p.Control == "none" {
		return list, err
	}
	m.counts = counts{Wanted: len(list)} // a control is judged by the number of pairs it stands beside
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
	for i := range lists {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := m.distinct(&lists[i], meta); err != nil {
			return nil, err
		}
		m.run.Progress(Progress{Done: i + 1, Total: len(lists), Note: "queries"})
	}
	return m.union(lists, meta), nil
}

// hitList is the hits of one query in one modality, or of one class, in order.
type hitList struct {
	class int32
	hits  []Hit
}

// hitLists reads the hits of each modality down to the depth this trial may use.
func (m *maker) hitLists() ([]hitList, error) {
	var lists []hitList
	for _, role := range []string{"hits.t2t", "hits.t2i"} {
		dir, ok := m.run.In[role]
		if !ok {
			continue
		}
		hits, err := parquet.ReadFile[Hit](filepath.Join(dir, hitsFile))
		if err != nil {
			return nil, err
		}
		lists = append(lists, splitHits(hits, len(m.queries), m.p)...)
	}
	if len(lists) == 0 {
		return nil, errors.New("no hits are given")
	}
	return lists, nil
}

// splitHits groups hits into one list a query, or one a class, and cuts each at K times overfetch.
func splitHits(hits []Hit, numQueries int, p PairsParams) []hitList {
	depth := p.K * p.Overfetch
	byQuery := make([]hitList, numQueries)
	for _, h := range hits {
		if int(h.Rank) <= depth {
			byQuery[h.Query].class = h.Class
			byQuery[h.Query].hits = append(byQuery[h.Query].hits, h)
		}
	}
	if p.Per != "class" {
		return byQuery
	}
	return mergeClasses(byQuery, depth)
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

// distinct keeps the first K hits of a list whose image can be read and, with dedup, is new to the list; ranks are counted again.
func (m *maker) distinct(l *hitList, meta map[int64]embeddings.Meta) error {
	seen := map[string]bool{}
	var kept []Hit
	for _, h := range l.hits {
		if len(kept) == m.p.K {
			break
		}
		id, err := m.images.identity(meta[h.Row])
		if err != nil {
			return err
		}
		switch {
		case id == "":
			continue
		case m.p.Dedup && seen[id]:
			m.counts.Repeats++
			continue
		}
		seen[id] = true
		h.Rank = int32(len(kept) + 1)
		kept = append(kept, h)
	}
	m.counts.Wanted += m.p.K
	m.counts.Shortfall += m.p.K - len(kept)
	l.hits = kept
	return nil
}

// union lays the lists side by side and reads them rank by rank; a row, or with dedup an image, that stands there already only gains a reason.
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
			id := m.images.known(meta[h.Row])
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
			out[i].Found = append(out[i].Found, found)
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

// ReadPairs reads the pairs of a finished pairs stage, in rank order.
func ReadPairs(dir string) ([]Pair, error) {
	name := filepath.Join(dir, pairsFile)
	list, err := parquet.ReadFile[Pair](name)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", name, err)
	}
	return list, nil
}
