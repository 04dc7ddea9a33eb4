package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gofrs/flock"

	"react/data/glob"
)

// owner is one process's directory of transactions. Its lock file is held for
// as long as the process lives, so that the next process of the same host can
// tell an abandoned directory from one in use. A lock, not a pid: a pid is
// used again, and in two containers it means two processes.
type owner struct {
	dir  string
	lock *flock.Flock
}

// ownerName starts with the host: whether a lock of another host is seen
// depends on the file system, so directories of other hosts are left alone.
func ownerName() string {
	return fmt.Sprintf("%s-%d-%08x", hostName(), os.Getpid(), rand.Uint32())
}

func hostName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "unknown"
	}
	return strings.NewReplacer("/", "_", "-", "_").Replace(host)
}

// claim makes a directory for this process in tmp. Between making the lock
// file and locking it another process may take it for abandoned and remove it;
// then the file under the name is not the one locked, and a new name is tried.
func claim(tmp string) (*owner, error) {
	for {
		dir := filepath.Join(tmp, ownerName())
		lock := newLock(dir + ".lock")
		_, err := lock.TryLock()
		if err != nil && !noLocks(err) {
			return nil, err
		}
		if err == nil && !sameFile(lock) {
			lock.Close()
			continue
		}
		if err := os.Mkdir(dir, 0o777); err != nil {
			lock.Close()
			return nil, err
		}
		return &owner{dir, lock}, nil
	}
}

// newLock is a lock file, made where there is none. A link in its place is an
// error of the first lock.
func newLock(path string) *flock.Flock {
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|syscall.O_NOFOLLOW))
}

// noLocks says that the file system has no locks (some network file systems,
// as they are mounted). Then nothing is ever taken for abandoned.
func noLocks(err error) bool {
	return errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOLCK)
}

func sameFile(lock *flock.Flock) bool {
	held, err := lock.Stat()
	if err != nil || !lock.Locked() {
		return false
	}
	named, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(held, named)
}

// release removes the directory, then its lock.
func (o *owner) release() error {
	err := removeAll(o.dir)
	os.Remove(o.lock.Path())
	o.lock.Close()
	return err
}

// clearDead removes the directories of processes of this host that are gone.
// Errors are left to the write that follows: a store without abandoned
// directories is a matter of space, not of correctness.
func clearDead(tmp string) {
	locks, err := glob.In(tmp, "*.lock")
	if err != nil {
		return
	}
	for _, path := range locks {
		if !strings.HasPrefix(filepath.Base(path), hostName()+"-") {
			continue
		}
		lock := newLock(path)
		if held, err := lock.TryLock(); err == nil && held && sameFile(lock) {
			removeAll(strings.TrimSuffix(path, ".lock"))
			os.Remove(path)
		}
		lock.Close()
	}
}
