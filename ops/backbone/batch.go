package backbone

import (
	"context"
	"fmt"
	"path/filepath"

	"react/data/datasets"
	"react/data/image"
	"react/data/lost"
	"react/ops/op"
)

// Reader gives the images of a set by position.
type Reader struct {
	N    int
	Dir  string // for errors
	Key  func(i int) string
	Read func(i int) ([]byte, error)
	Seen func(i int, raw []byte) // called once for each, from several goroutines; may be nil

	Lost     lost.Count                                       // before any was read
	MaxShare float64                                          // of the images that may be lost
	Encode   func(pixels []float32, n int) ([]float32, error) // nil: features before they are scaled to length 1
}

// EmbedImages gives the features of a set's images to out, block by block in their order, and returns the places of those that it gave. Images that
// cannot be read are left out; more than maxShare are an error, for a test set with holes is another test set.
func (b *Backbone) EmbedImages(ctx context.Context, run *op.Run, r Reader, out func(at []int, features []float32) error) (kept []int, err error) {
	if r.Encode == nil {
		r.Encode = b.Encoder.ImageFeatures
	}
	norm := NormalizationOf(b.Checkpoint.Config)
	stride := 3 * norm.Size * norm.Size
	pixels := make([]float32, Batch*stride)
	c := r.Counted()
	for start := 0; start < r.N; start += Batch {
		n := min(Batch, r.N-start)
		unread, err := r.fill(ctx, run.Workers, start, n, norm, pixels)
		if err != nil {
			return nil, err
		}
		at := compact(start, n, unread, pixels, stride)
		for _, e := range unread {
			if e != nil {
				c.Add(e.cause, e.Error())
			}
		}
		if len(at) > 0 && c.Check(r.MaxShare) == nil { // else only the count is still wanted
			u, err := r.Encode(pixels[:len(at)*stride], len(at))
			if err != nil {
				return nil, named(err, func(i int) string { return fmt.Sprintf("%s: key %s", r.Dir, r.Key(at[i])) })
			}
			if err := out(at, u); err != nil {
				return nil, err
			}
		}
		kept = append(kept, at...)
		run.Progress(op.Progress{Done: start + n, Total: r.N, Note: "images"})
	}
	return kept, run.Lose(c, r.MaxShare)
}

// Counted is the count of what is lost before any image was read.
func (r *Reader) Counted() lost.Count {
	c := lost.Count{Of: max(r.Lost.Of, int64(r.N)), What: "set " + filepath.Base(r.Dir)}
	for cause, n := range r.Lost.By {
		c.AddN(cause, n, r.Lost.First[cause])
	}
	return c
}

// unreadImage is one that is left out, and why.
type unreadImage struct {
	error
	cause lost.Cause
}

// fill reads n images from start on into pixels; the answer has those that cannot be read.
func (r *Reader) fill(ctx context.Context, workers, start, n int, norm Normalization, pixels []float32) ([]*unreadImage, error) {
	unread := make([]*unreadImage, n)
	stride := 3 * norm.Size * norm.Size
	err := op.ForEach(ctx, workers, n, func(i int) error {
		raw, err := r.Read(start + i)
		if cause := datasets.LostCause(err); cause != "" {
			unread[i] = &unreadImage{fmt.Errorf("%s: key %s: %w", r.Dir, r.Key(start+i), err), cause}
			return nil
		}
		if err != nil {
			return err
		}
		if err := preprocess(raw, norm, pixels[i*stride:(i+1)*stride], r.Dir, r.Key(start+i)); err != nil {
			unread[i] = &unreadImage{err, lost.Undecodable}
			return nil
		}
		if r.Seen != nil {
			r.Seen(start+i, raw)
		}
		return nil
	})
	return unread, err
}

// compact moves the images that were read together, and gives their places.
func compact(start, n int, unread []*unreadImage, pixels []float32, stride int) (at []int) {
	for i := range n {
		if unread[i] != nil {
			continue
		}
		if len(at) != i {
			copy(pixels[len(at)*stride:(len(at)+1)*stride], pixels[i*stride:(i+1)*stride])
		}
		at = append(at, start+i)
	}
	return at
}

// Kept are the values at some places.
func Kept[T any](all []T, at []int) []T {
	out := make([]T, len(at))
	for i, place := range at {
		out[i] = all[place]
	}
	return out
}

// preprocess decodes an image and fills what a tower reads of it.
func preprocess(raw []byte, norm Normalization, pixels []float32, dir, key string) error {
	err := image.Use(raw, true, func(img *image.RGB) error {
		norm.fill(img, pixels)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: key %s: %w", dir, key, err)
	}
	return nil
}
