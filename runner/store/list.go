package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"react/data/glob"
)

// Keys returns the keys that have a directory in the store, damaged ones too,
// sorted.
func (s *Store) Keys() ([]string, error) {
	dirs, err := glob.In(filepath.Join(s.root, "cache"), "[0-9a-f][0-9a-f]")
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &Error{s.root, "list entries", err}
		}
		for _, e := range entries {
			if e.IsDir() && checkKey(e.Name()) == nil {
				keys = append(keys, e.Name())
			}
		}
	}
	sort.Strings(keys)
	return keys, nil
}

// Manifests reads the manifest of every entry and calls fn with it, in the
// order of the keys. Damaged entries and those that vanish meanwhile are left
// out.
func (s *Store) Manifests(fn func(dir string, m Manifest)) error {
	keys, err := s.Keys()
	if err != nil {
		return err
	}
	for _, key := range keys {
		dir := s.entryDir(key)
		if m, err := readManifest(dir, key); err == nil {
			fn(dir, m)
		}
	}
	return nil
}

// Bytes is the size of the entry's files, the manifest not counted.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// Digest is one digest for all files of the entry: that of their list of paths
// and digests, some paths left out. Two outputs with the same bytes have the
// same.
func (m *Manifest) Digest(without ...string) string {
	h := sha256.New()
	for _, f := range m.Files {
		if !slices.Contains(without, f.Path) {
			fmt.Fprintf(h, "%s %d %q\n", f.SHA256, f.Size, f.Path)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Files lists what the transaction holds, with digests. It makes the files
// read-only: Discard comes next.
func (t *Txn) Files() ([]File, error) {
	err := t.list()
	return t.manifest.Files, err
}
