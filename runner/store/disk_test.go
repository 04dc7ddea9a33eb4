package store

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// durable is what a crash of the machine would leave: the bytes of files and the
// names in directories as they were when they were synced last, by inode.
type durable struct {
	files map[uint64][]byte
	names map[uint64][]string
}

// watchSyncs has a store tell what it syncs.
func watchSyncs(s *Store) *durable {
	d := &durable{files: map[uint64][]byte{}, names: map[uint64][]string{}}
	s.disk.sync = func(f *os.File) error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if info.IsDir() {
			d.names[inode(info)], err = dirNames(f.Name())
		} else {
			d.files[inode(info)], err = os.ReadFile(f.Name())
		}
		if err != nil {
			return err
		}
		return f.Sync()
	}
	return d
}

func inode(info os.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

func dirNames(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

// lost lists what of a tree a crash would take: files whose bytes, and names
// whose directory, were not synced since they changed.
func (d *durable) lost(root string) (lost []string) {
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if e.IsDir() {
			now, err := dirNames(path)
			if !slices.Equal(now, d.names[inode(info)]) {
				lost = append(lost, rel+": names "+strings.Join(now, " "))
			}
			return err
		}
		now, err := os.ReadFile(path)
		if had, synced := d.files[inode(info)]; !synced || !bytes.Equal(had, now) {
			lost = append(lost, rel+": bytes")
		}
		return err
	})
	if err != nil {
		lost = append(lost, err.Error())
	}
	return lost
}

// holds says whether a crash would leave the name, and those of the directories
// above it up to the store's.
func (d *durable) holds(s *Store, path string) error {
	for at := path; at != s.root; at = filepath.Dir(at) {
		info, err := os.Stat(filepath.Dir(at))
		if err != nil {
			return err
		}
		if !slices.Contains(d.names[inode(info)], filepath.Base(at)) {
			return fmt.Errorf("the name %s in %s is not on the disk", filepath.Base(at), filepath.Dir(at))
		}
	}
	return nil
}

// TestNothingIsNamedBeforeItIsOnDisk: when the entry gets its name its files and
// directories have been synced as they are; when Commit returns the name has
// been, with the new directory that it is in.
func TestNothingIsNamedBeforeItIsOnDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	d := watchSyncs(s)
	var renamed []string
	txn, err := s.Begin(testKey, "embed", []string{"op embed 1"})
	if err != nil {
		t.Fatal(err)
	}
	s.step = func(step string) {
		if step == "rename" {
			renamed = append(renamed, txn.Dir())
			if lost := d.lost(txn.Dir()); len(lost) > 0 {
				t.Errorf("published before it was on the disk: %q", lost)
			}
		}
	}
	if err := fill(txn.Dir(), "vectors"); err != nil {
		t.Fatal(err)
	}
	e, err := txn.Commit(nil, nil)
	if err != nil || len(renamed) != 1 {
		t.Fatalf("renamed %v, %v", renamed, err)
	}
	if err := d.holds(s, e.Dir); err != nil {
		t.Error(err)
	}
}

// TestRecordsAreOnDisk: a record, also one in a new folder, survives a crash once
// Write has returned, and so does the note of what was evicted before the files
// are gone.
func TestRecordsAreOnDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	d := watchSyncs(s)
	e := put(t, s, testKey, strings.Repeat("vectors", 10))
	w, err := s.Sweep("emoji", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write("trials/a/result.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	record := w.Path("trials/a/result.json")
	if err := d.holds(s, record); err != nil {
		t.Error(err)
	}
	checkSynced(t, d, record)
	s.step = func(step string) {
		if step == "evicted" {
			checkSynced(t, d, filepath.Join(e.Dir, evictedName))
		}
	}
	if freed, err := s.Evict(e, 10); err != nil || freed == 0 {
		t.Fatalf("evicted %d bytes, %v", freed, err)
	}
}

func checkSynced(t *testing.T, d *durable, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	now, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(now, d.files[inode(info)]) {
		t.Errorf("%s: %q on the disk, %q written, %v", path, d.files[inode(info)], now, err)
	}
}
