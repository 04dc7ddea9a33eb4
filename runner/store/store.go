// Package store keeps the outputs of stages on disk, one directory a key, and
// the records of sweeps. It knows keys, directories and manifests; it knows
// nothing of ops, params or experiments.
//
// Words: an entry is the published output of one key: a directory of files and
// the manifest.json that lists them. A transaction (Txn) is an entry being
// written. To publish is to sync a transaction's files, to write its manifest
// last, and to rename its directory to the place of its key. A directory
// without a manifest is never a hit, so a process may die at any moment. To
// evict is to remove the large files of an entry and keep the rest; evicted.json
// says which are gone.
//
// Layout:
//
//	VERSION                        layout version
//	cache/<aa>/<key>/              an entry, read-only
//	cache/tmp/<owner>/             transactions of one process; <owner>.lock is held while it lives
//	cache/locks/                   who is making which key: <key>.lock, held while it lives, and
//	                               <key>.json
//	cache/partial/<key>/           what a stage keeps of an attempt that did not end, for the next
//	cache/damaged/                 entries that failed their check, set aside
//	cache/programs/                what XLA compiled, for the next process
//	cache/collect.lock             shared while a sweep is recorded, exclusive while a collection
//	                               runs
//	fingerprints.jsonl             digests of outside files
//	logs/                          logs of stages, also of failed ones
//	sweeps/<name>/<hash>/          records of one sweep; .held is locked while a process works on
//	                               it, processes/ says what it does
//
// Several processes may use one store, on several hosts where the file system
// is shared. Correctness comes from rename: the first writer of a key wins, the
// others drop their copy. Leases only keep them from doing the same work. A
// Store may be used by several goroutines.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"react/runner/cli"
)

// layoutVersion is what VERSION holds.
//
//	1: cache/<aa>/<key> with manifest.json, fingerprints.jsonl, sweeps/<name>/<hash>
const layoutVersion = 1

// Store is one directory of entries and sweep records.
type Store struct {
	root string
	disk disk
	step func(string) // called before each step of publishing; tests die there

	period time.Duration // between the heartbeats of leases

	mu      sync.Mutex
	owner   *owner // nil until the first write
	digests *digests
	sights  map[string]sight // of leases of others, by key

	checked checked
}

// Error is a fault of the store itself (full, read-only, not a store), as
// against a fault of a stage. Commands exit with another code for it.
type Error struct {
	Root string // directory of the store
	What string // what was being done
	Err  error
}

// Error names the store, what was being done and the cause.
func (e *Error) Error() string {
	if full(e.Err) {
		return fmt.Sprintf("store %s: %s: %v (the disk is full; free space or name another store with --store)", e.Root, e.What, e.Err)
	}
	return fmt.Sprintf("store %s: %s: %v", e.Root, e.What, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is what a program ends with whose store cannot be used.
func (e *Error) ExitCode() int { return cli.CodePlace }

// Open returns the store in dir. It writes nothing: a directory that does not
// exist is an empty store, made by the first write. A directory that holds
// something else, or a store of another layout version, is an *Error. So is one
// whose folders are links: what is cleaned and removed there must be its own.
func Open(dir string) (*Store, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, &Error{dir, "open", err}
	}
	s := &Store{root: root, disk: disk{sync: (*os.File).Sync}, step: func(string) {}, period: leasePeriod}
	if err := errors.Join(s.checkVersion(), s.checkLinks()); err != nil {
		return nil, &Error{root, "open", err}
	}
	return s, nil
}

// OpenExisting is Open for commands that only read or remove: a store that is not there has nothing
// for them, and its name is mistyped more often than not. It is an *Error.
func OpenExisting(dir string) (*Store, error) {
	s, err := Open(dir)
	if err == nil && !s.exists() {
		return nil, &Error{s.root, "open", errAbsent}
	}
	return s, err
}

// exists says whether anything was ever written into the store.
func (s *Store) exists() bool {
	_, err := os.Stat(filepath.Join(s.root, "VERSION"))
	return err == nil
}

var errAbsent = errors.New("no store is there (--store or RUNNER_STORE names one; runner sweep makes one)")

// Root returns the store's directory, absolute.
func (s *Store) Root() string { return s.root }

// Prepare makes the store where it does not exist and checks that it can be
// written, so that a fault shows before any work is done.
func (s *Store) Prepare() error {
	_, err := s.prepare()
	return err
}

// Close gives up the directory of unfinished transactions. The store may be
// used again afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner == nil {
		return nil
	}
	err := s.owner.release()
	s.owner = nil
	return err
}

