// Package pyrandom draws what Python's random module draws from the same seed: few-shot subsets of
// published benchmarks are made with it, and are the same images only where the generator, the way
// it is seeded and the way it shuffles are the same. CPython 3.2 and later.
//
// Not for anything new: use math/rand/v2.
package pyrandom

import (
	"math/bits"

	"gonum.org/v1/gonum/mathext/prng"
)

// Random is random.Random(seed). Not for concurrent use.
type Random struct{ source *prng.MT19937 }

// New seeds as Python does for an int: from its 32-bit digits, sign ignored.
func New(seed int64) *Random {
	magnitude := uint64(seed)
	if seed < 0 {
		magnitude = -magnitude
	}
	key := []uint32{uint32(magnitude)}
	if magnitude>>32 != 0 {
		key = append(key, uint32(magnitude>>32))
	}
	source := prng.NewMT19937()
	source.SeedFromKeys(key)
	return &Random{source}
}

// Below is randrange(n), n from 1 to 2³²-1.
func (r *Random) Below(n int) int {
	k := bits.Len(uint(n))
	for {
		if v := int(r.source.Uint32() >> (32 - k)); v < n {
			return v
		}
	}
}

// Shuffle is random.shuffle of a list of n.
func (r *Random) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, r.Below(i+1))
	}
}

// Sample is random.sample(range(n), k), k at most n.
func (r *Random) Sample(n, k int) []int {
	out := make([]int, k)
	if n <= poolSize(k) {
		pool := make([]int, n)
		for i := range pool {
			pool[i] = i
		}
		for i := range out {
			j := r.Below(n - i)
			out[i], pool[j] = pool[j], pool[n-i-1]
		}
		return out
	}
	seen := map[int]bool{}
	for i := range out {
		j := r.Below(n)
		for seen[j] {
			j = r.Below(n)
		}
		seen[j], out[i] = true, j
	}
	return out
}

// poolSize is up to which size Python copies the population: 21 + 4^ceil(log4(3k)) for k over 5.
func poolSize(k int) int {
	size := 21
	if k > 5 {
		power := 1
		for power < 3*k {
			power *= 4
		}
		size += power
	}
	return size
}
