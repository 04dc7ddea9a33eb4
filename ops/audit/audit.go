// Package audit holds the evaluations of the pairs themselves: what came of retrieval (audit) and
// how classes fare in it (balance).
package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/shards"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/modality"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/pools"
	"react/ops/retrieve"
)

// Params are the params of audit.
type Params struct {
	// of a generated pool whose class names are the task's; empty: the outside file
	Set        string  `json:"set,omitempty"`
	Depth      int     `json:"depth"` // hits of a query that the trial reads
	LeakHash   *int    `json:"leakHash,omitempty"`
	LeakCosine float64 `json:"leakCosine,omitempty"`
	MaxBad     int     `json:"maxBad,omitempty"`
}

// Audit is audit.json: what came of retrieval, for each class and between classes.
type Audit struct {
	Pairs   int     `json:"pairs"`
	Overlap float64 `json:"overlap"` // pairs found for several classes, share
	// pairs whose caption holds the name of a class they were found for, share
	NameRate float64 `json:"nameRate"`
	// candidates whose image is in no shard, share of the rows that hits name
	Dead float64 `json:"dead"`
	// pairs in the dataset, by measure; "any" is by one or more
	Leaks map[string]int `json:"leaks"`
	// of hits that brought pairs in, by modality
	Scores  map[string]metric.Quantiles `json:"scores"`
	Recall  []IndexRecall               `json:"recall"`
	Classes []ClassAudit                `json:"classes"`
	// classes that have pairs in common, most first; all others have none
	Shared []SharedPairs `json:"shared"`
}

// ClassAudit is what was retrieved for a class.
type ClassAudit struct {
	Class     string  `json:"class"`
	Pairs     int     `json:"pairs"`
	Own       int     `json:"own"`       // found for no other class
	NameRate  float64 `json:"nameRate"`  // of Pairs
	Precision float64 `json:"precision"` // of Pairs, with its label, where the pool knows labels
	Leaks     int     `json:"leaks"`
	Score     float64 `json:"score"` // median of the best hit of each pair
}

// SharedPairs is one entry of the overlap matrix.
type SharedPairs struct {
	A     string `json:"a"`
	B     string `json:"b"`
	Pairs int    `json:"pairs"`
}

// IndexRecall is what an index found of the exact hits.
type IndexRecall struct {
	By         string  `json:"by"`
	Depth      int     `json:"depth"`
	Recall     float64 `json:"recall"` // mean over queries
	Worst      float64 `json:"worst"`  // the least mean of a class
	WorstClass string  `json:"worstClass"`
}

const auditFile = "audit.json"

// Op says what was retrieved: recall of the index with the trial's own queries against a pass over
// all embeddings, the balance of the classes, and which pairs are in an evaluation set, whether or
// not a guard looked for them. In: "pairs", "embeddings", "fingerprint"; where pairs were retrieved
// "hits.t2t", "hits.t2i", "hits.text-match", "queries", "classes", optional "synonyms"; optional
// "filter" and "pool". Out: audit.json, rows.jsonl.
//
//	1: first
//	2: JPEGs of odd subsampling are read
var Op = op.Define(2, "audit", runAudit,
	op.Says[Params](op.NoWork, op.SameParams, op.NoMemory, op.NoCheck))

type auditor struct {
	run     *op.Run
	p       Params
	folder  *embeddings.Folder
	classes []string
	pairs   []pairs.Pair
	report  pairs.PairsReport
	out     Audit
	leaks   map[int64][]pairs.Likeness
	images  *pairs.ImageProbe
}

func runAudit(ctx context.Context, run *op.Run, p Params) error {
	a, err := openAuditor(ctx, run, p)
	if err != nil {
		return err
	}
	defer a.folder.Close()
	for _, step := range []func(context.Context) error{a.findLeaks, a.balance, a.findDead, a.recall} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := run.WriteJSON(auditFile, a.out); err != nil {
		return err
	}
	return run.WriteRows(a.rows())
}

func openAuditor(ctx context.Context, run *op.Run, p Params) (*auditor, error) {
	dir, err := run.Input("pairs")
	if err != nil {
		return nil, err
	}
	a := &auditor{run: run, p: p, out: Audit{Leaks: map[string]int{}, Scores: map[string]metric.Quantiles{}}}
	if a.pairs, err = pairs.Read(dir); err != nil {
		return nil, err
	}
	a.out.Pairs = len(a.pairs)
	if err := op.ReadJSON(filepath.Join(dir, pairs.ReportFile), &a.report); err != nil {
		return nil, err
	}
	if _, ok := run.In["queries"]; ok {
		if a.classes, err = embed.Classes(run, p.Set); err != nil {
			return nil, err
		}
	}
	if a.images, err = pairs.NewImageProbe(ctx, run, p.MaxBad); err != nil {
		return nil, err
	}
	a.images.Hashed = true
	a.folder, err = run.Embeddings()
	return a, err
}

