package pairs

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"react/data/embeddings"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/pools"
	"react/ops/retrieve"
)

// eachMeta streams the metadata of the rows that are alive.
func (m *maker) eachMeta(ctx context.Context, fn func(i int64, row embeddings.Meta) error) error {
	return pools.EachMeta(ctx, m.folder, func(i int64, row embeddings.Meta) error {
		if !m.alive.Has(i) {
			return nil
		}
		return fn(i, row)
	})
}

// wholePool is the control that goes on training on everything, in row order.
func (m *maker) wholePool(ctx context.Context) ([]Pair, error) {
	var out []Pair
	var block []indexed
	flush := func() error {
		err := m.screenRows(ctx, block)
		for _, row := range block {
			if m.passed[row.at].Why != Leak && err == nil {
				out = append(out, m.pair(row.meta, row.at))
			}
		}
		block = block[:0]
		return err
	}
	err := m.eachMeta(ctx, func(i int64, row embeddings.Meta) error {
		id, err := m.images.Identity(row)
		if err != nil || id == "" {
			return err
		}
		if block = append(block, indexed{i, row}); len(block) < guardBlock {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return out, err
}

// screenRows finds the leaks among rows that were not retrieved.
func (m *maker) screenRows(ctx context.Context, rows []indexed) error {
	if m.guard == nil || len(rows) == 0 {
		return nil
	}
	var suspects []Suspect
	meta := map[int64]embeddings.Meta{}
	for _, row := range rows {
		id, err := m.images.Identity(row.meta)
		if err != nil {
			return err
		}
		if id != "" {
			meta[row.at] = row.meta
			suspects = append(suspects, m.suspect(row.at, row.meta))
		}
	}
	return m.findLeaks(ctx, suspects, meta)
}

// indexed is a metadata row with its place in the folder.
type indexed struct {
	at   int64
	meta embeddings.Meta
}

// control gives up to n pairs that were not retrieved: a seeded choice of the rows that qualify,
// each image once, spread evenly over the classes where rows belong to classes.
func (m *maker) control(ctx context.Context, n int) ([]Pair, error) {
	qualifies, err := m.qualifier()
	if err != nil {
		return nil, err
	}
	groups := make([][]indexed, max(1, len(m.classes)))
	err = m.eachMeta(ctx, func(i int64, row embeddings.Meta) error {
		for _, c := range qualifies(row) {
			groups[c] = append(groups[c], indexed{i, row})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for c := range groups {
		rng := rand.New(rand.NewPCG(uint64(m.p.Seed), uint64(m.p.Draw)<<32|uint64(c)))
		rng.Shuffle(len(groups[c]), func(i, j int) { groups[c][i], groups[c][j] = groups[c][j], groups[c][i] })
	}
	return m.spread(ctx, groups, n)
}

// qualifier gives the classes that a row may stand for; the random control has one group for all.
func (m *maker) qualifier() (func(embeddings.Meta) []int, error) {
	switch m.p.Source {
	case "random":
		return func(embeddings.Meta) []int { return []int{0} }, nil
	case "oracle":
		class := map[string]int{}
		for i, name := range m.classes {
			class[name] = i
		}
		return func(row embeddings.Meta) []int {
			if c, ok := class[row.Label]; ok {
				return []int{c}
			}
			return nil
		}, nil
	case "caption-match":
		return captionMatcher(m.classes), nil
	}
	return nil, fmt.Errorf("source %q is none of retrieved, random, caption-match, oracle, pool", m.p.Source)
}

// captionMatcher finds class names in captions as whole words, letter case aside.
func captionMatcher(classes []string) func(embeddings.Meta) []int {
	matcher := retrieve.NewNameMatcher(embed.OwnNames(classes))
	return func(row embeddings.Meta) []int {
		var found []int
		for _, m := range matcher.Match(row.Caption) {
			found = append(found, m.Class)
		}
		return found
	}
}

// spread takes one row of each group in turn until n distinct rows (with dedup, images) are taken
// or all groups are empty. Leaks are looked for some rows ahead, and no row is taken that nearly
// repeats one that was.
func (m *maker) spread(ctx context.Context, groups [][]indexed, n int) ([]Pair, error) {
	var out []Pair
	// rows that were looked at
	taken, ahead := &takenImages{ids: map[string]bool{}}, make([]int, len(groups))
	if m.p.NearHash != nil {
		taken.hashes = newHashTable(*m.p.NearHash)
	}
	for len(out) < n {
		left := false
		for c := range groups {
			for len(groups[c]) > 0 && len(out) < n {
				if ahead[c] == 0 {
					ahead[c] = min(len(groups[c]), aheadRows)
					if err := m.screenRows(ctx, groups[c][:ahead[c]]); err != nil {
						return nil, err
					}
				}
				next := groups[c][0]
				groups[c], ahead[c] = groups[c][1:], ahead[c]-1
				left = true
				ok, err := m.take(next, taken)
				if err != nil {
					return nil, err
				}
				if ok {
					out = append(out, m.controlPair(next, c))
					break
				}
			}
		}
		if !left {
			break
		}
	}
	return out, nil
}

// aheadRows is how many rows of a group are looked at for leaks together.
const aheadRows = 64

// takenImages are the images that a control has.
type takenImages struct {
	ids     map[string]bool
	hashes  *hashTable // nil: near hashes are no matter
	vectors []float32  // where embeddings are compared
}

func (m *maker) take(row indexed, taken *takenImages) (bool, error) {
	id, err := m.images.Identity(row.meta)
	if err != nil || id == "" || m.passed[row.at].Why == Leak {
		return false, err
	}
	if !m.p.Dedup {
		id = fmt.Sprint(row.at)
	}
	if taken.ids[id] {
		return false, nil
	}
	if repeats, err := m.repeats(row, taken); err != nil || repeats {
		return false, err
	}
	taken.ids[id] = true
	return true, nil
}

// repeats says whether a row nearly repeats one that was taken, and remembers it if not.
func (m *maker) repeats(row indexed, taken *takenImages) (bool, error) {
	hash, hashed := m.images.Hash(row.meta)
	if taken.hashes != nil && hashed {
		if _, _, near := taken.hashes.nearest(hash); near {
			m.counts.Near++
			return true, nil
		}
	}
	var vector []float32
	if m.p.NearCosine > 0 {
		image, err := m.folder.Image()
		if err != nil {
			return false, fmt.Errorf("nearCosine: %w", err)
		}
		vector = make([]float32, image.Dim())
		if err := image.Row(row.at, vector); err != nil {
			return false, err
		}
		for i := 0; i < len(taken.vectors); i += len(vector) {
			if blas.Inner(vector, taken.vectors[i:i+len(vector)]) >= m.p.NearCosine {
				m.counts.Near++
				return true, nil
			}
		}
	}
	taken.vectors = append(taken.vectors, vector...)
	if taken.hashes != nil && hashed {
		taken.hashes.add(hash, 0)
	}
	return false, nil
}

func (m *maker) controlPair(row indexed, class int) Pair {
	pair := m.pair(row.meta, row.at)
	if m.p.Source == "random" {
		return pair
	}
	pair.Found = []Found{{Class: m.classes[class], Modality: m.p.Source}}
	if m.p.Source == "oracle" && row.meta.Truth != "" {
		pair.Caption = row.meta.Truth
	}
	return pair
}

// mergeClasses joins the lists of a class's prompts: each row with its best score, score down, then
// row up, cut at depth.
func mergeClasses(byQuery []hitList, depth int) []hitList {
	best := map[int32]map[int64]candidate{}
	cut := map[int32]bool{}
	var order []int32
	for _, l := range byQuery {
		if best[l.class] == nil && (len(l.hits) > 0 || l.cut) {
			best[l.class] = map[int64]candidate{}
			order = append(order, l.class)
		}
		cut[l.class] = cut[l.class] || l.cut
		for _, h := range l.hits {
			if old, ok := best[l.class][h.Row]; !ok || h.Score > old.Score {
				best[l.class][h.Row] = h
			}
		}
	}
	slices.Sort(order)
	lists := make([]hitList, 0, len(order))
	for _, class := range order {
		l := hitList{class: class, cut: cut[class]}
		for _, h := range best[class] {
			l.hits = append(l.hits, h)
		}
		slices.SortFunc(l.hits, byScore)
		l.hits = l.hits[:min(depth, len(l.hits))]
		lists = append(lists, l)
	}
	return lists
}

// byScore orders candidates: score down, then row up.
func byScore(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
}
