package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"react/runner/cli"
)

// Partial returns the directory in which attempts at a key keep what the next
// one can go on from. It is not made; it belongs to the holder of the key's
// lease, and is worth nothing once the key is published.
func (s *Store) Partial(key string) string {
	return filepath.Join(s.root, "cache", "partial", key)
}

// Partials lists the keys that have such a directory, with its size in bytes.
func (s *Store) Partials() (map[string]int64, error) {
	dirs, err := os.ReadDir(filepath.Join(s.root, "cache", "partial"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{s.root, "list partial outputs", err}
	}
	sizes := map[string]int64{}
	for _, d := range dirs {
		if checkKey(d.Name()) == nil {
			sizes[d.Name()] = treeBytes(s.Partial(d.Name()))
		}
	}
	return sizes, nil
}

// DropPartial removes the directory, if there is one.
func (s *Store) DropPartial(key string) error {
	if err := removeAll(s.Partial(key)); err != nil {
		return &Error{s.root, "remove the partial output of " + cli.Short(key), err}
	}
	return nil
}

// clearPartials removes the directories of keys that were published by a
// process that died right after.
func (s *Store) clearPartials() {
	dirs, err := os.ReadDir(filepath.Join(s.root, "cache", "partial"))
	if err != nil {
		return
	}
	for _, d := range dirs {
		if checkKey(d.Name()) != nil {
			continue
		}
		if _, err := os.Lstat(s.entryDir(d.Name())); err == nil {
			removeAll(s.Partial(d.Name()))
		}
	}
}
