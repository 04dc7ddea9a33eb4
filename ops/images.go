package ops

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"react/data/datasets"
	"react/data/image"
	"react/data/shards"
	"react/ops/clip"
	"react/ops/op"
)

// cacheBytes bounds the decoded images kept in memory; what does not fit is decoded each time.
const cacheBytes = 1 << 30

// imageSource gives decoded images by position, keeping as many as fit. It may be used by several goroutines.
type imageSource struct {
	n      int
	read   func(i int) ([]byte, error)
	name   func(i int) string // for errors
	mu     sync.Mutex
	cached []*image.RGB
	size   int
}

// newImageSource reads from shards by offset.
func newImageSource(set *shards.Set, samples []shards.Sample) *imageSource {
	return &imageSource{n: len(samples), cached: make([]*image.RGB, len(samples)),
		read: func(i int) ([]byte, error) { return set.Read(samples[i], nil) },
		name: func(i int) string {
			return fmt.Sprintf("shard %s: key %s", set.Shards()[samples[i].Shard], samples[i].Key)
		}}
}

// newSetSource reads some images of an evaluation set.
func newSetSource(set *datasets.Set, at []int) *imageSource {
	return &imageSource{n: len(at), cached: make([]*image.RGB, len(at)),
		read: func(i int) ([]byte, error) { return set.Read(at[i]) },
		name: func(i int) string { return fmt.Sprintf("set %s: key %s", set.Dir, set.Items[at[i]].Key) }}
}

// with lends image i to use; the error names shard and key.
func (s *imageSource) with(i int, use func(*image.RGB) error) error {
	s.mu.Lock()
	img := s.cached[i]
	s.mu.Unlock()
	if img != nil {
		return use(img)
	}
	raw, err := s.read(i)
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

func (s *imageSource) keep(i int, img *image.RGB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size+len(img.Pix) <= cacheBytes && s.cached[i] == nil {
		s.cached[i] = img
		s.size += len(img.Pix)
	}
}

// check decodes every image once and returns the positions that do not decode, in order, with their errors.
func (s *imageSource) check(ctx context.Context, workers int) (bad []int, errs []error, err error) {
	failed := make([]error, s.n)
	err = op.ForEach(ctx, workers, s.n, func(i int) error {
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

// normalization turns pixels into what a tower reads.
type normalization struct {
	image.Preparation // to Size, S, as the checkpoint says
	mean, std         [3]float32
}

// fill writes what a tower reads of an image, a centre crop, to pixels [3, S, S].
func (n normalization) fill(img *image.RGB, pixels []float32) {
	image.Normalize(n.Apply(img), n.mean, n.std, pixels)
}

// plain fills dst [len(indices), 3, S, S] with centre crops.
func (s *imageSource) plain(ctx context.Context, workers int, indices []int, n normalization, dst []float32) error {
	stride := 3 * n.Size * n.Size
	return op.ForEach(ctx, workers, len(indices), func(i int) error {
		return s.with(indices[i], func(img *image.RGB) error {
			n.fill(img, dst[i*stride:(i+1)*stride])
			return nil
		})
	})
}

// augmented fills dst [len(indices), 3, S, S] with random views: each is a function of (seed, position in the whole run) alone, so that
// neither the number of workers nor a resume changes it.
func (s *imageSource) augmented(ctx context.Context, workers int, indices []int, n normalization, view viewParams, dst []float32) error {
	if err := view.augment.Validate(); err != nil {
		return err
	}
	stride := 3 * n.Size * n.Size
	return op.ForEach(ctx, workers, len(indices), func(i int) error {
		rng := rand.New(rand.NewPCG(view.seed, uint64(view.first)+uint64(i)))
		return s.with(indices[i], func(img *image.RGB) error {
			view.augment.View(img, n.Preparation, n.mean, n.std, rng, dst[i*stride:(i+1)*stride])
			return nil
		})
	})
}

// viewParams seed the random views of one batch.
type viewParams struct {
	augment image.Augment
	seed    uint64
	first   int // samples drawn before this batch
}

func normalizationOf(cfg clip.Config) normalization {
	mean, std := cfg.Normalization()
	return normalization{Preparation: cfg.Preparation(), mean: mean, std: std}
}
