package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/runner/internal/storetest"
	"react/runner/record"
	"react/runner/store"
)

// TestFlippedBytes changes one bit of a file in a store, its size and time of
// modification left as they are: of every file of one output of each op, and of
// every record, one after the other. Each time, the tables that are made, and those
// of a sweep that must make a reader of the output again, are those of a store that
// was left alone, or there is an error; never another number. At the end everything
// in the store is as its manifests say.
//
// FLIP_EXPERIMENT=torture does so with experiments/torture.cue, which has every op;
// `make torture` sets it. Otherwise it is the smallest experiment, of whose outputs
// one file each is read again by a stage, and the others by tables alone.
func TestFlippedBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep, and many of its stages again")
	}
	f := newFlips(t)
	entries := f.oneOfEachOp()
	for _, e := range entries {
		for _, file := range f.files(e) {
			f.flip(filepath.Join(e.Dir, file.path), fmt.Sprintf("%s/%s", e.Manifest.Op, file.path), file.reader)
		}
	}
	if f.met["tables"] == 0 || f.met["made again"] == 0 || f.met["said"] == 0 {
		t.Errorf("met %v: no flip was read, or none was found", f.met)
	}
	for _, record := range f.records() {
		f.flip(filepath.Join(f.dir, record), record, "")
	}
	if out, err := f.run("verify"); err != nil {
		t.Errorf("at the end: %v\n%s", err, out)
	}
	t.Logf("%d outputs, %v", len(entries), f.met)
}

// flips is a store whose files are changed.
type flips struct {
	t         *testing.T
	spec, dir string
	long      bool
	want      string         // what table prints
	rows      string         // that tables are made of
	met       map[string]int // what came of flips
}

func newFlips(t *testing.T) *flips {
	f := &flips{t: t, dir: filepath.Join(t.TempDir(), "store"), met: map[string]int{}}
	storetest.Clean(t, f.dir)
	name := os.Getenv("FLIP_EXPERIMENT")
	if f.long = name != ""; f.long {
		f.spec = "../experiments/" + name + ".cue"
	} else {
		f.spec = filepath.Join(t.TempDir(), "tiny.cue")
		if err := os.WriteFile(f.spec, []byte(tinySpec), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := f.run("sweep", f.spec); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var err error
	if f.want, err = f.run("table", f.spec); err != nil {
		t.Fatal(err)
	}
	f.rows = f.written()
	return f
}

// run is a command on the store as another process would run it; it gives what it
// prints, without the lines that are not about results.
func (f *flips) run(args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	if args = append(args, "--store", f.dir); args[0] == "sweep" {
		args = append(args, "--engine", "go")
	}
	err := run(f.t.Context(), args, &stdout, &stderr)
	if err != nil {
		return stdout.String() + stderr.String(), err
	}
	return stdout.String(), nil
}

// written are the rows that the last tables were made of, by all their numbers.
func (f *flips) written() string {
	files, err := filepath.Glob(filepath.Join(f.dir, "sweeps/*/latest/tables/rows.jsonl"))
	if err != nil || len(files) != 1 {
		f.t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		f.t.Fatal(err)
	}
	return string(data)
}

func (f *flips) open() *store.Store {
	s, err := store.Open(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// oneOfEachOp takes of each op the output that took the least to make.
func (f *flips) oneOfEachOp() []store.Entry {
	s := f.open()
	defer s.Close()
	l, err := record.ReadLineage(s)
	if err != nil {
		f.t.Fatal(err)
	}
	best := map[string]store.Entry{}
	for _, key := range l.Keys {
		e, ok, err := s.Lookup(key)
		if err != nil || !ok {
			f.t.Fatal(ok, err)
		}
		if old, have := best[e.Manifest.Op]; !have || record.Took(e.Manifest) < record.Took(old.Manifest) {
			best[e.Manifest.Op] = e
		}
	}
	var entries []store.Entry
	for _, e := range best {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b store.Entry) int { return cmp.Compare(a.Manifest.Op, b.Manifest.Op) })
	return entries
}

// flipped is a file to change, and the output to make again then, "" for none.
type flipped struct{ path, reader string }

// files are all of an entry's, the manifest too. The cheapest output made from the
// entry is made again after each, or, in the short form, after the largest.
func (f *flips) files(e store.Entry) (list []flipped) {
	s := f.open()
	defer s.Close()
	l, err := record.ReadLineage(s)
	if err != nil {
		f.t.Fatal(err)
	}
	reader := ""
	for _, key := range l.Readers[e.Key] {
		if a, b := l.Manifests[key], l.Manifests[reader]; reader == "" || record.Took(a) < record.Took(b) {
			reader = key
		}
	}
	largest := slices.MaxFunc(e.Manifest.Files, func(a, b store.File) int { return cmp.Compare(a.Size, b.Size) })
	for _, file := range e.Manifest.Files {
		one := flipped{path: file.Path}
		if file.Size == 0 {
			continue
		}
		if f.long || file.Path == largest.Path {
			one.reader = reader
		}
		list = append(list, one)
	}
	return append(list, flipped{"manifest.json", ""})
}

// records are the store's files besides outputs and logs.
func (f *flips) records() (names []string) {
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(f.dir, path)
		if rel == "cache" || rel == "logs" {
			return fs.SkipDir
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() && info.Size() > 0 && !strings.HasSuffix(rel, ".lock") {
			names = append(names, rel)
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return names
}

// flip changes a bit, looks at what comes of it, and changes it back where the file
// was not made again.
func (f *flips) flip(path, name, reader string) {
	f.t.Helper()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return // of an output that nothing needed once it had been set aside
	}
	if err != nil {
		f.t.Fatal(err)
	}
	at := info.Size() / 2
	if f.long {
		at = rand.Int64N(info.Size())
	}
	bit := byte(1) << rand.IntN(8)
	f.change(path, at, bit)
	name = fmt.Sprintf("%s, byte %d, bit %08b", name, at, bit)
	f.check(name, "table")
	if reader != "" {
		s := f.open()
		if err := errors.Join(s.Remove(reader), s.Close()); err != nil {
			f.t.Fatal(err)
		}
	}
	f.check(name, "sweep")
	if after, err := os.Stat(path); err == nil && os.SameFile(info, after) {
		f.change(path, at, bit)
	} else {
		f.met["made again"]++
	}
}

// change flips bits of a byte and nothing else that shows.
func (f *flips) change(path string, at int64, bits byte) {
	f.t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		f.t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	if at < int64(len(data)) {
		data[at] ^= bits
	}
	err = errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, data, 0o644),
		os.Chtimes(path, info.ModTime(), info.ModTime()), os.Chmod(path, info.Mode()))
	if err != nil {
		f.t.Fatal(err)
	}
}

// check runs a command that prints the tables.
func (f *flips) check(name, command string) {
	f.t.Helper()
	out, err := f.run(command, f.spec)
	switch {
	case err != nil:
		f.met["said"]++
	case out != f.want:
		f.t.Errorf("%s: %s printed\n%s\nwant\n%s", name, command, out, f.want)
	case f.written() != f.rows:
		f.t.Errorf("%s: %s wrote other rows", name, command)
	default:
		f.met["tables"]++
	}
}
