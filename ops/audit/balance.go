package audit

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"react/data/embeddings"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/modality"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/pools"
	"react/ops/retrieve"
)

// BalanceParams are the params of balance; K, Per and Fuse are those of the pairs.
type BalanceParams struct {
	// of a generated pool whose class names are the task's; empty: the outside file
	Set   string `json:"set,omitempty"`
	Depth int    `json:"depth"` // hits of a query that the trial reads
	K     int    `json:"k"`
	Per   string `json:"per"`
	Fuse  string `json:"fuse,omitempty"`
}

// Balance is balance.json: how the classes share what was retrieved.
type Balance struct {
	Classes []ClassBalance `json:"classes"`
	// the overlap matrix: classes that have pairs in common, most first; all others have none
	Shared []SharedPairs `json:"shared"`
}

// ClassBalance is what was retrieved for a class. Shares are fractions.
type ClassBalance struct {
	Class string `json:"class"`
	Pairs int    `json:"pairs"`
	Own   int    `json:"own"` // found for no other class
	// that K asks for, over the class's lists
	Places int `json:"places"`
	// of Places: nothing was found, could be read, or was good enough
	Shortfall float64 `json:"shortfall"`
	// of Pairs: the caption holds a name of the class
	NameRate   float64  `json:"nameRate"`
	Precision  *float64 `json:"precision,omitempty"`
	Candidates int      `json:"candidates"` // rows that its hits name
	// of Candidates: no image in the shards
	Dead   float64        `json:"dead"`
	DeadBy map[string]int `json:"deadBy,omitempty"`
	// of its hits that brought pairs in, by modality
	Scores map[string]metric.Quantiles `json:"scores"`
	scores map[string][]float64
}

const balanceFile = "balance.json"

// mostShared is how many classes the rows of the overlap matrix have, those that share most: a
// figure of more cannot be read. balance.json has all.
const mostShared = 12

// BalanceOp says how the classes share what was retrieved, class by class: pairs, overlap, scores,
// places that stayed empty, captions that hold the name, and candidates without an image, by what
// img2dataset's parquet beside the shards says of them. In: "pairs", "embeddings", "queries";
// "hits.t2t", "hits.t2i", "hits.text-match", "classes", optional "synonyms", optional "pool". Out:
// balance.json, rows.jsonl, all of single classes.
//
//	1: first
//	2: JPEGs of odd subsampling are read
var BalanceOp = op.Define(2, "balance", runBalance,
	op.Says[BalanceParams](op.NoWork, op.SameParams, op.NoMemory, op.NoCheck))

type balancer struct {
	run     *op.Run
	p       BalanceParams
	classes []string
	index   map[string]int
	pairs   []pairs.Pair
	out     Balance
}

func runBalance(ctx context.Context, run *op.Run, p BalanceParams) error {
	b := &balancer{run: run, p: p, index: map[string]int{}}
	dir, err := run.Input("pairs")
	if err != nil {
		return err
	}
	if b.pairs, err = pairs.Read(dir); err != nil {
		return err
	}
	if b.classes, err = embed.Classes(run, p.Set); err != nil {
		return err
	}
	b.out.Classes = make([]ClassBalance, len(b.classes))
	for i, name := range b.classes {
		b.index[name] = i
		b.out.Classes[i] = ClassBalance{Class: name, Scores: map[string]metric.Quantiles{}, scores: map[string][]float64{}}
	}
	for _, step := range []func(context.Context) error{b.places, b.count, b.dead} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := run.WriteJSON(balanceFile, b.out); err != nil {
		return err
	}
	return run.WriteRows(b.rows())
}

