package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// manifestName is the file that makes a directory an entry.
const manifestName = "manifest.json"

// manifestFormat is the version of the manifest's fields.
//
//	1: key, op, lines, files, facts, warnings, times, host
const manifestFormat = 1

// Manifest says what an entry is, what it was made from and what it holds.
type Manifest struct {
	Format   int            `json:"format"`
	Key      string         `json:"key"`
	Op       string         `json:"op"`
	Lines    []string       `json:"lines"` // the key's preimage
	Files    []File         `json:"files"` // sorted by path
	Facts    map[string]any `json:"facts,omitempty"`
	Warnings []string       `json:"warnings,omitempty"`
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished"`
	Host     string         `json:"host"`
}

// File is one file of an entry.
type File struct {
	Path   string `json:"path"` // relative to the entry, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

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

// Damaged says that an entry is there but is not what its manifest says.
// SetAside makes room for it to be made again.
type Damaged struct {
	Key string
	Dir string
	Why string
}

// Error names the entry and what is wrong with it.
func (e *Damaged) Error() string { return fmt.Sprintf("entry %s is damaged: %s", e.Dir, e.Why) }

// Lookup returns the entry of key, if there is one. It compares the files'
// sizes with the manifest, not their digests (Verify does). An entry that
// fails is a *Damaged error. Lookup writes nothing.
func (s *Store) Lookup(key string) (Entry, bool, error) {
	if err := checkKey(key); err != nil {
		return Entry{}, false, err
	}
	dir := s.entryDir(key)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return Entry{}, false, nil
	} else if err != nil {
		return Entry{}, false, &Error{s.root, "look up " + short(key), err}
	}
	m, err := readManifest(dir, key)
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
	got, err := digest(filepath.Join(e.Dir, filepath.FromSlash(f.Path)), false)
	if err != nil {
		return &Damaged{e.Key, e.Dir, err.Error()}
	}
	if got != f.SHA256 {
		return &Damaged{e.Key, e.Dir, fmt.Sprintf("%s: sha256 is %s, the manifest says %s", f.Path, got, f.SHA256)}
	}
	return nil
}

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
	if err := os.MkdirAll(aside, 0o777); err != nil {
		return "", &Error{s.root, "set aside " + short(key), err}
	}
	to := filepath.Join(aside, short(key)+"-"+filepath.Base(ownerName()))
	dir := s.entryDir(key)
	os.Chmod(dir, 0o755) // a directory that moves must be writable
	if err := os.Rename(dir, to); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", &Error{s.root, "set aside " + short(key), err}
	}
	return to, nil
}

func readManifest(dir, key string) (Manifest, error) {
	var m Manifest
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, errors.New("it has no " + manifestName)
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s: %w", manifestName, err)
	}
	if m.Format != manifestFormat {
		return m, fmt.Errorf("%s: format %d, not %d", manifestName, m.Format, manifestFormat)
	}
	if m.Key != key {
		return m, fmt.Errorf("%s is of key %s", manifestName, short(m.Key))
	}
	return m, nil
}

// checkSizes compares the files with the manifest, and returns those that are
// not there because they were evicted.
func (m *Manifest) checkSizes(dir string) (evicted []string, err error) {
	for _, f := range m.Files {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if errors.Is(err, fs.ErrNotExist) {
			if evicted == nil {
				evicted = readEvicted(dir)
			}
			if !slices.Contains(evicted, f.Path) {
				return nil, fmt.Errorf("%s is missing", f.Path)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() || info.Size() != f.Size {
			return nil, fmt.Errorf("%s has %d bytes, the manifest says %d", f.Path, info.Size(), f.Size)
		}
	}
	return evicted, nil
}

// digest reads a file's sha256; with sync its bytes are on disk afterwards.
func digest(path string, sync bool) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
