package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"react/data/glob"
)

// Sweep is the folder of records of one sweep: what was asked, the plan, the
// trials and their results, the tables. Every file is written whole or not at
// all. The same resolved spec has the same folder.
type Sweep struct {
	Name string // the experiment's
	Hash string // of the resolved spec
	Dir  string // absolute

	root  string
	store *Store
}

// Sweep returns the folder of an experiment's resolved spec. Nothing is
// written before the first Write.
func (s *Store) Sweep(name, hash string) (*Sweep, error) {
	for _, part := range []string{name, hash} {
		if part == "" || strings.HasPrefix(part, ".") || strings.ContainsAny(part, `/\`) {
			return nil, &Error{s.root, "sweep folder", fmt.Errorf("%q is not a folder name", part)}
		}
	}
	w := &Sweep{name, hash, filepath.Join(s.root, "sweeps", name, hash), s.root, s}
	return w, w.checkLinks()
}

// checkLinks refuses a folder of records that is a link, or holds one: what is
// written or removed there would be so somewhere else.
func (w *Sweep) checkLinks() error {
	for _, dir := range []string{filepath.Dir(w.Dir), w.Dir} {
		if info, err := os.Lstat(dir); err == nil && !info.IsDir() {
			return &Error{w.root, "sweep folder", fmt.Errorf("%s is a link or a file", dir)}
		}
	}
	entries, err := os.ReadDir(w.Dir)
	if err != nil { // there is none yet
		return nil
	}
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			return &Error{w.root, "sweep folder", fmt.Errorf("%s is a link", filepath.Join(w.Dir, e.Name()))}
		}
	}
	return nil
}

// Sweeps returns the sweeps with records, newest first by their plan. A folder
// that is a link, which could lead anywhere, is an error.
func (s *Store) Sweeps() ([]*Sweep, error) {
	plans, err := glob.In(filepath.Join(s.root, "sweeps"), "*/*/plan.json")
	if err != nil {
		return nil, err
	}
	times := map[string]int64{}
	var sweeps []*Sweep
	for _, plan := range plans {
		dir := filepath.Dir(plan)
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() { // "latest" is a link
			continue
		}
		if info, err = os.Stat(plan); err != nil {
			continue
		}
		w := &Sweep{filepath.Base(filepath.Dir(dir)), filepath.Base(dir), dir, s.root, s}
		if err := w.checkLinks(); err != nil {
			return nil, err
		}
		times[dir] = info.ModTime().UnixNano()
		sweeps = append(sweeps, w)
	}
	sort.SliceStable(sweeps, func(i, j int) bool { return times[sweeps[i].Dir] > times[sweeps[j].Dir] })
	return sweeps, nil
}

// Root is the directory of the sweep's store.
func (w *Sweep) Root() string { return w.root }

// Path returns the place of a record.
func (w *Sweep) Path(rel string) string { return filepath.Join(w.Dir, filepath.FromSlash(rel)) }

// Has reports whether the record is there.
func (w *Sweep) Has(rel string) bool {
	_, err := os.Stat(w.Path(rel))
	return err == nil
}

// Write puts a record at rel, making its directory. A record that holds data
// already is left alone, so that an unchanged sweep writes nothing.
func (w *Sweep) Write(rel string, data []byte) error {
	path := w.Path(rel)
	if err := w.checkPath(rel); err != nil {
		return &Error{w.root, "write " + rel, err}
	}
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	o, err := w.store.prepare()
	if err != nil {
		return err
	}
	if err = w.store.disk.makeDirs(filepath.Dir(path)); err == nil {
		err = w.write(o, path, data)
	}
	if err != nil {
		return &Error{w.root, "write " + rel, err}
	}
	return nil
}

// checkPath refuses the path of a record that leads out of the folder: its parts
// may be of another record, which was written elsewhere.
func (w *Sweep) checkPath(rel string) error {
	if !isLocal(rel) {
		return fmt.Errorf("%q is no path in the folder %s", rel, w.Dir)
	}
	return checkFolder(w.Dir, filepath.Dir(filepath.FromSlash(rel)), map[string]bool{".": true})
}

// write begins in the process's own directory, which is cleared when it dies.
func (w *Sweep) write(o *owner, path string, data []byte) error {
	temp, err := w.store.disk.writeTemp(o.dir, filepath.Base(path), data)
	if err != nil {
		return err
	}
	w.store.step("record")
	return w.store.disk.place(temp, path)
}

// WriteJSON writes v, indented.
func (w *Sweep) WriteJSON(rel string, v any) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return fmt.Errorf("%s: %w", rel, err)
	}
	return w.Write(rel, append(data, '\n'))
}

// WriteLines writes one JSON value a line.
func WriteLines[T any](w *Sweep, rel string, values []T) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
	}
	return w.Write(rel, b.Bytes())
}

// ReadLines reads what WriteLines wrote.
func ReadLines[T any](w *Sweep, rel string) ([]T, error) {
	data, err := os.ReadFile(w.Path(rel))
	if err != nil {
		return nil, err
	}
	var values []T
	dec := json.NewDecoder(bytes.NewReader(data))
	for dec.More() {
		var v T
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("%s: %w", w.Path(rel), err)
		}
		values = append(values, v)
	}
	return values, nil
}

// ReadJSON reads what WriteJSON wrote.
func (w *Sweep) ReadJSON(rel string, v any) error {
	data, err := os.ReadFile(w.Path(rel))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", w.Path(rel), err)
	}
	return nil
}

// Latest points sweeps/<name>/latest at this folder.
func (w *Sweep) Latest() error {
	link := filepath.Join(filepath.Dir(w.Dir), "latest")
	if to, err := os.Readlink(link); err == nil && to == w.Hash {
		return nil
	}
	o, err := w.store.prepare()
	if err != nil {
		return err
	}
	next := filepath.Join(o.dir, fmt.Sprintf("latest-%d", numTxns.Add(1)))
	err = os.Symlink(w.Hash, next)
	if err == nil {
		err = os.Rename(next, link)
	}
	if err != nil {
		return &Error{w.root, "link latest", err}
	}
	return nil
}
