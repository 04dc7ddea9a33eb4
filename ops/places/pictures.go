package places

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"react/data/image"
	"react/data/lost"
	"react/ops/backbone"
	"react/ops/op"
)

// Pictures are image files below a folder.
type Pictures struct {
	Dir   string
	Files []string // with slashes
}

// read is a picture that could be read, and what was made of it.
type read[T any] struct {
	at    int // its place
	value T
}

// each reads pictures in their order: several are read and made into something beside each other,
// and while a group is given to compute, the next is made. Those that cannot be read are left out;
// more than a share of them are an error.
func each[T any](ctx context.Context, run *op.Run, p Pictures, group int, maxShare float64,
	prepare func(at int, img *image.RGB) (T, error), compute, out func(group []read[T]) error) error {
	count := lost.Count{Of: int64(len(p.Files)), What: "pictures " + filepath.Base(p.Dir)}
	next, done := 0, 0
	type batch struct {
		read []read[T]
		end  int
	}
	fill := func(ctx context.Context) (*batch, error) {
		if next == len(p.Files) {
			return nil, nil
		}
		start := next
		next = min(next+group, len(p.Files))
		values, unread := make([]T, next-start), make([]*unreadPicture, next-start)
		err := op.ForEach(ctx, run.Workers, next-start, func(i int) error {
			err := p.use(start+i, func(img *image.RGB) (err error) {
				values[i], err = prepare(start+i, img)
				return err
			})
			if errors.As(err, &unread[i]) {
				return nil
			}
			return err
		})
		b := &batch{end: next}
		for i, u := range unread {
			if u != nil {
				count.Add(u.cause, u.Error())
				continue
			}
			b.read = append(b.read, read[T]{start + i, values[i]})
		}
		return b, errors.Join(err, count.Check(maxShare))
	}
	err := backbone.Pipe(ctx, 1, fill, func(b *batch) error { return compute(b.read) }, func(b *batch) error {
		done = b.end
		run.Progress(op.Progress{Done: done, Total: len(p.Files), Note: "pictures"})
		return out(b.read)
	})
	if err != nil {
		return err
	}
	return run.Lose(count, maxShare)
}

// unreadPicture is one that is left out, and why.
type unreadPicture struct {
	error
	cause lost.Cause
}

// use lends a picture.
func (p Pictures) use(i int, with func(img *image.RGB) error) error {
	name := filepath.Join(p.Dir, filepath.FromSlash(p.Files[i]))
	raw, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &unreadPicture{fmt.Errorf("%s: no such file", name), lost.NotThere}
	case err != nil:
		return err
	case len(raw) == 0:
		return &unreadPicture{fmt.Errorf("%s: no bytes", name), lost.NoBytes}
	}
	var wrong error
	err = image.Use(raw, true, func(img *image.RGB) error {
		wrong = with(img)
		return nil
	})
	if err != nil {
		return &unreadPicture{fmt.Errorf("%s: %w", name, err), lost.Undecodable}
	}
	if wrong != nil {
		return fmt.Errorf("%s: %w", name, wrong)
	}
	return nil
}
