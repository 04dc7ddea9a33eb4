package status

import (
	"context"
	"io"
	"os"
	"time"

	"react/runner/cli"
	"react/runner/store"
)

// Options say how a status is shown.
type Options struct {
	Watch bool // until the sweep ends
	JSON  bool
	Every time.Duration // between two looks
}

// Show prints the status of a sweep once, or until the sweep ends. An interrupt ends
// the watching, not the sweep.
func Show(ctx context.Context, s *store.Store, folder *store.Sweep, w io.Writer, o Options) error {
	watcher, err := New(s, folder)
	if err != nil {
		return err
	}
	first, err := watcher.Read()
	if err != nil {
		return err
	}
	switch {
	case !o.Watch && o.JSON:
		return cli.PrintTabbed(w, first)
	case !o.Watch:
		_, err := io.WriteString(w, first.text(styleOf(w)).String())
		return err
	case o.JSON:
		return o.follow(ctx, watcher, first, newJSONLines(w))
	}
	if f, ok := w.(*os.File); ok && cli.IsTerminal(f) {
		screen := newScreen(f)
		defer screen.close()
		return o.follow(ctx, watcher, first, screen.show)
	}
	return o.follow(ctx, watcher, first, newChangeLines(w))
}

// follow shows each look until the sweep ends or the context does. A look takes
// at most a fifth of the time.
func (o Options) follow(ctx context.Context, watcher *Watcher, status *Status, show func(*Status) error) error {
	for {
		if err := show(status); err != nil {
			return err
		}
		if !status.Live() {
			return nil
		}
		start := time.Now()
		next, err := watcher.Read()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(o.Every, 5*time.Since(start))):
		}
		status = next
	}
}
