package tokenizer

import (
	"math"

	"react/data/heap"
)

// pair is two neighbouring tokens of a word.
type pair struct{ left, right int32 }

// rule is what a merge makes of a pair, and how early.
type rule struct{ rank, id int32 }

// longWord is the number of bytes from which a heap beats scanning; without it a
// megabyte without a space would take minutes.
const longWord = 64

// merger applies merges to words; its buffers are used again.
type merger struct {
	ids  []int32
	long longMerger
}

// run is the tokens of a word, valid until the next call.
func (m *merger) run(t *Tokenizer, word []byte) []int32 {
	m.ids = m.ids[:0]
	for _, b := range word {
		m.ids = append(m.ids, t.byteIDs[b])
	}
	m.ids[len(m.ids)-1] = t.endIDs[word[len(word)-1]]
	if len(m.ids) >= longWord {
		m.ids = m.long.run(t.rules, m.ids)
	} else {
		m.ids = mergeShort(t.rules, m.ids)
	}
	return m.ids
}

// mergeShort joins, in place, the leftmost pair of lowest rank until none is
// left. What each pair becomes is looked up once: half of the time is the map.
func mergeShort(rules map[pair]rule, ids []int32) []int32 {
	var buf [longWord]rule
	found := buf[:0] // found[i] is of ids[i] and its right neighbour
	for i := range len(ids) - 1 {
		found = append(found, lookUp(rules, ids[i], ids[i+1]))
	}
	for {
		at, best := -1, int32(noRank)
		for i, r := range found {
			if r.rank < best {
				at, best = i, r.rank
			}
		}
		if at < 0 {
			return ids
		}
		ids[at] = found[at].id
		ids = append(ids[:at+1], ids[at+2:]...)
		found = append(found[:at], found[at+1:]...)
		if at > 0 {
			found[at-1] = lookUp(rules, ids[at-1], ids[at])
		}
		if at < len(found) {
			found[at] = lookUp(rules, ids[at], ids[at+1])
		}
	}
}

// noRank is after every rank.
const noRank = math.MaxInt32

func lookUp(rules map[pair]rule, left, right int32) rule {
	if r, ok := rules[pair{left, right}]; ok {
		return r
	}
	return rule{rank: noRank}
}

// longMerger does the same in n log n: a linked list of tokens, and a heap of the
// merges that were possible when they were found.
type longMerger struct {
	ids        []int32
	prev, next []int32              // −1 at the ends
	heap       heap.Heap[candidate] // empty between runs
	rules      map[pair]rule
}

// candidate is a merge of the token at position at with its right neighbour; it is
// stale once either has changed.
type candidate struct {
	rule
	at   int32
	pair pair
}

func (c candidate) before(o candidate) bool {
	return c.rank < o.rank || c.rank == o.rank && c.at < o.at
}

func (m *longMerger) run(rules map[pair]rule, ids []int32) []int32 {
	m.rules, m.ids, m.heap.Before = rules, ids, candidate.before
	m.prev, m.next = m.prev[:0], m.next[:0]
	for i := range ids {
		m.prev = append(m.prev, int32(i-1))
		m.next = append(m.next, int32(i+1))
	}
	m.next[len(ids)-1] = -1
	for i := range ids {
		m.offer(int32(i))
	}
	for m.heap.Len() > 0 {
		m.apply(m.heap.Pop())
	}
	out := ids[:0]
	for i := int32(0); i >= 0; i = m.next[i] {
		out = append(out, ids[i])
	}
	return out
}

// offer puts the merge of position at and its right neighbour on the heap.
func (m *longMerger) offer(at int32) {
	if at < 0 || m.next[at] < 0 {
		return
	}
	p := pair{m.ids[at], m.ids[m.next[at]]}
	if r, ok := m.rules[p]; ok {
		m.heap.Push(candidate{r, at, p})
	}
}

func (m *longMerger) apply(c candidate) {
	right := m.next[c.at]
	if m.ids[c.at] != c.pair.left || right < 0 || m.ids[right] != c.pair.right {
		return
	}
	m.ids[c.at] = c.id
	m.ids[right] = -1 // makes what is offered for it stale
	m.next[c.at] = m.next[right]
	if m.next[right] >= 0 {
		m.prev[m.next[right]] = c.at
	}
	m.offer(m.prev[c.at])
	m.offer(c.at)
}
