package backbone

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"react/data/datasets"
	"react/data/image"
	"react/data/lost"
	"react/data/shards"
	"react/ops/clip"
	"react/ops/op"
)

// cacheBytes bounds the decoded images kept in memory; what does not fit is decoded each time.
const cacheBytes = 1 << 30

// Source gives decoded images by position, keeping as many as fit. It may be used by several
// goroutines.
type Source struct {
	N      int
	Read   func(i int) ([]byte, error)
	Once   bool               // each image is used once: none is kept
	called func(i int) string // for errors
	mu     sync.Mutex
	cached []*image.RGB
	size   int
}

// NewSource reads from shards by offset.
func NewSource(set *shards.Set, samples []shards.Sample) *Source {
	return &Source{N: len(samples),
		Read: func(i int) ([]byte, error) { return set.Read(samples[i], nil) },
		called: func(i int) string {
			return fmt.Sprintf("shard %s: key %s", set.Shards()[samples[i].Shard], samples[i].Key)
		}}
}

// NewSetSource reads some images of an evaluation set.
func NewSetSource(set *datasets.Set, at []int) *Source {
	return &Source{N: len(at),
		Read:   func(i int) ([]byte, error) { return set.Read(at[i]) },
		called: func(i int) string { return fmt.Sprintf("set %s: key %s", set.Dir, set.Items[at[i]].Key) }}
}

// with lends image i to use; the error names shard and key.
func (s *Source) with(i int, use func(*image.RGB) error) error {
	s.mu.Lock()
	if s.cached == nil {
		s.cached = make([]*image.RGB, s.N)
	}
	img := s.cached[i]
	s.mu.Unlock()
	if img != nil {
		return use(img)
	}
	raw, err := s.Read(i)
	if err != nil {
		return err
	}
	err = image.Use(raw, true, func(img *image.RGB) error {
		s.keep(i, img)
		return use(img)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", s.name(i), err)
	}
	return nil
}

func (s *Source) name(i int) string { return s.called(i) }

func (s *Source) load(i int, n Normalization, pixels []float32) error {
	return s.with(i, func(img *image.RGB) error {
		n.fill(img, pixels)
		return nil
	})
}

// lenient are the images of a source, of which those are left out that cannot be read.
type lenient struct{ *Source }

func (l lenient) load(i int, n Normalization, pixels []float32) error {
	if err := l.Source.load(i, n, pixels); err != nil {
		return &unreadImage{err, lost.Undecodable}
	}
	return nil
}

func (s *Source) keep(i int, img *image.RGB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Once && s.size+len(img.Pix) <= cacheBytes && s.cached[i] == nil {
		s.cached[i] = &image.RGB{W: img.W, H: img.H, Pix: bytes.Clone(img.Pix)}
		s.size += len(img.Pix)
	}
}

// Check decodes every image once and returns the positions that do not decode, in order, with their
// errors.
func (s *Source) Check(ctx context.Context, workers int) (bad []int, errs []error, err error) {
	failed := make([]error, s.N)
	err = op.ForEach(ctx, workers, s.N, func(i int) error {
		failed[i] = s.with(i, func(*image.RGB) error { return nil })
		return nil
	})
	for i, e := range failed {
		if e != nil {
			bad, errs = append(bad, i), append(errs, e)
		}
	}
	return bad, errs, err
}

// Normalization turns pixels into what a tower reads.
type Normalization struct {
	image.Preparation // to Size, S, as the checkpoint says
	mean, std         [3]float32
}

// values is how many a tower reads of an image, [3, S, S].
func (n Normalization) values() int { return 3 * n.Size * n.Size }

// fill writes what a tower reads of an image, a centre crop, to pixels [3, S, S].
func (n Normalization) fill(img *image.RGB, pixels []float32) {
	n.Normalize(img, n.mean, n.std, pixels)
}

// Augmented fills dst [len(indices), 3, S, S] with random views: each is a function of (seed,
// position in the whole run) alone, so that neither the number of workers nor a resume changes it.
func (s *Source) Augmented(ctx context.Context, workers int, indices []int, n Normalization, view View, dst []float32) error {
	if err := view.Augment.Validate(); err != nil {
		return err
	}
	stride := n.values()
	return op.ForEach(ctx, workers, len(indices), func(i int) error {
		rng := rand.New(rand.NewPCG(view.Seed, uint64(view.First)+uint64(i)))
		return s.with(indices[i], func(img *image.RGB) error {
			view.Augment.View(img, n.Preparation, n.mean, n.std, rng, dst[i*stride:(i+1)*stride])
			return nil
		})
	})
}

// View seed the random views of one batch.
type View struct {
	Augment image.Augment
	Seed    uint64
	First   int // samples drawn before this batch
}

// NormalizationOf is the checkpoint's own.
func NormalizationOf(cfg clip.Config) Normalization {
	mean, std := cfg.Normalization()
	return Normalization{Preparation: cfg.Preparation(), mean: mean, std: std}
}

// IndicesTo are all places of n.
func IndicesTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
