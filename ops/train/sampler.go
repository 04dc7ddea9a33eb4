package train

import (
	"math/rand/v2"

	"react/ops/pairs"
)

// sampler gives the order in which a run of training sees its pairs: one seeded permutation an
// epoch, laid end to end, so that a batch may cross epochs and every step has a full batch. The
// order is a function of (seed, position) and can start anywhere.
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

// captionGroups are the pairs of each image, so that an epoch can take an image once, with one of
// its captions.
type captionGroups [][]int

// byImage groups pairs whose images are the same file, in the order of their first.
func byImage(rows []pairs.Pair) captionGroups {
	var groups captionGroups
	at := map[string]int{}
	for i, row := range rows {
		g, ok := at[row.SHA256]
		if !ok {
			g = len(groups)
			groups, at[row.SHA256] = append(groups, nil), g
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// choose puts pairs in the place of the images at positions first, first+1, ...: of each image one
// that is drawn anew each epoch, a function of (seed, epoch, image) alone.
func (g captionGroups) choose(first int, images []int, seed uint64) {
	if g == nil {
		return
	}
	for i, image := range images {
		epoch := (first + i) / len(g)
		rng := rand.New(rand.NewPCG(seed^0xCA9, uint64(epoch)<<40|uint64(image)))
		images[i] = g[image][rng.IntN(len(g[image]))]
	}
}
