package pairs

import (
	"context"
	"fmt"

	"react/data/embeddings"
)

// settle cuts every list to its pairs so that no image stands for two classes. Lists claim images
// from their best hit down; of the classes that claim an image, one keeps it: with "best" the one
// whose list has it with the higher score, with "first" with the smaller rank (the lower class
// where they are equal), with "drop" none. Who loses an image goes on down the list. This is
// deferred acceptance (Gale and Shapley 1962), with lists that propose: what comes out does not
// depend on the order of the claims, and no list would rather have an image that would rather have
// it.
//
// Scores of T2T and T2I lie on different scales: "best" compares what can be compared with one
// modality, or with a fused list.
func (m *maker) settle(ctx context.Context, lists []hitList, meta map[int64]embeddings.Meta) error {
	s := &settlement{m: m, meta: meta, holders: map[string]*holder{}, claims: map[classImage]claim{}}
	if err := s.collect(ctx, lists); err != nil {
		return err
	}
	queue := make([]int, len(lists))
	for i := range lists {
		s.walks = append(s.walks, &walk{list: &lists[i], seen: map[string]bool{}})
		queue[i] = i
	}
	for len(queue) > 0 {
		l := queue[0]
		queue = queue[1:]
		evicted, err := s.claim(l)
		if err != nil {
			return err
		}
		queue = append(queue, evicted...)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for _, w := range s.walks {
		m.finish(w)
	}
	return nil
}

type settlement struct {
	m       *maker
	meta    map[int64]embeddings.Meta
	walks   []*walk
	holders map[string]*holder
	claims  map[classImage]claim // what a class has to show for an image, over all its lists
}

type classImage struct {
	class int32
	image string
}

type claim struct {
	score float32
	rank  int
}

// holder is the class that has an image, and the lists that count it.
type holder struct {
	class   int32
	lists   []int
	dropped bool // nobody may have it
}

// collect notes the best score and rank of every class and image.
func (s *settlement) collect(ctx context.Context, lists []hitList) error {
	for _, l := range lists {
		if err := ctx.Err(); err != nil {
			return err
		}
		for rank, h := range l.hits {
			id, err := s.m.images.Identity(s.meta[h.Row])
			if err != nil {
				return err
			}
			key := classImage{l.class, s.m.led(id)}
			old, ok := s.claims[key]
			if !ok {
				old = claim{h.Score, rank}
			}
			s.claims[key] = claim{max(old.score, h.Score), min(old.rank, rank)}
		}
	}
	return nil
}

// claim lets a list take images until it has K, and gives the lists that lost one by it.
func (s *settlement) claim(l int) (evicted []int, err error) {
	w := s.walks[l]
	for len(w.kept) < s.m.p.K {
		h, id, err := s.m.next(w, s.meta)
		if err != nil || id == "" {
			return evicted, err
		}
		now := s.holders[id]
		switch {
		case now == nil:
			s.holders[id] = &holder{class: w.list.class, lists: []int{l}}
			w.keep(h, id)
		case now.dropped:
			s.lose(h, "")
		case now.class == w.list.class:
			now.lists = append(now.lists, l)
			w.keep(h, id)
		case s.m.p.Collisions == "drop":
			evicted = append(evicted, s.evict(now, id, "")...)
			now.dropped = true
			s.lose(h, "")
		case s.beats(w.list.class, now.class, id):
			evicted = append(evicted, s.evict(now, id, s.m.classes[w.list.class])...)
			*now = holder{class: w.list.class, lists: []int{l}}
			w.keep(h, id)
		default:
			s.lose(h, s.m.classes[now.class])
		}
	}
	return evicted, nil
}

// beats says whether class a has the better claim to an image than class b.
func (s *settlement) beats(a, b int32, image string) bool {
	x, y := s.claims[classImage{a, image}], s.claims[classImage{b, image}]
	switch {
	case s.m.p.Collisions == "best" && x.score != y.score:
		return x.score > y.score
	case s.m.p.Collisions == "first" && x.rank != y.rank:
		return x.rank < y.rank
	}
	return a < b
}

// evict takes an image from the lists that hold it.
func (s *settlement) evict(h *holder, image, to string) []int {
	for _, l := range h.lists {
		w := s.walks[l]
		for i, id := range w.ids {
			if id == image {
				s.lose(w.kept[i], to)
				w.kept, w.ids = append(w.kept[:i:i], w.kept[i+1:]...), append(w.ids[:i:i], w.ids[i+1:]...)
				break
			}
		}
	}
	return h.lists
}

// lose notes a hit that another class keeps its list from; to is "" where all lose it.
func (s *settlement) lose(h candidate, to string) {
	s.m.counts.Lost++
	meta := s.meta[h.Row]
	why := Passed{Index: h.Row, Row: meta.Row, Key: meta.Key, Why: collision, By: s.m.p.Collisions, Of: fmt.Sprintf("%s to %s", s.m.classes[h.Class], to)}
	if to == "" {
		why.Of = s.m.classes[h.Class] + " to none"
	}
	s.m.lost = append(s.m.lost, why)
}
