package schedule

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"react/data/words"
	"react/runner/store"
)

// inputs are the entries that a task reads, by key.
type inputs map[string]store.Entry

// check compares their bytes with their manifests, where this process has not
// done so since they changed.
func (in inputs) check(ctx context.Context, s *store.Store) error {
	for _, e := range in {
		if err := s.Check(ctx, e); err != nil {
			return fmt.Errorf("input %s %s: %w", e.Manifest.Op, e.Key[:min(12, len(e.Key))], err)
		}
	}
	return nil
}

func (in inputs) dirs() map[string]string {
	dirs := make(map[string]string, len(in))
	for key, e := range in {
		dirs[key] = e.Dir
	}
	return dirs
}

// digests are what a manifest says of them.
func (in inputs) digests(volatile []string) map[string]string {
	digests := make(map[string]string, len(in))
	for key, e := range in {
		digests[key] = e.Manifest.Digest(volatile...)
	}
	return digests
}

// smallFile is the size, in bytes, up to which any file may be a result.
const smallFile = 1 << 20

// IsResult says whether a file may be one that tables and reports are made of, and
// not weights or vectors: those that are wanted are compared with their digests
// before anything runs, and whenever they are read.
func IsResult(f store.File) bool {
	return f.Size <= smallFile || slices.Contains([]string{".json", ".jsonl", ".parquet"}, path.Ext(f.Path))
}

// largeInputs is how many bytes are checked without a word.
const largeInputs = 4 << 30

// lookSound looks the tasks up until nothing that is wanted or will be read is
// damaged: damaged entries are set aside, and made again.
func (r *run) lookSound(ctx context.Context) (err error) {
	for {
		if r.survey, err = Look(r.opts.Store, r.tasks); err != nil {
			return err
		}
		moved, err := r.sift(ctx)
		if err != nil || !moved {
			return err
		}
	}
}

// sift checks what the survey found, and says whether something was moved.
func (r *run) sift(ctx context.Context) (moved bool, err error) {
	read := r.toRead()
	r.announce(read)
	for i, t := range r.tasks {
		entry := r.survey.Entries[i]
		var damaged *store.Damaged
		switch {
		case r.survey.Damaged[i] != nil && r.survey.Status[i] == ToRun:
			damaged = r.survey.Damaged[i]
		case r.survey.Status[i] != Cached:
			continue
		case read[i]:
			err = r.opts.Store.Check(ctx, entry)
		case t.Wanted:
			err = r.opts.Store.CheckSome(entry, IsResult)
		}
		if err != nil && !errors.As(err, &damaged) {
			return false, err
		}
		if damaged == nil {
			continue
		}
		gone, err := r.remake(ctx, t, damaged)
		if err != nil {
			return false, err
		}
		moved = moved || gone
	}
	return moved, nil
}

// toRead marks the entries that a task to run reads.
func (r *run) toRead() []bool {
	read := make([]bool, len(r.tasks))
	for i := range r.tasks {
		read[i] = r.survey.Status[i] == Cached && r.survey.anyRuns(r.readers[i])
	}
	return read
}

func (r *run) announce(read []bool) {
	var size int64
	for i, yes := range read {
		if yes {
			size += r.survey.Entries[i].Manifest.Bytes()
		}
	}
	if size >= largeInputs && r.opts.Notice != nil {
		r.opts.Notice(fmt.Sprintf("comparing %d GiB of inputs with their digests", size>>30))
	}
}

// remake sets an entry aside under its lease, once it is found damaged still:
// another process may have done so, and made it again.
func (r *run) remake(ctx context.Context, t *Task, damaged *store.Damaged) (moved bool, err error) {
	lease, _, err := r.opts.Store.TryLease(t.Key, t.Op)
	if err != nil {
		return false, err
	}
	if lease == nil { // another has found it too
		select {
		case <-ctx.Done():
		case <-time.After(pollFirst):
		}
		return true, ctx.Err()
	}
	defer lease.Release()
	if e, ok, err := r.opts.Store.Lookup(t.Key); err == nil && ok && r.opts.Store.Check(ctx, e) == nil {
		return true, nil
	}
	return true, r.setAside(t, damaged)
}

// setAside moves a damaged entry away, with what may have been made from it.
func (r *run) setAside(t *Task, damaged *store.Damaged) error {
	if r.opts.Aside == nil {
		r.opts.Aside = func(key string) (string, int, error) {
			to, err := r.opts.Store.SetAside(key)
			return to, 0, err
		}
	}
	to, others, err := r.opts.Aside(t.Key)
	if err != nil || to == "" {
		return err
	}
	text := fmt.Sprintf("%v; moved to %s, made again", damaged, to)
	if others > 0 {
		text += fmt.Sprintf(", with %s that may have been made from it", words.Plural(others, "output"))
	}
	r.opts.Reporter.Warn(t, text)
	return nil
}