// findLeaks compares the pairs with the test images by every measure there is.
func (a *auditor) findLeaks(ctx context.Context) error {
	dir, err := a.run.Input("fingerprint")
	if err != nil {
		return err
	}
	g, err := pairs.NewGuard(map[string]string{"set": dir}, a.p.LeakHash, a.p.LeakCosine)
	if err != nil {
		return err
	}
	suspects := make([]pairs.Suspect, len(a.pairs))
	for i, pair := range a.pairs {
		suspects[i] = pairs.Suspect{Index: pair.Index, Caption: pair.Caption}
		if a.images.Set == nil {
			continue
		}
		meta := embeddings.Meta{Key: pair.Key, URL: pair.URL, Caption: pair.Caption, Row: pair.Row}
		if !hasImage(a.images.Set, meta) { // see ImageOf
			meta.Caption = ""
		}
		if suspects[i].File, err = a.images.Identity(meta); err != nil {
			return err
		}
		suspects[i].Hash, suspects[i].Hashed = a.images.Hash(meta)
	}
	image, err := a.folder.Image()
	if err != nil {
		a.run.Warn("the pool has no image embeddings: leaks are not looked for by cosine")
		image = nil
	}
	if a.leaks, err = g.Look(ctx, image, suspects); err != nil {
		return err
	}
	for _, ways := range a.leaks {
		a.out.Leaks["any"]++
		for _, l := range ways {
			a.out.Leaks[l.By]++
		}
	}
	return a.writeLeaks(g)
}

// writeLeaks names the pairs that are in the dataset, for who wants to look at them.
func (a *auditor) writeLeaks(g *pairs.Guard) error {
	var list []pairs.Passed
	for _, pair := range a.pairs {
		for _, l := range a.leaks[pair.Index] {
			list = append(list, pairs.Passed{Index: pair.Index, Row: pair.Row, Key: pair.Key, Why: pairs.Leak, By: l.By, Of: g.Names[l.Of], Value: l.Value})
		}
	}
	if len(list) == 0 {
		return nil
	}
	return parquet.WriteFile(a.run.Path(pairs.PassedFile), list)
}

// balance fills in the classes, what they share, and the scores.
func (a *auditor) balance(context.Context) error {
	names, err := embed.Names(a.run, a.classes)
	if err != nil {
		return err
	}
	matcher, class := retrieve.NewNameMatcher(names), map[string]int{}
	for i, name := range a.classes {
		class[name] = i
	}
	a.out.Classes = make([]ClassAudit, len(a.classes))
	scores, best := map[string][]float64{}, make([][]float64, len(a.classes))
	shared := map[[2]int]int{}
	overlap, named := 0, 0
	for _, pair := range a.pairs {
		of := map[int]float64{} // class → score of its first hit
		for _, f := range pair.Found {
			scores[f.Modality] = append(scores[f.Modality], float64(f.Score))
			if _, ok := of[class[f.Class]]; !ok {
				of[class[f.Class]] = float64(f.Score)
			}
		}
		holds := map[int]bool{}
		for _, m := range matcher.Match(pair.Caption) {
			holds[m.Class] = true
		}
		byName := false
		classes := slices.Sorted(maps.Keys(of))
		for i, c := range classes {
			a.count(&a.out.Classes[c], pair, a.classes[c], holds[c], len(classes) == 1)
			best[c] = append(best[c], of[c])
			byName = byName || holds[c]
			for _, other := range classes[i+1:] {
				shared[[2]int{c, other}]++
			}
		}
		if byName {
			named++
		}
		if len(classes) > 1 {
			overlap++
		}
	}
	a.out.Overlap, a.out.NameRate = metric.Share(overlap, len(a.pairs)), metric.Share(named, len(a.pairs))
	for i := range a.out.Classes {
		c := &a.out.Classes[i]
		c.Class, c.NameRate, c.Precision = a.classes[i], c.NameRate/float64(max(1, c.Pairs)), c.Precision/float64(max(1, c.Pairs))
		c.Score = metric.QuantilesOf(best[i]).Median
	}
	for modality, of := range scores {
		a.out.Scores[modality] = metric.QuantilesOf(of)
	}
	a.out.Shared = sharedPairs(shared, a.classes)
	return nil
}

// count adds a pair to a class.
func (a *auditor) count(c *ClassAudit, pair pairs.Pair, class string, named, own bool) {
	c.Pairs++
	if own {
		c.Own++
	}
	if named {
		c.NameRate++
	}
	if pair.Label == class {
		c.Precision++
	}
	if len(a.leaks[pair.Index]) > 0 {
		c.Leaks++
	}
}

