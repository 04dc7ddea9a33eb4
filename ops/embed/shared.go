package embed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"react/data/wholefile"
)

// ErrNotBegun is what an op returns with Run.Assist where the process that makes the stage has not
// come so far that it can be helped.
var ErrNotBegun = errors.New("there is nothing to help with yet")

// Several processes embed one pool so: the one that makes the stage invites others by a folder of
// lock files in Run.Partial. All of them read the pool's rows and form the same blocks; a block is
// computed by who holds its lock, and kept in Run.Partial. The maker writes blocks in order; once
// it comes to one that another has, it only computes, and writes the rest in a second pass over the
// rows. The kernel frees the locks of a process that dies, so that another takes its block.
const claimsDir = "claims"

// claimPoll is the time between two looks at a block that another process computes.
const claimPoll = 50 * time.Millisecond

// Others can help only on the engine that claims/engine.json names, from the block on that
// claims/written counts.
const (
	invitation  = "engine.json"
	writtenFile = "written"
)

// invite opens the stage to others, and notes what is there of an attempt before.
func (b *blocks) invite() error {
	b.before = map[int]bool{}
	if b.run.Partial == "" {
		return nil
	}
	dir := filepath.Join(b.run.Partial, claimsDir)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	entries, err := os.ReadDir(b.run.Partial)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if i, err := strconv.Atoi(e.Name()); err == nil {
			b.before[i] = true
		}
	}
	b.wrote(0)
	data, err := json.Marshal(b.engine)
	if err != nil {
		return err
	}
	return wholefile.Write(filepath.Join(dir, invitation), data, 0o666)
}

// invited says whether this process can help.
func (b *blocks) invited() error {
	data, err := os.ReadFile(filepath.Join(b.run.Partial, claimsDir, invitation))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotBegun
	}
	var theirs map[string]string
	if err == nil {
		err = json.Unmarshal(data, &theirs)
	}
	if err == nil && !maps.Equal(theirs, b.engine) {
		err = fmt.Errorf("it is made on engine %v, and this process has %v: both would round otherwise", theirs, b.engine)
	}
	return err
}

// claim takes a block; ok is false where another process has it. release is not nil where it is
// taken.
func (b *blocks) claim(i int) (release func(), ok bool, err error) {
	if b.run.Partial == "" {
		return func() {}, true, nil
	}
	lock := flock.New(filepath.Join(b.run.Partial, claimsDir, fmt.Sprintf("%06d.lock", i)))
	ok, err = lock.TryLock()
	release = func() { lock.Close() }
	switch {
	// nobody can help
	case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOLCK):
		return release, !b.run.Assist, lock.Close()
	case err != nil || !ok:
		return nil, false, errors.Join(err, lock.Close())
	}
	return release, true, nil
}

// wrote tells others that the first n blocks are in the output. One who does not learn of it does
// work twice, no more.
func (b *blocks) wrote(n int) {
	if b.run.Partial != "" {
		_ = os.WriteFile(filepath.Join(b.run.Partial, claimsDir, writtenFile), []byte(strconv.Itoa(n)), 0o666)
	}
}

// there says whether a block is in the output or was kept, without a look at its vectors.
func (b *blocks) there(i int) bool {
	text, err := os.ReadFile(filepath.Join(b.run.Partial, claimsDir, writtenFile))
	if n, bad := strconv.Atoi(string(text)); err == nil && bad == nil && i < n {
		return true
	}
	_, err = os.Stat(filepath.Join(b.dir(i), "block.json"))
	return err == nil
}

// assist computes the blocks that nobody has, and keeps them. It ends when there are none, or when
// the stage is published.
func (e *embedder) assist(ctx context.Context, blockRows int) error {
	_, err := e.eachBlock(ctx, blockRows, func() error {
		if e.blocks.there(e.index) {
			return nil
		}
		release, ok, err := e.blocks.claim(e.index)
		if err != nil || !ok {
			return err
		}
		defer release()
		if e.blocks.there(e.index) {
			return nil
		}
		_, err = e.compute(ctx, true)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := os.Stat(e.run.Partial); errors.Is(gone, fs.ErrNotExist) {
			return nil // published meanwhile
		}
	}
	return err
}

// obtain finds the block of e.rows, or computes it; release is nil where another process has it.
func (e *embedder) obtain(ctx context.Context, must bool) (b embeddedBlock, release func(), err error) {
	release = func() {}
	b, found := e.blocks.get(e.index, len(e.rows))
	if !found {
		var ok bool
		if release, ok, err = e.blocks.claim(e.index); err != nil || !ok {
			return b, nil, err
		}
		if b, found = e.blocks.get(e.index, len(e.rows)); !found {
			if b, err = e.compute(ctx, must); err != nil {
				release()
				return b, nil, err
			}
		}
	}
	if found && !e.mine[e.index] && !e.counted[e.index] {
		e.foundBlock(len(e.rows))
	}
	return b, release, nil
}

// ahead computes or finds the block of e.rows. Blocks are written in order until one is missing
// that another process has; from there on they are kept.
func (e *embedder) ahead(ctx context.Context) error {
	b, release, err := e.obtain(ctx, e.behind)
	if err != nil {
		return err
	}
	if release == nil {
		e.behind = true
		return nil
	}
	if e.behind {
		release()
		e.report(len(e.rows)-1, len(e.rows))
		return nil
	}
	return e.write(b, release)
}

// rest writes the blocks that ahead left: those that others have come when they are through with
// them, or are computed here when they die.
func (e *embedder) rest(ctx context.Context) error {
	if e.index < e.written {
		return nil
	}
	for {
		b, release, err := e.obtain(ctx, false)
		if err != nil {
			return err
		}
		if release != nil {
			return e.write(b, release)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(claimPoll):
		}
	}
}

// foundBlock counts a block that was not computed by this attempt.
func (e *embedder) foundBlock(rows int) {
	e.counted[e.index] = true
	if e.blocks.before[e.index] {
		e.resumed++
		return
	}
	e.shared++
	if !e.began.IsZero() {
		e.computed += rows
	}
}
