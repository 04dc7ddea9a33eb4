package backbone

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"react/data/datasets"
	"react/data/image"
	"react/data/lost"
	"react/ops/op"
)

// Pass takes images through a tower. A batch at a time is read, decoded and prepared by several
// workers, then encoded: one batch of pixels is in memory, however many images there are, and a
// stage that is stopped stops between two images.
type Pass struct {
	Workers int
	Rows    int // of a batch
	Norm    Normalization
	Encode  func(pixels []float32, n int) ([]float32, error) // [n, 3, S, S] to [n, dim]

	lost     lost.Count // of the images that may be lost
	maxShare float64    // of them; once more are lost, the others are only counted
}

// images are images by position.
type images interface {
	// as a tower reads it; an *unreadImage is left out
	load(i int, n Normalization, pixels []float32) error
	name(i int) string // for errors
}

// Run gives the features of the images at some positions to out, batch by batch in their order,
// with the positions of those that could be read.
func (p *Pass) Run(ctx context.Context, from images, positions []int, out func(at []int, features []float32) error) error {
	pixels := make([]float32, min(p.Rows, len(positions))*p.Norm.values())
	for batch := range slices.Chunk(positions, p.Rows) {
		at, err := p.fill(ctx, from, batch, pixels)
		if err != nil {
			return err
		}
		var features []float32
		if len(at) > 0 && p.lost.Check(p.maxShare) == nil {
			if features, err = p.Encode(pixels[:len(at)*p.Norm.values()], len(at)); err != nil {
				return named(err, func(i int) string { return from.name(at[i]) })
			}
		}
		if err := out(at, features); err != nil {
			return err
		}
	}
	return nil
}

// fill reads a batch into pixels, without gaps; the answer has the positions of those that could be
// read.
func (p *Pass) fill(ctx context.Context, from images, batch []int, pixels []float32) (at []int, err error) {
	stride := p.Norm.values()
	unread := make([]*unreadImage, len(batch))
	err = op.ForEach(ctx, p.Workers, len(batch), func(i int) error {
		err := from.load(batch[i], p.Norm, pixels[i*stride:(i+1)*stride])
		if errors.As(err, &unread[i]) {
			return nil
		}
		return err
	})
	for i, u := range unread {
		if u != nil {
			p.lost.Add(u.cause, u.Error())
			continue
		}
		if len(at) != i {
			copy(pixels[len(at)*stride:(len(at)+1)*stride], pixels[i*stride:(i+1)*stride])
		}
		at = append(at, batch[i])
	}
	return at, err
}

// unreadImage is one that is left out, and why.
type unreadImage struct {
	error
	cause lost.Cause
}

// Images embeds images of a source by position: [len(indices), dim], L2-normalised. each is called
// after every batch.
func (b *Backbone) Images(ctx context.Context, run *op.Run, src *Source, indices []int, each func(done int)) ([]float32, error) {
	dim := b.Checkpoint.Config.Dim()
	out := make([]float32, 0, len(indices)*dim)
	pass := Pass{Workers: run.Workers, Rows: b.Encoder.AtOnce(), Norm: NormalizationOf(b.Checkpoint.Config), Encode: b.Encoder.Images}
	err := pass.Run(ctx, src, indices, func(_ []int, u []float32) error {
		out = append(out, u...)
		each(len(out) / dim)
		return nil
	})
	return out, err
}

// Reader gives the images of a set by position, each once.
type Reader struct {
	N    int
	Dir  string // for errors
	Key  func(i int) string
	Read func(i int) ([]byte, error)
	Seen func(i int, raw []byte) // called once for each, from several goroutines; may be nil

	Lost     lost.Count // before any was read
	MaxShare float64    // of the images that may be lost
	// nil: features before they are scaled to length 1
	Encode func(pixels []float32, n int) ([]float32, error)
}

// EmbedImages gives the features of a set's images to out, block by block in their order, and
// returns the places of those that it gave. Images that cannot be read are left out; more than
// maxShare are an error, for a test set with holes is another test set.
func (b *Backbone) EmbedImages(ctx context.Context, run *op.Run, r Reader, out func(at []int, features []float32) error) (kept []int, err error) {
	pass := Pass{Workers: run.Workers, Rows: b.Encoder.AtOnce(), Norm: NormalizationOf(b.Checkpoint.Config), Encode: r.Encode, lost: r.Counted(), maxShare: r.MaxShare}
	if pass.Encode == nil {
		pass.Encode = b.Encoder.ImageFeatures
	}
	done := 0
	err = pass.Run(ctx, &r, IndicesTo(r.N), func(at []int, features []float32) error {
		if features != nil {
			if err := out(at, features); err != nil {
				return err
			}
		}
		kept = append(kept, at...)
		done = min(done+pass.Rows, r.N)
		run.Progress(op.Progress{Done: done, Total: r.N, Note: "images"})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return kept, run.Lose(pass.lost, r.MaxShare)
}

// Counted is the count of what is lost before any image was read.
func (r *Reader) Counted() lost.Count {
	c := lost.Count{Of: max(r.Lost.Of, int64(r.N)), What: "set " + filepath.Base(r.Dir)}
	for cause, n := range r.Lost.By {
		c.AddN(cause, n, r.Lost.First[cause])
	}
	return c
}

func (r *Reader) name(i int) string { return fmt.Sprintf("%s: key %s", r.Dir, r.Key(i)) }

func (r *Reader) load(i int, n Normalization, pixels []float32) error {
	raw, err := r.Read(i)
	cause := datasets.LostCause(err)
	if err != nil && cause == "" {
		return err
	}
	if err == nil {
		err = image.Use(raw, true, func(img *image.RGB) error {
			n.fill(img, pixels)
			return nil
		})
		cause = lost.Undecodable
	}
	if err != nil {
		return &unreadImage{fmt.Errorf("%s: %w", r.name(i), err), cause}
	}
	if r.Seen != nil {
		r.Seen(i, raw)
	}
	return nil
}

// Kept are the values at some places.
func Kept[T any](all []T, at []int) []T {
	out := make([]T, len(at))
	for i, place := range at {
		out[i] = all[place]
	}
	return out
}
