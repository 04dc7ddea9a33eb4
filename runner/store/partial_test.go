package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestPartialOfAPublishedKeyIsCleared is a process that died between
// publishing and removing what it had kept.
func TestPartialOfAPublishedKeyIsCleared(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	put(t, s, testKey, "vectors")
	for _, key := range []string{testKey, otherKey} {
		if err := os.MkdirAll(filepath.Join(s.Partial(key), "snapshots"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := open(t, s.root).Prepare(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Partial(testKey)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a published key still has its partial output: %v", err)
	}
	if _, err := os.Stat(s.Partial(otherKey)); err != nil {
		t.Errorf("the partial output of another key is gone: %v", err)
	}
	if err := errors.Join(s.DropPartial(otherKey), s.DropPartial(otherKey)); err != nil {
		t.Error(err)
	}
}
