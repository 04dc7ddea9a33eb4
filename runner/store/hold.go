package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// holdName is the lock file of a sweep's folder: shared by the processes that
// work on it, exclusive for none.
const holdName = ".held"

// Hold says that this process works on the sweep, so that a collection leaves
// its stages alone, and calls write, which records the plan: a collection sees
// the sweep held with its plan, or has ended. The kernel frees the lock when
// the process dies. On a file system without locks, or one that cannot be
// written, nothing is held.
func (w *Sweep) Hold(write func() error) (release func(), err error) {
	guard, err := lockShared(guardPath(w.root))
	if err != nil {
		return nil, &Error{w.root, "hold " + w.Name, err}
	}
	defer unlockFile(guard)
	if err := os.MkdirAll(w.Dir, 0o777); err != nil {
		return nil, &Error{w.root, "hold " + w.Name, err}
	}
	held, err := lockShared(filepath.Join(w.Dir, holdName))
	if err != nil {
		return nil, &Error{w.root, "hold " + w.Name, err}
	}
	if err := write(); err != nil {
		unlockFile(held)
		return nil, err
	}
	return func() { unlockFile(held) }, nil
}

// guardPath is the lock that a collection has to itself while it looks and
// removes.
func guardPath(root string) string { return filepath.Join(root, "cache", "collect.lock") }

// HoldPath is the file that a process that works on the sweep holds open.
func (w *Sweep) HoldPath() string { return filepath.Join(w.Dir, holdName) }

// Held reports whether a process works on the sweep.
func (w *Sweep) Held() bool {
	return isLocked(filepath.Join(w.Dir, holdName))
}

// Collect keeps sweeps from beginning while fn looks for what nobody needs and
// removes it.
func (s *Store) Collect(fn func() error) error {
	if _, err := s.prepare(); err != nil {
		return err
	}
	lock := newLock(guardPath(s.root))
	if err := lock.Lock(); err != nil && !noLocks(err) {
		return &Error{s.root, "collect", err}
	}
	defer lock.Close()
	return fn()
}

// Delete removes the sweep's records, and those of its name when it was the
// last. Stage outputs stay.
func (w *Sweep) Delete() error {
	parent := filepath.Dir(w.Dir)
	gone := filepath.Join(parent, tempPrefix+w.Hash+"-"+filepath.Base(ownerName()))
	if err := os.Rename(w.Dir, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{w.root, "delete sweep " + w.Name, err}
	}
	if err := removeAll(gone); err != nil {
		return &Error{w.root, "delete sweep " + w.Name, err}
	}
	return w.relink(parent)
}

// relink leaves no "latest" that points nowhere.
func (w *Sweep) relink(parent string) error {
	link := filepath.Join(parent, "latest")
	to, err := os.Readlink(link)
	if err != nil || to != w.Hash {
		os.Remove(parent) // only when it is empty
		return nil
	}
	if err := os.Remove(link); err != nil {
		return &Error{w.root, "delete sweep " + w.Name, err}
	}
	if next := newestIn(parent); next != "" {
		return (&Sweep{w.Name, next, filepath.Join(parent, next), w.root, w.store}).Latest()
	}
	os.Remove(parent)
	return nil
}

// newestIn is the folder of a name whose plan was written last.
func newestIn(parent string) string {
	var newest string
	var at int64
	dirs, err := os.ReadDir(parent)
	if err != nil {
		return ""
	}
	for _, d := range dirs {
		info, err := os.Stat(filepath.Join(parent, d.Name(), "plan.json"))
		if err != nil || strings.HasPrefix(d.Name(), tempPrefix) || !d.IsDir() {
			continue
		}
		if t := info.ModTime().UnixNano(); newest == "" || t > at {
			newest, at = d.Name(), t
		}
	}
	return newest
}

func lockShared(path string) (*flock.Flock, error) {
	lock := newLock(path)
	if err := lock.RLock(); err != nil {
		lock.Close()
		if noLocks(err) {
			return nil, nil
		}
		return nil, err
	}
	return lock, nil
}

func unlockFile(lock *flock.Flock) {
	if lock != nil {
		lock.Close()
	}
}

// isLocked reports whether someone holds a lock on the file, which is not made.
func isLocked(path string) bool {
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	defer lock.Close()
	ok, err := lock.TryLock()
	return !ok && !errors.Is(err, fs.ErrNotExist)
}
