package tokenizer

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"react/data/heap"
)

// minPairCount is how often a pair must be seen to become a merge: one seen once
// would only remember a caption's noise.
const minPairCount = 2

// Train learns a vocabulary of at most vocabSize tokens from captions, with rows
// of length context. At each step the most frequent pair of symbols is merged, of
// equals the lexicographically first, so the result depends on the captions only,
// not on their order. It stops early, with a smaller vocabulary, when no pair is
// seen twice. Captions without a single word are an error.
func Train(captions iter.Seq[string], vocabSize, context int) (*Tokenizer, error) {
	if vocabSize < numBase+2 {
		return nil, fmt.Errorf("vocabulary: %d is under %d (every byte twice, start and end of text)", vocabSize, numBase+2)
	}
	if context < 2 {
		return nil, fmt.Errorf("context: %d is under 2 (start and end of text)", context)
	}
	counts := countWords(captions)
	if len(counts) == 0 {
		return nil, errors.New("captions have no words to train a tokenizer on")
	}
	tr := newTrainer(counts)
	for len(tr.tokens) < vocabSize-2 && tr.step() {
	}
	tokens := append(tr.tokens, startOfText, endOfText)
	return build(tokens, tr.merges, context)
}

func countWords(captions iter.Seq[string]) map[string]int64 {
	counts := map[string]int64{}
	var buf []byte
	for caption := range captions {
		buf = clean(buf[:0], caption)
		for word, rest := next(buf); word != nil; word, rest = next(rest) {
			counts[string(word)]++
		}
	}
	delete(counts, startOfText)
	delete(counts, endOfText)
	return counts
}

// trainer is the state of BPE training: words as token ids, where each pair
// occurs, and a heap of pairs whose counts may be stale.
type trainer struct {
	tokens []string
	ids    map[string]int32 // token → id
	merges [][2]int32
	words  []trainWord
	pairs  map[pair]*pairStat
	heap   heap.Heap[pairCount]
}

type trainWord struct {
	ids   []int32
	count int64
}

type pairStat struct {
	count int64
	words []int32 // indices into words; may repeat or be out of date
}

func newTrainer(counts map[string]int64) *trainer {
	tr := &trainer{tokens: baseTokens(), ids: map[string]int32{}, pairs: map[pair]*pairStat{}}
	var byteIDs, endIDs [256]int32
	for i, b := range byteOrder {
		byteIDs[b], endIDs[b] = int32(i), int32(i+256)
	}
	for i, token := range tr.tokens {
		tr.ids[token] = int32(i)
	}
	for i, word := range slices.Sorted(maps.Keys(counts)) {
		ids := make([]int32, len(word))
		for j := range len(word) {
			ids[j] = byteIDs[word[j]]
		}
		ids[len(ids)-1] = endIDs[word[len(word)-1]]
		tr.words = append(tr.words, trainWord{ids, counts[word]})
		tr.count(int32(i), +1, nil)
	}
	tr.heap.Before = tr.before
	for p, stat := range tr.pairs {
		tr.heap.Push(pairCount{p, stat.count})
	}
	return tr
}

// count adds sign times the pairs of word w, and notes them in touched.
func (tr *trainer) count(w int32, sign int64, touched map[pair]bool) {
	word := tr.words[w]
	for i := 0; i+1 < len(word.ids); i++ {
		p := pair{word.ids[i], word.ids[i+1]}
		stat := tr.pairs[p]
		if stat == nil {
			stat = &pairStat{}
			tr.pairs[p] = stat
		}
		stat.count += sign * word.count
		if sign > 0 && (len(stat.words) == 0 || stat.words[len(stat.words)-1] != w) {
			stat.words = append(stat.words, w)
		}
		if touched != nil && sign > 0 {
			touched[p] = true
		}
	}
}

// step makes one merge; false when no pair is left that is frequent enough.
func (tr *trainer) step() bool {
	for tr.heap.Len() > 0 {
		top := tr.heap.Pop()
		now := tr.pairs[top.pair].count
		if now < minPairCount {
			continue
		}
		if now != top.count {
			tr.heap.Push(pairCount{top.pair, now})
			continue
		}
		tr.merge(top.pair)
		return true
	}
	return false
}

// merge joins p everywhere. Two merges may spell the same token (aa+ab, aaa+b);
// they share its id.
func (tr *trainer) merge(p pair) {
	token := tr.tokens[p.left] + tr.tokens[p.right]
	id, known := tr.ids[token]
	if !known {
		id = int32(len(tr.tokens))
		tr.tokens = append(tr.tokens, token)
		tr.ids[token] = id
	}
	tr.merges = append(tr.merges, [2]int32{p.left, p.right})
	touched := map[pair]bool{}
	for _, w := range tr.pairs[p].words {
		joined := join(tr.words[w].ids, p, id)
		if len(joined) == len(tr.words[w].ids) {
			continue
		}
		tr.count(w, -1, nil)
		tr.words[w].ids = joined
		tr.count(w, +1, touched)
	}
	tr.pairs[p].words = nil
	for q := range touched { // pop order does not depend on push order
		tr.heap.Push(pairCount{q, tr.pairs[q].count})
	}
}

// join is ids with each p, from left to right, replaced by id.
func join(ids []int32, p pair, id int32) []int32 {
	out := make([]int32, 0, len(ids))
	for i := 0; i < len(ids); i++ {
		if i+1 < len(ids) && ids[i] == p.left && ids[i+1] == p.right {
			out = append(out, id)
			i++
			continue
		}
		out = append(out, ids[i])
	}
	return out
}

type pairCount struct {
	pair
	count int64
}

// before orders by count, then by the spelling of the two halves.
func (tr *trainer) before(a, b pairCount) bool {
	if a.count != b.count {
		return a.count > b.count
	}
	if a.left != b.left {
		return tr.tokens[a.left] < tr.tokens[b.left]
	}
	return tr.tokens[a.right] < tr.tokens[b.right]
}
