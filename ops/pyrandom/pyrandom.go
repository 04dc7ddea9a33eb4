// Package pyrandom draws what Python's random module draws from the same seed: few-shot subsets of published benchmarks are made with it, and
// are the same images only where the generator, the way it is seeded and the way it shuffles are the same. CPython 3.2 and later.
//
// Not for anything new: use math/rand/v2.
package pyrandom

import "math/bits"

// Sizes and constants of MT19937.
const (
	stateLen = 624
	shift    = 397
	upper    = 0x80000000
	lower    = 0x7fffffff
	matrixA  = 0x9908b0df
)

// Random is random.Random(seed). Not for concurrent use.
type Random struct {
	state [stateLen]uint32
	next  int
}

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
	r := &Random{}
	r.seedArray(key)
	return r
}

// seedArray is init_by_array of the reference implementation.
func (r *Random) seedArray(key []uint32) {
	r.state[0] = 19650218
	for i := 1; i < stateLen; i++ {
		r.state[i] = 1812433253*(r.state[i-1]^r.state[i-1]>>30) + uint32(i)
	}
	i, j := 1, 0
	wrap := func() {
		if i++; i == stateLen {
			r.state[0], i = r.state[stateLen-1], 1
		}
	}
	for range max(stateLen, len(key)) {
		r.state[i] = (r.state[i] ^ (r.state[i-1]^r.state[i-1]>>30)*1664525) + key[j] + uint32(j)
		j = (j + 1) % len(key)
		wrap()
	}
	for range stateLen - 1 {
		r.state[i] = (r.state[i] ^ (r.state[i-1]^r.state[i-1]>>30)*1566083941) - uint32(i)
		wrap()
	}
	r.state[0] = upper
	r.next = stateLen
}

// Uint32 is the next 32 bits.
func (r *Random) Uint32() uint32 {
	if r.next == stateLen {
		r.twist()
	}
	y := r.state[r.next]
	r.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (r *Random) twist() {
	for i := range r.state {
		y := r.state[i]&upper | r.state[(i+1)%stateLen]&lower
		r.state[i] = r.state[(i+shift)%stateLen] ^ y>>1
		if y&1 != 0 {
			r.state[i] ^= matrixA
		}
	}
	r.next = 0
}

// Below is randrange(n), n from 1 to 2³²-1.
func (r *Random) Below(n int) int {
	k := bits.Len(uint(n))
	for {
		if v := int(r.Uint32() >> (32 - k)); v < n {
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
