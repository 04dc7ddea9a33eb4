package backbone

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"react/data/caught"
	"react/data/datasets"
	"react/data/image"
	"react/data/lost"
	"react/ops/clip/encode"
	"react/ops/op"
)

// Pass takes images through a tower, as a pipeline: while a batch is uploaded and computed, the next
// is read, decoded and prepared by several workers, and the features of the one before are given
// out. A few batches of pixels are in memory, however many images there are, and a stage that is
// stopped stops between two images.
type Pass struct {
	Workers int
	Norm    Normalization
	Encoder *encode.Encoder
	Encode  func(pixels []float32, n int) ([]float32, error) // of Encoder: [n, 3, S, S] to [n, dim]
	Texts   func(at []int) ([]float32, error)                // of the images at some positions; may be nil

	// unread is called for each image that is left out, in order, and says whether they are too many:
	// the others are then only read, to be counted.
	unread func(i int, u *unreadImage) (tooMany bool)
	packed bool // batches are filled up where images are left out

	tooMany bool
	spare   chan []float32 // pixels of batches
}

// images are images by position.
type images interface {
	// as a tower reads it; an *unreadImage is left out
	load(i int, n Normalization, pixels []float32) error
	name(i int) string // for errors
}

// Passed is a batch that went through a pass.
type Passed struct {
	At       []int     // positions of the images that could be read
	Features []float32 // [len(At), dim]; nil where they were only read
	Texts    []float32 // likewise

	pixels []float32
	skip   bool
}

// Run gives the features of the images at some positions to out, batch by batch in their order.
func (p *Pass) Run(ctx context.Context, from images, positions []int, out func(b *Passed) error) error {
	rows, calls := min(p.Encoder.AtOnce(), len(positions)), p.Encoder.Calls()
	p.spare = make(chan []float32, calls+1)
	for range cap(p.spare) {
		p.spare <- nil // made when it is first needed
	}
	next := func(ctx context.Context) (b *Passed, err error) {
		if len(positions) == 0 {
			return nil, nil
		}
		b, positions, err = p.fill(ctx, from, positions, rows)
		return b, err
	}
	return Pipe(ctx, calls, next, func(b *Passed) error { return p.encode(from, b) }, out)
}

// encode computes a batch, and gives its pixels back.
func (p *Pass) encode(from images, b *Passed) (err error) {
	defer func() { p.spare <- b.pixels }()
	if b.skip || len(b.At) == 0 {
		return nil
	}
	if b.Features, err = p.Encode(b.pixels[:len(b.At)*p.Norm.values()], len(b.At)); err != nil {
		return named(err, func(i int) string { return from.name(b.At[i]) })
	}
	if p.Texts != nil {
		b.Texts, err = p.Texts(b.At)
	}
	return err
}

