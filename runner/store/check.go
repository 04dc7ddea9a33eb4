package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// checked knows the files whose bytes this process has compared with their
// manifest, or has written itself, as they were then: a thousand trials do not
// digest one checkpoint a thousand times. Nothing of it outlives the process, so
// that what a disk spoils is found by the next.
type checked struct {
	mu    sync.Mutex
	known map[string]checkedFile
}

// checkedFile is a file as it was. A change by any program gives it another time
// of change (ctime), which none can set.
type checkedFile struct {
	stat   fileStat
	sha256 string // the manifest's
}

type fileStat struct {
	size, mtime, ctime int64 // bytes, nanoseconds
	dev, inode         uint64
}

func statOf(info os.FileInfo) fileStat {
	s := fileStat{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.ctime, s.dev, s.inode = st.Ctim.Nano(), st.Dev, st.Ino
	}
	return s
}

func (c *checked) has(path string, f checkedFile) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.known[path]
	return ok && known == f
}

func (c *checked) add(path string, f checkedFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = map[string]checkedFile{}
	}
	c.known[path] = f
}

// made notes the files of an entry that this process wrote and digested.
func (c *checked) made(e Entry) {
	for _, f := range e.Manifest.Files {
		if info, err := os.Lstat(e.path(f)); err == nil {
			c.add(e.path(f), checkedFile{statOf(info), f.SHA256})
		}
	}
}

// Check compares the bytes of an entry with its manifest, as Verify does, but
// reads a file only once in a process unless the file has changed. The error is
// a *Damaged, the context's, or says what could not be read. Evicted files are
// left out. A file that the manifest does not list is damage too: stages read
// folders by patterns.
func (s *Store) Check(ctx context.Context, e Entry) error {
	if err := s.VerifyNames(e); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range e.Manifest.Files {
		if slices.Contains(e.Evicted, f.Path) {
			continue
		}
		group.Go(func() error { return s.checkFile(ctx, e, f) })
	}
	return group.Wait()
}

// VerifyNames looks for files of an entry that its manifest does not have, which
// make it a *Damaged. Hidden ones, which file systems leave and no stage reads, are
// passed over.
func (s *Store) VerifyNames(e Entry) error {
	listed := map[string]bool{manifestName: true, evictedName: true}
	for _, f := range e.Manifest.Files {
		listed[filepath.FromSlash(f.Path)] = true
	}
	return filepath.WalkDir(e.Dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return &Damaged{e.Key, e.Dir, "it is gone"}
		}
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		rel, err := filepath.Rel(e.Dir, path)
		if err == nil && !listed[rel] {
			err = &Damaged{e.Key, e.Dir, fmt.Sprintf("it has a file %s that its manifest does not list", filepath.ToSlash(rel))}
		}
		return err
	})
}

// CheckSome is Check of the files that are chosen.
func (s *Store) CheckSome(e Entry, choose func(File) bool) error {
	for _, f := range e.Manifest.Files {
		if !choose(f) || slices.Contains(e.Evicted, f.Path) {
			continue
		}
		if err := s.checkFile(context.Background(), e, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) checkFile(ctx context.Context, e Entry, f File) error {
	path := e.path(f)
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return &Damaged{e.Key, e.Dir, f.Path + " is missing"}
	}
	if err != nil {
		return err
	}
	now := checkedFile{statOf(info), f.SHA256}
	if s.checked.has(path, now) {
		return nil
	}
	if err := compare(ctx, e, f); err != nil {
		return err
	}
	s.checked.add(path, now)
	return nil
}