// TempDir makes a directory on the store's file system that Close removes, or,
// after a kill, the next process.
func (s *Store) TempDir(name string) (string, error) {
	o, err := s.prepare()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(o.dir, fmt.Sprintf("%s-%d", name, numTxns.Add(1)))
	if err := os.Mkdir(dir, 0o777); err != nil {
		return "", &Error{s.root, "make a temporary directory", err}
	}
	return dir, nil
}

// LogPath returns where the log of a key's stage is kept. The directory exists
// once a transaction has begun.
//
// The op of a record that was written elsewhere may be any text: it names no
// folder.
func (s *Store) LogPath(key, op string) string {
	name := strings.ReplaceAll(op+"-"+cli.Short(key), string(filepath.Separator), "_")
	return filepath.Join(s.root, "logs", name+".log")
}

// Blame returns err as an *Error when its cause is the store's file system
// (no space, quota, read-only) and not the stage that met it; else err itself.
func (s *Store) Blame(what string, err error) error {
	var already *Error
	if err == nil || errors.As(err, &already) {
		return err
	}
	if full(err) || errors.Is(err, syscall.EROFS) {
		return &Error{s.root, what, err}
	}
	return err
}

// full also reads the text: libraries behind cgo give no errno.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		strings.Contains(strings.ToLower(err.Error()), "no space left on device")
}

// Unwritable reports whether an error says that a store may be read and not
// written.
func Unwritable(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}

func (s *Store) checkVersion() error {
	data, err := os.ReadFile(filepath.Join(s.root, "VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return s.checkEmpty()
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return errors.New("a file, and no folder (--store names the folder of a store)")
	}
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(data))
	version, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("VERSION holds %q, not a number", text)
	}
	switch {
	case version > layoutVersion:
		return fmt.Errorf("layout version %d is of a newer runner; this one reads and writes version %d: use that program, or another --store", version, layoutVersion)
	case version < layoutVersion: // the layout after this one is to convert this one here
		return fmt.Errorf("layout version %d; this program reads and writes version %d and knows no way from the one to the other", version, layoutVersion)
	}
	return nil
}

// checkLinks finds links where the store's own folders and files should be.
// Their contents are listed, appended to and removed, which must not happen to
// a folder elsewhere that a store from elsewhere leads to.
func (s *Store) checkLinks() error {
	for _, name := range []string{"cache", "cache/tmp", "cache/locks", "cache/partial", "cache/damaged",
		"cache/programs", "cache/collect.lock", "fingerprints.jsonl", "logs", "sweeps"} {
		info, err := os.Lstat(filepath.Join(s.root, name))
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a link; the folders of a store are its own: "+
				"move the whole store where there is room, and name it with --store", name)
		}
	}
	return nil
}

// checkEmpty keeps a mistyped --store from filling someone's home directory.
// A first write that was killed leaves only VERSION's temporary file.
func (s *Store) checkEmpty() error {
	entries, err := os.ReadDir(s.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "VERSION" { // another process has just made the store
			return s.checkVersion()
		}
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			return fmt.Errorf("not a store: it has no VERSION file, but holds %s", e.Name())
		}
	}
	return nil
}

// prepare makes the layout, clears what dead processes left and claims this
// process's directory of transactions. Called before every write.
func (s *Store) prepare() (*owner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner != nil {
		return s.owner, nil
	}
	if err := s.layOut(); err != nil {
		return nil, &Error{s.root, "make it", err}
	}
	tmp := filepath.Join(s.root, "cache", "tmp")
	clearDead(tmp)
	s.clearLeases()
	s.clearPartials()
	o, err := claim(tmp)
	if err != nil {
		return nil, &Error{s.root, "claim a temporary directory", err}
	}
	s.owner = o
	return o, nil
}

// layOut makes VERSION and the directories. VERSION comes first: a process
// that opens the store meanwhile must not take it for someone's directory.
func (s *Store) layOut() error {
	if err := s.disk.makeDirs(s.root); err != nil {
		return err
	}
	version := filepath.Join(s.root, "VERSION")
	if _, err := os.Stat(version); errors.Is(err, fs.ErrNotExist) {
		err = s.disk.writeFile(version, []byte(strconv.Itoa(layoutVersion)+"\n"))
		if err != nil {
			return err
		}
	}
	for _, dir := range []string{"cache/tmp", "cache/locks", "cache/partial", "logs", "sweeps"} {
		if err := s.disk.makeDirs(filepath.Join(s.root, dir)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) entryDir(key string) string {
	return filepath.Join(s.root, "cache", key[:2], key)
}

// short is the part of a key that people read.
// checkKey keeps a malformed key from naming a path outside the cache.
func checkKey(key string) error {
	if len(key) != 64 {
		return fmt.Errorf("key %q is not 64 hexadecimal digits", key)
	}
	for _, c := range key {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return fmt.Errorf("key %q is not 64 hexadecimal digits", key)
		}
	}
	return nil
}