// places counts the lists of each class: one a modality for each of its queries, or one for all of
// them; fused modalities are one.
func (b *balancer) places(context.Context) error {
	dir, err := b.run.Input("queries")
	if err != nil {
		return err
	}
	queries, err := op.ReadTable[embed.Query](filepath.Join(dir, embed.QueriesFile))
	if err != nil {
		return err
	}
	asked := make([]int, len(b.classes))
	for _, q := range queries {
		if int(q.Index) >= len(asked) {
			return fmt.Errorf("query %q is of class %d, and there are %d", q.Query, q.Index, len(asked))
		}
		asked[q.Index]++
	}
	lists, matched := 0, false
	for _, m := range modality.All() {
		_, ok := b.run.In[m.Hits()]
		switch {
		case ok && m.ByClass:
			matched = true
		case ok:
			lists++
		}
	}
	for c := range b.out.Classes {
		n := lists * asked[c]
		if b.p.Per == "class" {
			n = lists
		}
		if matched {
			n++
		}
		if b.p.Fuse != "" {
			n = max(1, asked[c])
			if b.p.Per == "class" || matched {
				n = 1
			}
		}
		b.out.Classes[c].Places = n * b.p.K
	}
	return nil
}

// count goes through the pairs.
func (b *balancer) count(context.Context) error {
	names, err := embed.Names(b.run, b.classes)
	if err != nil {
		return err
	}
	matcher := retrieve.NewNameMatcher(names)
	filled, named, right, labelled := make([]int, len(b.classes)), make([]int, len(b.classes)), make([]int, len(b.classes)), false
	shared := map[[2]int]int{}
	for _, pair := range b.pairs {
		holds := map[int]bool{}
		for _, m := range matcher.Match(pair.Caption) {
			holds[m.Class] = true
		}
		labelled = labelled || pair.Label != ""
		of := b.found(pair, filled)
		for i, c := range of {
			class := &b.out.Classes[c]
			class.Pairs++
			if len(of) == 1 {
				class.Own++
			}
			if holds[c] {
				named[c]++
			}
			if pair.Label == class.Class {
				right[c]++
			}
			for _, other := range of[i+1:] {
				shared[[2]int{c, other}]++
			}
		}
	}
	for c := range b.out.Classes {
		class := &b.out.Classes[c]
		class.NameRate, class.Shortfall = metric.Share(named[c], class.Pairs), metric.Share(max(0, class.Places-filled[c]), class.Places)
		if labelled && class.Pairs > 0 {
			precision := metric.Share(right[c], class.Pairs)
			class.Precision = &precision
		}
		for modality, scores := range class.scores {
			class.Scores[modality] = metric.QuantilesOf(scores)
		}
	}
	b.out.Shared = sharedPairs(shared, b.classes)
	return nil
}

// found gives the classes that a pair was found for, in order, and counts the places that it fills
// and its scores. Of a fused list the hits that it was made of fill no place.
func (b *balancer) found(pair pairs.Pair, filled []int) []int {
	var of []int
	for _, f := range pair.Found {
		c, ok := b.index[f.Class]
		if !ok {
			continue
		}
		if !slices.Contains(of, c) {
			of = append(of, c)
		}
		if b.p.Fuse == "" || f.Modality == b.p.Fuse {
			filled[c]++
		}
		b.out.Classes[c].scores[f.Modality] = append(b.out.Classes[c].scores[f.Modality], float64(f.Score))
	}
	slices.Sort(of)
	return of
}

// dead looks for the images of all candidates.
func (b *balancer) dead(ctx context.Context) error {
	wanted := map[int64][]int{} // row → classes
	for _, role := range modality.HitRoles() {
		dir, ok := b.run.In[role]
		if !ok {
			continue
		}
		hits, err := op.ReadTable[retrieve.Hit](filepath.Join(dir, retrieve.HitsFile))
		if err != nil {
			return err
		}
		for _, h := range hits {
			if c := int(h.Class); int(h.Rank) <= b.p.Depth && c < len(b.classes) && !slices.Contains(wanted[h.Row], c) {
				wanted[h.Row] = append(wanted[h.Row], c)
				b.out.Classes[c].Candidates++
			}
		}
	}
	images, err := pairs.NewImageProbe(ctx, b.run, len(wanted))
	if err != nil || images.Set == nil {
		return err
	}
	folder, err := b.run.Embeddings()
	if err != nil {
		return err
	}
	defer folder.Close()
	folder.MaxBad = int(folder.Rows()) // stages counted them
	gone := map[string][]int{}         // URL → classes
	goneOf := make([]int, len(b.classes))
	err = pools.EachMeta(ctx, folder, func(row int64, meta embeddings.Meta) error {
		if of := wanted[row]; len(of) > 0 && !hasImage(images.Set, meta) {
			gone[meta.URL] = append(gone[meta.URL], of...)
			for _, c := range of {
				goneOf[c]++
			}
		}
		return nil
	})
	for c := range b.out.Classes {
		b.out.Classes[c].Dead = metric.Share(goneOf[c], b.out.Classes[c].Candidates)
	}
	if err != nil || len(gone) == 0 {
		return err
	}
	return b.causes(images.Set.Shards(), gone)
}

