// Package storetest has what tests need of stores that are dropped at their end.
package storetest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"react/runner/store"
)

// Open opens a store for a test, which nothing is written to yet.
func Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	Clean(t, s.Root())
	t.Cleanup(func() { s.Close() })
	return s
}

// Clean lets the test's end remove published outputs, which are read-only, also
// for who is not root.
func Clean(t testing.TB, dir string) {
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				return os.Chmod(path, 0o777)
			}
			return nil
		})
	})
}