// sharedPairs lists the pairs of classes that have pairs in common.
func sharedPairs(shared map[[2]int]int, classes []string) []SharedPairs {
	var list []SharedPairs
	for _, ab := range slices.SortedFunc(maps.Keys(shared), func(x, y [2]int) int {
		return cmp.Or(cmp.Compare(shared[y], shared[x]), slices.Compare(x[:], y[:]))
	}) {
		list = append(list, SharedPairs{classes[ab[0]], classes[ab[1]], shared[ab]})
	}
	return list
}

// findDead counts the rows that hits name and that have no image in the shards: dead links, or
// never fetched.
func (a *auditor) findDead(ctx context.Context) error {
	if a.images.Set == nil {
		return nil
	}
	want := map[int64]bool{}
	for _, by := range modality.Names() {
		hits, err := a.hits(by)
		if err != nil {
			return err
		}
		for _, h := range hits {
			want[h.Row] = true
		}
	}
	gone := 0
	err := pools.EachMeta(ctx, a.folder, func(i int64, meta embeddings.Meta) error {
		if !want[i] {
			return nil
		}
		if !hasImage(a.images.Set, meta) {
			gone++
		}
		return nil
	})
	a.out.Dead = metric.Share(gone, len(want))
	return err
}

func hasImage(set *shards.Set, meta embeddings.Meta) bool {
	_, ok := set.Match(meta.Key, meta.URL, meta.Caption)
	return ok
}

// hits are those of a modality that the trial reads; none where it does not ask it.
func (a *auditor) hits(by string) ([]retrieve.Hit, error) {
	dir, ok := a.run.In[modality.Of(by).Hits()]
	if !ok {
		return nil, nil
	}
	hits, err := op.ReadTable[retrieve.Hit](filepath.Join(dir, retrieve.HitsFile))
	return slices.DeleteFunc(hits, func(h retrieve.Hit) bool { return int(h.Rank) > a.p.Depth }), err
}

// recall compares the hits of each modality with an exact pass.
func (a *auditor) recall(ctx context.Context) error {
	for _, m := range modality.Searched() {
		by := m.Name
		hits, err := a.hits(by)
		if err != nil {
			return err
		}
		if hits == nil {
			continue
		}
		point, depth, err := retrieve.RecallOf(ctx, a.run, by, a.p.Depth, hits)
		if err != nil {
			return fmt.Errorf("%s: %w", by, err)
		}
		a.out.Recall = append(a.out.Recall, IndexRecall{By: by, Depth: depth, Recall: point.Recall, Worst: point.Worst, WorstClass: point.WorstClass})
	}
	return nil
}

// rows are what tables can show. N stays 0: tables say of N that it is test images. Where nothing
// was found for classes, as by the random control, there is nothing to say of them.
func (a *auditor) rows() []op.MetricRow {
	var rows []op.MetricRow
	add := func(metric string, value float64) { rows = append(rows, op.MetricRow{Metric: metric, Value: value}) }
	add("unique", float64(len(a.pairs)))
	add("shortfall", metric.Share(a.report.Shortfall, a.report.Wanted))
	if a.report.Found > 0 {
		var sizes []float64
		for _, c := range a.out.Classes {
			sizes = append(sizes, float64(c.Pairs))
		}
		of := metric.QuantilesOf(sizes)
		add("class-least", of.Least)
		add("class-median", of.Median)
		add("overlap", a.out.Overlap)
		add("name-rate", a.out.NameRate)
	}
	if a.report.Labelled && a.report.Found > 0 {
		add("precision", a.report.Precision)
	}
	add("dead", a.out.Dead)
	add("near", float64(a.report.Near))
	add("collisions", float64(a.report.Lost))
	add("leaks", float64(a.out.Leaks["any"]))
	for _, by := range []string{"file", "hash", "cosine", "caption"} {
		add("leaks-"+by, float64(a.out.Leaks[by]))
	}
	for _, r := range a.out.Recall {
		add(r.By+"-recall", r.Recall)
		add(r.By+"-recall-worst", r.Worst)
	}
	for _, m := range modality.Searched() {
		by := m.Name
		if s, ok := a.out.Scores[by]; ok {
			add(by+"-score", s.Median)
			add(by+"-score-q25", s.Q25)
			add(by+"-score-q75", s.Q75)
		}
	}
	for _, c := range a.out.Classes {
		if a.report.Found == 0 {
			break
		}
		rows = append(rows, op.MetricRow{Metric: "pairs", Value: float64(c.Pairs), Class: c.Class}, op.MetricRow{Metric: "name-rate", Value: c.NameRate, Class: c.Class},
			op.MetricRow{Metric: "leaks", Value: float64(c.Leaks), Class: c.Class})
	}
	return rows
}

// Read reads the output of audit.
func Read(dir string) (Audit, error) {
	var a Audit
	err := op.ReadJSON(filepath.Join(dir, auditFile), &a)
	return a, err
}
