package op

import (
	"context"

	"golang.org/x/sync/errgroup"

	"react/data/caught"
)

// ForEach runs fn for 0..n-1 on a bounded number of goroutines, in contiguous shares, and waits for
// them.
func ForEach(ctx context.Context, workers, n int, fn func(i int) error) error {
	workers = max(1, min(workers, n))
	group, ctx := errgroup.WithContext(ctx)
	for w := range workers {
		group.Go(func() error {
			return caught.Do("", func() error {
				for i := w * n / workers; i < (w+1)*n/workers; i++ {
					if err := ctx.Err(); err != nil {
						return err
					}
					if err := fn(i); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	return group.Wait()
}
