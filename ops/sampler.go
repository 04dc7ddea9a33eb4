package ops

import "math/rand/v2"

// sampler gives the order in which a run of training sees its pairs: one seeded permutation an epoch, laid end to end, so that a batch may
// cross epochs and every step has a full batch. The order is a function of (seed, position) and can start anywhere.
type sampler struct {
	n     int
	seed  uint64
	epoch int // of perm; -1 before the first
	perm  []int
}

func newSampler(n int, seed uint64) *sampler {
	return &sampler{n: n, seed: seed, epoch: -1}
}

// batch fills dst with the pairs at positions first, first+1, ...
func (s *sampler) batch(first int, dst []int) {
	for i := range dst {
		epoch, at := (first+i)/s.n, (first+i)%s.n
		if epoch != s.epoch {
			s.perm = rand.New(rand.NewPCG(s.seed, uint64(epoch))).Perm(s.n)
			s.epoch = epoch
		}
		dst[i] = s.perm[at]
	}
}