// fill reads a batch of the first positions; rest are those that are left.
func (p *Pass) fill(ctx context.Context, from images, positions []int, rows int) (b *Passed, rest []int, err error) {
	b = &Passed{}
	select {
	case b.pixels = <-p.spare:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if b.pixels == nil {
		b.pixels = make([]float32, rows*p.Norm.values())
	}
	for rest = positions; len(b.At) < rows && len(rest) > 0; {
		n := min(rows-len(b.At), len(rest))
		if err := p.read(ctx, from, rest[:n], b); err != nil {
			return nil, nil, err
		}
		if rest = rest[n:]; !p.packed {
			break
		}
	}
	b.skip = p.tooMany
	return b, rest, nil
}

// read reads images into what a batch has left of its pixels, without gaps.
func (p *Pass) read(ctx context.Context, from images, positions []int, b *Passed) error {
	stride := p.Norm.values()
	row := func(i int) []float32 { return b.pixels[i*stride : (i+1)*stride] }
	first := len(b.At)
	unread := make([]*unreadImage, len(positions))
	err := op.ForEach(ctx, p.Workers, len(positions), func(i int) error {
		err := from.load(positions[i], p.Norm, row(first+i))
		if errors.As(err, &unread[i]) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, u := range unread {
		if u != nil {
			p.tooMany = p.unread(positions[i], u)
			continue
		}
		if at := len(b.At); at != first+i {
			copy(row(at), row(first+i))
		}
		b.At = append(b.At, positions[i])
	}
	return nil
}

// Pipe has batches made one after the other, encoded a few at a time, and given out in their order,
// all beside each other: next gives nil for the end. The first error in the order of the batches
// ends it, and nothing runs when it returns.
func Pipe[T any](ctx context.Context, calls int, next func(context.Context) (*T, error), encode, out func(*T) error) error {
	type entry struct {
		batch *T
		err   error
		done  chan struct{} // closed when the batch is encoded, or err is there
	}
	ctx, cancel := context.WithCancel(ctx)
	var busy caught.Group
	defer busy.Wait()
	defer cancel()
	order, work := make(chan *entry, calls), make(chan *entry)
	busy.Go(func() {
		defer close(order)
		defer close(work)
		for {
			e := &entry{done: make(chan struct{})}
			e.err = caught.Do("", func() (err error) { e.batch, err = next(ctx); return err })
			if e.batch == nil && e.err == nil {
				return
			}
			if e.err != nil {
				close(e.done)
			}
			select {
			case order <- e:
			case <-ctx.Done():
				return
			}
			if e.err != nil {
				return
			}
			select {
			case work <- e:
			case <-ctx.Done():
				return
			}
		}
	})
	for range calls {
		busy.Go(func() {
			for e := range work {
				e.err = caught.Do("", func() error { return encode(e.batch) })
				close(e.done)
			}
		})
	}
	for e := range order {
		select {
		case <-e.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if e.err != nil {
			return e.err
		}
		if err := out(e.batch); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// unreadImage is one that is left out, and why.
type unreadImage struct {
	error
	cause lost.Cause
}

// pass is one of the backbone's.
func (b *Backbone) pass(run *op.Run) *Pass {
	return &Pass{Workers: run.Workers, Norm: NormalizationOf(b.Checkpoint.Config), Encoder: b.Encoder, Encode: b.Encoder.Images}
}

// Images embeds images of a source by position: [len(indices), dim], L2-normalised. each is called
// after every batch.
func (b *Backbone) Images(ctx context.Context, run *op.Run, src *Source, indices []int, each func(done int)) ([]float32, error) {
	dim := b.Checkpoint.Config.Dim()
	out := make([]float32, 0, len(indices)*dim)
	err := b.pass(run).Run(ctx, src, indices, func(p *Passed) error {
		out = append(out, p.Features...)
		each(len(out) / dim)
		return nil
	})
	return out, err
}

// Pairs are images with their captions, both [len(At), dim] and L2-normalised.
type Pairs struct {
	At            []int // positions
	Images, Texts []float32
}

// Pairs embeds the images of a source that decode, and their captions. unread is called for each of
// the others, in order; once it says that they are too many, the rest is only read. each is called
// after every batch, with the last position of it.
func (b *Backbone) Pairs(ctx context.Context, run *op.Run, src *Source, captions []string, unread func(i int, err error) (tooMany bool), each func(last, done int)) (Pairs, error) {
	size := src.N * b.Checkpoint.Config.Dim()
	out := Pairs{Images: make([]float32, 0, size), Texts: make([]float32, 0, size)}
	p := b.pass(run)
	p.packed = true
	p.unread = func(i int, u *unreadImage) bool { return unread(i, u.error) }
	p.Texts = func(at []int) ([]float32, error) { return b.Texts(ctx, Kept(captions, at)) }
	err := p.Run(ctx, lenient{src}, IndicesTo(src.N), func(p *Passed) error {
		if p.Features == nil {
			return nil
		}
		out.At = append(out.At, p.At...)
		out.Images, out.Texts = append(out.Images, p.Features...), append(out.Texts, p.Texts...)
		each(p.At[len(p.At)-1], len(out.At))
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
	p, count, done := b.pass(run), r.Counted(), 0
	if p.Encode = r.Encode; p.Encode == nil {
		p.Encode = b.Encoder.ImageFeatures
	}
	p.unread = func(_ int, u *unreadImage) bool {
		count.Add(u.cause, u.Error())
		return count.Check(r.MaxShare) != nil
	}
	p.tooMany = count.Check(r.MaxShare) != nil
	err = p.Run(ctx, &r, IndicesTo(r.N), func(p *Passed) error {
		if p.Features != nil {
			if err := out(p.At, p.Features); err != nil {
				return err
			}
		}
		kept = append(kept, p.At...)
		done = min(done+b.Encoder.AtOnce(), r.N)
		run.Progress(op.Progress{Done: done, Total: r.N, Note: "images"})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return kept, run.Lose(count, r.MaxShare)
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