// notFetched is the cause of a dead candidate of which no parquet beside the shards tells.
const notFetched = "never fetched"

// causes reads what became of addresses from the parquet files that img2dataset, and fetch here,
// leave beside their shards.
func (b *balancer) causes(shards []string, gone map[string][]int) error {
	said := map[string]string{}
	err := pools.FetchStates(shards, func(url, status, message string) {
		if _, ok := gone[url]; ok && status != "success" {
			said[url] = cmp.Or(message, status)
		}
	})
	if err != nil {
		return err
	}
	for url, of := range gone {
		cause := cmp.Or(said[url], notFetched)
		for _, c := range of {
			class := &b.out.Classes[c]
			if class.DeadBy == nil {
				class.DeadBy = map[string]int{}
			}
			class.DeadBy[numbers.ReplaceAllStringFunc(cause, keepStatus)]++
		}
	}
	return nil
}

var numbers = regexp.MustCompile(`[0-9]+`)

// keepStatus leaves HTTP's status codes, which name a cause, and makes other numbers one.
func keepStatus(number string) string {
	if len(number) == 3 {
		return number
	}
	return "N"
}

// rows are what tables show, each of a class.
func (b *balancer) rows() []op.MetricRow {
	var rows []op.MetricRow
	for _, c := range b.out.Classes {
		add := func(metric string, value float64) {
			rows = append(rows, op.MetricRow{Metric: metric, Value: value, Class: c.Class})
		}
		add("pairs", float64(c.Pairs))
		add("own", float64(c.Own))
		add("overlap", metric.Share(c.Pairs-c.Own, c.Pairs))
		add("shortfall", c.Shortfall)
		add("name-rate", c.NameRate)
		add("dead", c.Dead)
		if c.Precision != nil {
			add("precision", *c.Precision)
		}
		for _, by := range append(modality.Names(), "sum", "rrf") {
			if s, ok := c.Scores[by]; ok {
				add(by+"-score", s.Median)
				add(by+"-score-q25", s.Q25)
				add(by+"-score-q75", s.Q75)
			}
		}
	}
	return append(rows, b.sharedRows()...)
}

// sharedRows are the overlap matrix of the classes that share most, with their pairs on the
// diagonal.
func (b *balancer) sharedRows() []op.MetricRow {
	total := make([]int, len(b.classes))
	matrix := map[[2]int]int{}
	for _, s := range b.out.Shared {
		x, y := b.index[s.A], b.index[s.B]
		total[x], total[y] = total[x]+s.Pairs, total[y]+s.Pairs
		matrix[[2]int{x, y}], matrix[[2]int{y, x}] = s.Pairs, s.Pairs
	}
	order := make([]int, len(b.classes))
	for c := range order {
		order[c] = c
		matrix[[2]int{c, c}] = b.out.Classes[c].Pairs
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(total[y], total[x]) })
	var rows []op.MetricRow
	order = order[:min(mostShared, len(order))]
	for _, x := range order {
		for _, y := range order {
			rows = append(rows, op.MetricRow{Metric: "common", Value: float64(matrix[[2]int{x, y}]), Class: b.classes[x], Other: b.classes[y]})
		}
	}
	return rows
}
