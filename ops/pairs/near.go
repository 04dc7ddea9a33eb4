package pairs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"react/data/embeddings"
	"react/ops/knn"
	"react/ops/op"
)

// byRank lists the rows of all lists once, in the order in which the lists are read side by side.
func byRank(lists []hitList) []int64 {
	type place struct{ rank, list int }
	first := map[int64]place{}
	for i, l := range lists {
		for rank, h := range l.hits {
			if old, ok := first[h.Row]; !ok || rank < old.rank {
				first[h.Row] = place{rank, i}
			}
		}
	}
	rows := slices.Collect(maps.Keys(first))
	slices.SortFunc(rows, func(a, b int64) int {
		x, y := first[a], first[b]
		return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.list, y.list))
	})
	return rows
}

// screen looks at candidates before any is chosen: which are leaks, and which nearly repeat one
// before them. Rows come in the order in which they would be chosen; with neither asked for,
// nothing is read.
func (m *maker) screen(ctx context.Context, rows []int64, meta map[int64]embeddings.Meta) error {
	nearly := m.p.NearHash != nil || m.p.NearCosine > 0
	if m.guard == nil && !nearly {
		return nil
	}
	var suspects []Suspect
	for i, row := range rows {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			m.run.Progress(op.Progress{Done: i, Total: len(rows), Note: "images"})
		}
		own, err := m.images.Identity(meta[row])
		if err != nil {
			return err
		}
		if own != "" {
			suspects = append(suspects, m.suspect(row, meta[row]))
		}
	}
	if err := m.findLeaks(ctx, suspects, meta); err != nil || !nearly {
		return err
	}
	suspects = slices.DeleteFunc(suspects, func(s Suspect) bool { return m.passed[s.Index].Why == Leak })
	return m.nearGroups(ctx, suspects, meta)
}

// suspect is what is known of a row whose image was read.
func (m *maker) suspect(row int64, meta embeddings.Meta) Suspect {
	s := Suspect{Index: row, Caption: meta.Caption}
	if m.images.Set != nil {
		s.File = m.images.known(meta)
		s.Hash, s.Hashed = m.images.Hash(meta)
	}
	return s
}

// findLeaks passes the rows over that are in an evaluation set.
func (m *maker) findLeaks(ctx context.Context, rows []Suspect, meta map[int64]embeddings.Meta) error {
	if m.guard == nil {
		return nil
	}
	found, err := m.guard.Look(ctx, m.imageSide(), rows)
	if err != nil {
		return err
	}
	for row, ways := range found {
		l := ways[0]
		m.passed[row] = Passed{Index: row, Row: meta[row].Row, Key: meta[row].Key, Why: Leak, By: l.By, Of: m.guard.Names[l.Of], Value: l.Value}
	}
	m.counts.Leaks += len(found)
	return nil
}

// imageSide are the pool's image embeddings; nil where there are none.
func (m *maker) imageSide() *embeddings.Matrix {
	image, err := m.folder.Image()
	if err != nil {
		return nil
	}
	return image
}

// nearGroups finds the images that nearly repeat one before them, which then stands for them. It is
// by turns: a row that is near to a row that stands for itself joins it, else it stands for itself;
// so no chain of small steps makes different images one, and more rows after these change nothing.
func (m *maker) nearGroups(ctx context.Context, rows []Suspect, meta map[int64]embeddings.Meta) error {
	if m.p.NearHash != nil && m.images.Set == nil {
		return errors.New("nearHash: the pool has no images to hash (shards); nearCosine compares embeddings")
	}
	rows = m.distinctImages(rows, meta)
	neighbours, err := m.nearByCosine(ctx, rows)
	if err != nil {
		return err
	}
	var hashes *hashTable
	if m.p.NearHash != nil {
		hashes = newHashTable(*m.p.NearHash)
	}
	leads := make([]bool, len(rows))
	for i, s := range rows {
		if hashes != nil {
			if of, bits, ok := hashes.nearest(s.Hash); ok {
				m.follow(rows[i], rows[of], Likeness{By: "hash", Value: float32(bits)}, meta)
				continue
			}
		}
		at := slices.IndexFunc(neighbours[i], func(n knn.Pair) bool { return leads[n.A] })
		if at >= 0 {
			m.follow(rows[i], rows[neighbours[i][at].A], Likeness{By: "cosine", Value: neighbours[i][at].Score}, meta)
			continue
		}
		leads[i] = true
		if hashes != nil {
			hashes.add(s.Hash, i)
		}
	}
	return nil
}

// distinctImages are the first rows of each file.
func (m *maker) distinctImages(rows []Suspect, meta map[int64]embeddings.Meta) []Suspect {
	seen := map[string]bool{}
	var out []Suspect
	for _, s := range rows {
		if id := m.images.known(meta[s.Index]); !seen[id] {
			seen[id] = true
			out = append(out, s)
		}
	}
	return out
}

// nearByCosine gives for each row the pairs with rows before it, by place.
func (m *maker) nearByCosine(ctx context.Context, rows []Suspect) ([][]knn.Pair, error) {
	out := make([][]knn.Pair, len(rows))
	if m.p.NearCosine <= 0 {
		return out, nil
	}
	image, err := m.folder.Image()
	if err != nil {
		return nil, fmt.Errorf("nearCosine: %w", err)
	}
	pairs, err := knn.NearDuplicates(picked{image, rows}, float32(m.p.NearCosine)).Pairs(ctx)
	for _, p := range pairs {
		out[p.B] = append(out[p.B], p)
	}
	return out, err
}

// picked are some rows of a matrix.
type picked struct {
	*embeddings.Matrix
	rows []Suspect
}

// Rows is the number of picked rows.
func (p picked) Rows() int64 { return int64(len(p.rows)) }

// Block reads picked rows start to start+n.
func (p picked) Block(start int64, n int, dst []float32) error {
	dim := p.Dim()
	for i := range n {
		if err := p.Row(p.rows[int(start)+i].Index, dst[i*dim:(i+1)*dim]); err != nil {
			return err
		}
	}
	return nil
}

// follow lets one image stand for another.
func (m *maker) follow(s, leader Suspect, l Likeness, meta map[int64]embeddings.Meta) {
	m.leaders[m.images.known(meta[s.Index])] = m.images.known(meta[leader.Index])
	m.passed[s.Index] = Passed{Index: s.Index, Row: meta[s.Index].Row, Key: meta[s.Index].Key, Why: near, By: l.By, Of: meta[leader.Index].Key, Value: l.Value}
}

// led is the image that stands for an image: itself where it repeats none.
func (m *maker) led(id string) string {
	if leader, ok := m.leaders[id]; ok {
		return leader
	}
	return id
}
