package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"react/runner/cli"
)

// Txn is an entry being written. Its owner fills Dir and then calls Commit or
// Discard. It is used by one goroutine.
type Txn struct {
	store    *Store
	dir      string
	manifest Manifest
}

// numTxns tells apart the transactions of this process.
var numTxns atomic.Int64

// Begin starts an entry for key: an empty directory on the store's file
// system. lines is the key's preimage, for people.
func (s *Store) Begin(key, op string, lines []string) (*Txn, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	o, err := s.prepare()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.dir, fmt.Sprintf("%s-%s-%d", op, cli.Short(key), numTxns.Add(1)))
	if err := os.Mkdir(dir, 0o777); err != nil {
		return nil, &Error{s.root, "begin " + op, err}
	}
	return &Txn{store: s, dir: dir, manifest: Manifest{
		Format: manifestFormat, Key: key, Op: op, Lines: lines,
		Started: now(), Host: hostName(),
	}}, nil
}

// now has whole milliseconds, which read the same after a trip through JSON.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Dir is the directory to fill. It may hold regular files and directories.
func (t *Txn) Dir() string { return t.dir }

// Reads notes what the output is made from: the digest of each input, by key, as
// it was read (Manifest.Inputs).
func (t *Txn) Reads(inputs map[string]string) { t.manifest.Inputs = inputs }

// Discard drops what was written.
func (t *Txn) Discard() error { return removeAll(t.dir) }

// Commit publishes the directory: files and directories are synced, the
// manifest is written last, and one rename makes the entry. When the key was
// published meanwhile, ours is dropped and theirs returned with Raced set.
// After an error nothing is published and the directory is gone.
func (t *Txn) Commit(facts map[string]any, warnings []string) (Entry, error) {
	t.manifest.Facts, t.manifest.Warnings = facts, warnings
	if err := t.seal(); err != nil {
		t.Discard()
		return Entry{}, t.fail(err)
	}
	e, err := t.publish()
	if err != nil {
		t.Discard()
		return Entry{}, t.fail(err)
	}
	return e, nil
}

func (t *Txn) fail(err error) error {
	return &Error{t.store.root, "publish " + t.manifest.Op + " " + cli.Short(t.manifest.Key), err}
}

// seal lists, digests and syncs the files, makes them read-only and writes the
// manifest.
func (t *Txn) seal() error {
	t.store.step("files")
	if err := t.list(); err != nil {
		return err
	}
	t.manifest.Finished = now()
	data, err := t.manifest.encode()
	if err != nil {
		return err
	}
	t.store.step("manifest")
	path := filepath.Join(t.dir, manifestName)
	if err := t.store.disk.writeFile(path, data); err != nil {
		return err
	}
	return os.Chmod(path, 0o444)
}

// list walks in lexical order, so the manifest is the same for the same files.
func (t *Txn) list() error {
	return filepath.WalkDir(t.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return t.sealDir(path)
		}
		return t.sealFile(path, d)
	})
}

// sealDir leaves the top directory alone: the manifest is still to come, which
// syncs it, and a directory that moves must be writable.
func (t *Txn) sealDir(path string) error {
	t.store.step("directory")
	if path == t.dir {
		return nil
	}
	if err := t.store.disk.syncDir(path); err != nil {
		return err
	}
	return os.Chmod(path, 0o555)
}

func (t *Txn) sealFile(path string, d fs.DirEntry) error {
	rel, err := filepath.Rel(t.dir, path)
	if err != nil {
		return err
	}
	if rel == manifestName {
		return fmt.Errorf("the stage wrote a file %s of its own", manifestName)
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", rel)
	}
	t.store.step("file")
	sum, err := t.store.disk.digest(path)
	if err != nil {
		return err
	}
	t.manifest.Files = append(t.manifest.Files, File{filepath.ToSlash(rel), info.Size(), sum})
	return os.Chmod(path, 0o444)
}

// publish renames the directory to its place. rename fails onto a directory
// that is not empty: the first writer wins. A damaged entry in the way is set
// aside, which another process may be doing too; hence the loop.
func (t *Txn) publish() (Entry, error) {
	key := t.manifest.Key
	to := t.store.entryDir(key)
	if err := t.store.disk.makeDirs(filepath.Dir(to)); err != nil {
		return Entry{}, err
	}
	for {
		t.store.step("rename")
		err := os.Rename(t.dir, to)
		if err == nil {
			return t.published(to)
		}
		if !errors.Is(err, syscall.EEXIST) && !errors.Is(err, syscall.ENOTEMPTY) {
			return Entry{}, err
		}
		theirs, ok, err := t.store.Lookup(key)
		if ok && len(theirs.Evicted) > 0 { // made again because a reader needs it whole
			if err := t.store.Remove(key); err != nil {
				return Entry{}, err
			}
			continue
		}
		if ok {
			theirs.Raced, theirs.Differs = true, Differing(theirs.Manifest.Files, t.manifest.Files)
			return theirs, t.Discard()
		}
		var damaged *Damaged
		if errors.As(err, &damaged) {
			_, err = t.store.SetAside(key)
		}
		if err != nil {
			return Entry{}, err
		}
	}
}

func (t *Txn) published(dir string) (Entry, error) {
	t.store.step("published")
	defer t.store.step("returned")
	if err := t.store.disk.syncDir(filepath.Dir(dir)); err != nil {
		return Entry{}, err
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		return Entry{}, err
	}
	e := Entry{Key: t.manifest.Key, Dir: dir, Manifest: t.manifest}
	t.store.checked.made(e)
	return e, nil
}

// Differing returns the paths in either list whose size or digest is not the
// same in the other.
func Differing(a, b []File) []string {
	seen := map[string]File{}
	for _, f := range a {
		seen[f.Path] = f
	}
	var paths []string
	for _, f := range b {
		if seen[f.Path] != f {
			paths = append(paths, f.Path)
		}
		delete(seen, f.Path)
	}
	for _, f := range a {
		if _, left := seen[f.Path]; left {
			paths = append(paths, f.Path)
		}
	}
	return paths
}
