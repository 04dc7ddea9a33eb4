package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"react/data/glob"
	"react/runner/cli"
)

// evictedName lists what Evict has removed from an entry, as a JSON array of
// paths.
const evictedName = "evicted.json"

// touchEvery is how old the time of the last use may be before Touch writes it
// anew: a sweep of thousands of stages should not write thousands of inodes.
const touchEvery = time.Hour

// Used returns when an entry was last used, to within an hour: the modification
// time of its manifest, which Touch sets. It is never after now.
func (s *Store) Used(key string) (time.Time, error) {
	info, err := os.Stat(filepath.Join(s.entryDir(key), manifestName))
	if err != nil {
		return time.Time{}, err
	}
	if now := time.Now(); info.ModTime().After(now) { // the clock was set back since
		return now, nil
	}
	return info.ModTime(), nil
}

// Touch notes that an entry is used now. Where that cannot be written (a
// read-only store, another owner's entry) only the order of a later collection
// suffers.
func (s *Store) Touch(e Entry) {
	path := filepath.Join(e.Dir, manifestName)
	info, err := os.Stat(path)
	now := time.Now()
	if err != nil || now.Sub(info.ModTime()).Abs() < touchEvery {
		return
	}
	_ = os.Chtimes(path, now, now)
}

// Remove takes an entry out of the store: it is moved away in one step and
// deleted then, so that no reader finds half of it. That it is gone already is
// no error.
func (s *Store) Remove(key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	o, err := s.prepare()
	if err != nil {
		return err
	}
	dir := s.entryDir(key)
	to := filepath.Join(o.dir, fmt.Sprintf("removed-%s-%d", cli.Short(key), numTxns.Add(1)))
	makeMovable(dir)
	s.step("remove")
	err = os.Rename(dir, to)
	if err == nil {
		s.step("removed")
		err = removeAll(to)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{s.root, "remove " + cli.Short(key), err}
	}
	return nil
}

// Evict removes the files of an entry that are larger than keep bytes and notes
// their names first, so that whenever it dies the entry is whole or evicted,
// never damaged. It returns the bytes freed.
func (s *Store) Evict(e Entry, keep int64) (freed int64, err error) {
	large := e.Manifest.Large(e.Evicted, keep)
	if len(large) == 0 {
		return 0, nil
	}
	paths := append([]string{}, e.Evicted...)
	for _, f := range large {
		paths = append(paths, f.Path)
		freed += f.Size
	}
	if err := s.evict(e.Dir, paths); err != nil {
		return 0, &Error{s.root, "evict from " + cli.Short(e.Key), err}
	}
	return freed, nil
}

func (s *Store) evict(dir string, paths []string) error {
	if _, err := s.prepare(); err != nil {
		return err
	}
	data, err := json.Marshal(paths)
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	defer os.Chmod(dir, 0o555)
	s.step("evict")
	if err := s.disk.writeFile(filepath.Join(dir, evictedName), append(data, '\n')); err != nil {
		return err
	}
	for _, path := range paths {
		s.step("evicted")
		full := filepath.Join(dir, filepath.FromSlash(path))
		os.Chmod(filepath.Dir(full), 0o755)
		if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Large returns the files of more than keep bytes that are not among the
// evicted.
func (m *Manifest) Large(evicted []string, keep int64) []File {
	gone := map[string]bool{}
	for _, path := range evicted {
		gone[path] = true
	}
	var large []File
	for _, f := range m.Files {
		if f.Size > keep && !gone[f.Path] {
			large = append(large, f)
		}
	}
	return large
}

func readEvicted(dir string) []string {
	var paths []string
	if data, err := os.ReadFile(filepath.Join(dir, evictedName)); err == nil {
		// cut short it names nothing, and the entry counts as damaged
		_ = json.Unmarshal(data, &paths)
	}
	return paths
}

// Litter is a directory or file in the store that no reader looks at.
type Litter struct {
	Path  string
	Bytes int64
	Why   string // "damaged", "abandoned"
}

// abandonedAfter is the age of another host's temporary directory from which it
// is taken for abandoned: whether that host lives cannot be seen from here.
const abandonedAfter = 7 * 24 * time.Hour

// Litter finds damaged entries that were set aside, and temporary directories
// whose processes are gone.
func (s *Store) Litter() ([]Litter, error) {
	var found []Litter
	aside, err := glob.In(filepath.Join(s.root, "cache", "damaged"), "*")
	if err != nil {
		return nil, err
	}
	for _, path := range aside {
		found = append(found, Litter{path, treeBytes(path), "damaged"})
	}
	dirs, err := glob.In(filepath.Join(s.root, "cache", "tmp"), "*")
	if err != nil {
		return nil, err
	}
	for _, path := range dirs {
		if info, err := os.Lstat(path); err == nil && info.IsDir() && abandoned(path, info.ModTime()) {
			found = append(found, Litter{path, treeBytes(path), "abandoned"})
		}
	}
	return found, nil
}

// abandoned asks the lock of a process of this host, the age of another's.
func abandoned(dir string, changed time.Time) bool {
	if !strings.HasPrefix(filepath.Base(dir), hostName()+"-") {
		return time.Since(changed) > abandonedAfter
	}
	if _, err := os.Stat(dir + ".lock"); err != nil {
		return time.Since(changed) > abandonedAfter
	}
	return !isLocked(dir + ".lock")
}

// Clear removes litter. Its lock file goes with it.
func (s *Store) Clear(l Litter) error {
	for _, parent := range []string{"damaged", "tmp"} {
		if filepath.Dir(l.Path) != filepath.Join(s.root, "cache", parent) {
			continue
		}
		if err := removeAll(l.Path); err != nil {
			return &Error{s.root, "remove " + filepath.Base(l.Path), err}
		}
		if parent == "tmp" {
			os.Remove(l.Path + ".lock")
		}
		return nil
	}
	return fmt.Errorf("bug: %s is no litter of store %s", l.Path, s.root)
}

// ProgramsDir is the folder in which engines keep the programs that they compile. They make it, and
// keep it from growing without bounds.
func (s *Store) ProgramsDir() string { return filepath.Join(s.root, "cache", "programs") }

// Program is a file of a compiled program.
type Program struct {
	Path  string
	Bytes int64
	Used  time.Time // when it was used last
}

// Programs lists the files of ProgramsDir, those first that were not used for longest.
func (s *Store) Programs() []Program {
	entries, err := os.ReadDir(s.ProgramsDir())
	if err != nil {
		return nil
	}
	var found []Program
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			path := filepath.Join(s.ProgramsDir(), e.Name())
			found = append(found, Program{path, info.Size(), info.ModTime()})
		}
	}
	slices.SortStableFunc(found, func(a, b Program) int { return a.Used.Compare(b.Used) })
	return found
}

// Remove deletes the file; that it is gone already is no error.
func (p Program) Remove() error {
	if err := os.Remove(p.Path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// treeBytes is the size of what lies in a directory; what cannot be read counts
// nothing.
func treeBytes(dir string) int64 {
	var n int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}
