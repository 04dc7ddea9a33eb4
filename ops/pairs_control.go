package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"react/data/embeddings"
)

// eachMeta streams the metadata of the rows that are alive.
func (m *maker) eachMeta(ctx context.Context, fn func(i int64, row embeddings.Meta) error) error {
	return eachMeta(ctx, m.folder, func(i int64, row embeddings.Meta) error {
		if !m.alive.Has(i) {
			return nil
		}
		return fn(i, row)
	})
}

// eachMeta streams a folder's metadata in row order.
func eachMeta(ctx context.Context, folder *embeddings.Folder, fn func(i int64, row embeddings.Meta) error) error {
	reader, err := folder.Meta(ctx)
	if err != nil {
		return err
	}
	defer reader.Close()
	for i := int64(0); ; i++ {
		row, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(i, row); err != nil {
			return err
		}
	}
}

// wholePool is the control that goes on training on everything, in row order.
func (m *maker) wholePool(ctx context.Context) ([]Pair, error) {
	var out []Pair
	err := m.eachMeta(ctx, func(i int64, row embeddings.Meta) error {
		id, err := m.images.identity(row)
		if id != "" {
			out = append(out, m.pair(row, i))
		}
		return err
	})
	return out, err
}

// indexed is a metadata row with its place in the folder.
type indexed struct {
	at   int64
	meta embeddings.Meta
}

// control gives up to n pairs that were not retrieved: a seeded choice of the rows that qualify, each image once, spread evenly over the
// classes where rows belong to classes.
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
		rng := rand.New(rand.NewPCG(uint64(m.p.Seed), uint64(c)))
		rng.Shuffle(len(groups[c]), func(i, j int) { groups[c][i], groups[c][j] = groups[c][j], groups[c][i] })
	}
	return m.spread(groups, n)
}

// qualifier gives the classes that a row may stand for; the random control has one group for all.
func (m *maker) qualifier() (func(embeddings.Meta) []int, error) {
	switch m.p.Control {
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
	return nil, fmt.Errorf("control %q is none of none, random, caption-match, oracle, continued", m.p.Control)
}

// captionMatcher finds class names in captions as whole words, letter case aside.
func captionMatcher(classes []string) func(embeddings.Meta) []int {
	patterns := make([]*regexp.Regexp, len(classes))
	lower := make([]string, len(classes))
	for i, name := range classes {
		lower[i] = strings.ToLower(name)
		patterns[i] = regexp.MustCompile(`(^|[^\pL\pN])` + regexp.QuoteMeta(lower[i]) + `($|[^\pL\pN])`)
	}
	return func(row embeddings.Meta) []int {
		caption := strings.ToLower(row.Caption)
		var found []int
		for i, name := range lower {
			if strings.Contains(caption, name) && patterns[i].MatchString(caption) {
				found = append(found, i)
			}
		}
		return found
	}
}

// spread takes one row of each group in turn until n distinct rows (with dedup, images) are taken or all groups are empty.
func (m *maker) spread(groups [][]indexed, n int) ([]Pair, error) {
	var out []Pair
	taken := map[string]bool{}
	for len(out) < n {
		left := false
		for c := range groups {
			for len(groups[c]) > 0 && len(out) < n {
				next := groups[c][0]
				groups[c] = groups[c][1:]
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

func (m *maker) take(row indexed, taken map[string]bool) (bool, error) {
	id, err := m.images.identity(row.meta)
	if err != nil || id == "" {
		return false, err
	}
	if !m.p.Dedup {
		id = fmt.Sprint(row.at)
	}
	if taken[id] {
		return false, nil
	}
	taken[id] = true
	return true, nil
}

func (m *maker) controlPair(row indexed, class int) Pair {
	pair := m.pair(row.meta, row.at)
	if m.p.Control == "random" {
		return pair
	}
	pair.Found = []Found{{Class: m.classes[class], Modality: m.p.Control}}
	if m.p.Control == "oracle" && row.meta.Truth != "" {
		pair.Caption = row.meta.Truth
	}
	return pair
}

// mergeClasses joins the lists of a class's prompts: each row with its best score, score down, then row up, cut at depth.
func mergeClasses(byQuery []hitList, depth int) []hitList {
	best := map[int32]map[int64]Hit{}
	var order []int32
	for _, l := range byQuery {
		for _, h := range l.hits {
			if best[h.Class] == nil {
				best[h.Class] = map[int64]Hit{}
				order = append(order, h.Class)
			}
			if old, ok := best[h.Class][h.Row]; !ok || h.Score > old.Score {
				best[h.Class][h.Row] = h
			}
		}
	}
	slices.Sort(order)
	lists := make([]hitList, 0, len(order))
	for _, class := range order {
		l := hitList{class: class}
		for _, h := range best[class] {
			l.hits = append(l.hits, h)
		}
		slices.SortFunc(l.hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row)) })
		l.hits = l.hits[:min(depth, len(l.hits))]
		lists = append(lists, l)
	}
	return lists
}
