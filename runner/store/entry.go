package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"react/runner/cli"
)

// Entry is a published output. Its files are not to be changed.
type Entry struct {
	Key      string
	Dir      string // absolute
	Manifest Manifest
	// Raced is set by Commit when another process published the key first;
	// then this is its entry, and Differs names the files whose bytes were not
	// the same as ours.
	Raced   bool
	Differs []string
	// Evicted names files that Evict has removed to save space. What an entry
	// has left can be read; a stage that reads the rest needs it made again.
	Evicted []string
}

// Bytes is the size of the files of more than so many bytes that are there.
func (e *Entry) Bytes(over int64) (n int64) {
	for _, f := range e.Manifest.Large(e.Evicted, over) {
		n += f.Size
	}
	return n
}

// Damaged says that an entry is there but is not what its manifest says.
// SetAside makes room for it to be made again.
type Damaged struct {
	Key string
	Dir string
	Why string
}

// Error names the entry and what is wrong with it.
func (e *Damaged) Error() string { return fmt.Sprintf("entry %s is damaged: %s", e.Dir, e.Why) }

// checkPlace refuses an entry that is a link, or lies in a folder that is one: it
// would be read, removed and made writable somewhere else.
func (s *Store) checkPlace(dir string, info fs.FileInfo) error {
	parent, err := os.Lstat(filepath.Dir(dir))
	if err == nil && !parent.IsDir() {
		err = fmt.Errorf("its folder %s is a link", filepath.Base(filepath.Dir(dir)))
	}
	if err == nil && !info.IsDir() {
		err = errors.New("it is a link or a file, and no folder of the store")
	}
	return err
}

// Lookup returns the entry of key, if there is one. It compares the files'
// sizes with the manifest, not their digests (Verify does). An entry that
// fails is a *Damaged error. Lookup writes nothing.
func (s *Store) Lookup(key string) (Entry, bool, error) {
	if err := checkKey(key); err != nil {
		return Entry{}, false, err
	}
	dir := s.entryDir(key)
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, false, nil
	} else if err != nil {
		return Entry{}, false, &Error{s.root, "look up " + cli.Short(key), err}
	}
	err = s.checkPlace(dir, info)
	var m Manifest
	if err == nil {
		m, err = readManifest(dir, key)
	}
	var evicted []string
	if err == nil {
		evicted, err = m.checkSizes(dir)
	}
	if err != nil {
		return Entry{}, false, &Damaged{key, dir, err.Error()}
	}
	return Entry{Key: key, Dir: dir, Manifest: m, Evicted: evicted}, true, nil
}

// Verify reads every file of an entry that was not evicted and compares its
// digest with the manifest; the error is a *Damaged.
func (s *Store) Verify(e Entry) error {
	if err := s.VerifyNames(e); err != nil {
		return err
	}
	for _, f := range e.Manifest.Files {
		if slices.Contains(e.Evicted, f.Path) {
			continue
		}
		if err := s.VerifyFile(e, f); err != nil {
			return err
		}
	}
	return nil
}

// VerifyFile is Verify of one file of an entry.
func (s *Store) VerifyFile(e Entry, f File) error {
	err := compare(context.Background(), e, f)
	if errors.Is(err, syscall.EIO) { // a bad sector, most likely
		return &Damaged{e.Key, e.Dir, err.Error()}
	}
	return err
}

// compare reads a file of an entry. The error is a *Damaged where the file is
// gone or has other bytes, else it says what kept it from being read.
func compare(ctx context.Context, e Entry, f File) error {
	got, err := digestUntil(ctx, e.path(f))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Damaged{e.Key, e.Dir, f.Path + " is missing"}
	case err != nil:
		return err
	case got != f.SHA256:
		return &Damaged{e.Key, e.Dir, fmt.Sprintf("%s: sha256 is %s, the manifest says %s", f.Path, got, f.SHA256)}
	}
	return nil
}

func (e Entry) path(f File) string { return filepath.Join(e.Dir, filepath.FromSlash(f.Path)) }

// SetAside moves a damaged entry out of the way, to be looked at, and returns
// where it is now. When the entry is gone already it returns "".
func (s *Store) SetAside(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	if _, err := s.prepare(); err != nil {
		return "", err
	}
	aside := filepath.Join(s.root, "cache", "damaged")
	if err := s.disk.makeDirs(aside); err != nil {
		return "", &Error{s.root, "set aside " + cli.Short(key), err}
	}
	to := filepath.Join(aside, cli.Short(key)+"-"+filepath.Base(ownerName()))
	dir := s.entryDir(key)
	makeMovable(dir)
	if err := os.Rename(dir, to); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", &Error{s.root, "set aside " + cli.Short(key), err}
	}
	return to, nil
}
