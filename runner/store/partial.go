package store

import (
	"os"
	"path/filepath"
)

// Partial returns the directory in which attempts at a key keep what the next
// one can go on from. It is not made; it belongs to the holder of the key's
// lease, and is worth nothing once the key is published.
func (s *Store) Partial(key string) string {
	return filepath.Join(s.root, "cache", "partial", key)
}

// DropPartial removes the directory, if there is one.
func (s *Store) DropPartial(key string) error {
	if err := removeAll(s.Partial(key)); err != nil {
		return &Error{s.root, "remove the partial output of " + short(key), err}
	}
	return nil
}

// clearPartials removes the directories of keys that were published by a
// process that died right after.
func (s *Store) clearPartials() {
	partials, err := os.ReadDir(filepath.Join(s.root, "cache", "partial"))
	if err != nil {
		return
	}
	for _, p := range partials {
		if checkKey(p.Name()) != nil {
			continue
		}
		if _, err := os.Lstat(s.entryDir(p.Name())); err == nil {
			removeAll(s.Partial(p.Name()))
		}
	}
}
