package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// flip changes one bit of a file and nothing else that shows: size and
// modification time stay.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	err = errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, data, 0o644),
		os.Chtimes(path, info.ModTime(), info.ModTime()), os.Chmod(path, info.Mode()))
	if err != nil {
		t.Fatal(err)
	}
}

// TestCheck: what another process has spoilt is found by each of the ways to
// look, a file that was looked at is not read again, and one that changed since
// is.
func TestCheck(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	mine := open(t, root)
	e := put(t, mine, testKey, "text")
	some := func(s *Store, path string) error {
		return s.CheckSome(e, func(f File) bool { return f.Path == path })
	}
	ways := map[string]func(s *Store) error{
		"all":  func(s *Store) error { return s.Check(t.Context(), e) },
		"some": func(s *Store) error { return some(s, "rows.txt") },
	}
	for name, check := range ways {
		if err := check(open(t, root)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	flip(t, filepath.Join(e.Dir, "rows.txt"), 3)
	for name, check := range ways {
		for who, s := range map[string]*Store{"another process": open(t, root), "who made it": mine} {
			var damaged *Damaged
			if err := check(s); !errors.As(err, &damaged) || damaged.Key != testKey ||
				!strings.Contains(err.Error(), "rows.txt: sha256 is ") {
				t.Errorf("%s, %s: %v", name, who, err)
			}
		}
	}
	other := open(t, root)
	if err := some(other, "img_emb/img_emb_0.npy"); err != nil {
		t.Errorf("a file that was not to be looked at: %v", err)
	}
	if err := os.Remove(filepath.Join(e.Dir, "rows.txt")); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	if err := mine.Check(t.Context(), e); os.Geteuid() == 0 && (err == nil || !strings.Contains(err.Error(), "rows.txt is missing")) {
		t.Errorf("a file that is gone: %v", err)
	}
}

// TestCheckReadsOnce counts by what cannot be read any more: a file that was
// checked is believed while its times and place are the same.
func TestCheckReadsOnce(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	e := put(t, open(t, root), testKey, "text")
	s := open(t, root)
	if err := s.Check(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(e.Dir, "rows.txt")
	known := s.checked.known[path]
	wrong := e.Manifest.Files[1]
	wrong.SHA256 = otherKey
	s.checked.add(path, checkedFile{known.stat, otherKey}) // as if its digest had been this
	if err := s.checkFile(t.Context(), e, wrong); err != nil {
		t.Errorf("the file was read again: %v", err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if err := s.checkFile(t.Context(), e, wrong); err == nil {
		t.Error("a file that was touched was not read again")
	}
}

// TestUnreadableIsNotDamaged: what keeps a file from being read says nothing of
// its bytes; only a file that is there and wrong, or gone, is set aside.
func TestUnreadableIsNotDamaged(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	e := put(t, s, testKey, "text")
	s.checked.known = nil
	makeWritable(t, e.Dir)
	path := filepath.Join(e.Dir, "rows.txt")
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), e); err == nil || errors.As(err, new(*Damaged)) {
		t.Errorf("reading a folder: %v", err)
	}
}

// TestUnlistedFile: a file beside those of the manifest would be read by a stage that
// reads all tars of a folder.
func TestUnlistedFile(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	e := put(t, s, testKey, "text")
	makeWritable(t, e.Dir)
	for _, name := range []string{".nfs0001", "img_emb/.hidden"} {
		if err := os.WriteFile(filepath.Join(e.Dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Check(t.Context(), e); err != nil {
		t.Errorf("hidden files: %v", err)
	}
	if err := os.WriteFile(filepath.Join(e.Dir, "img_emb/img_emb_1.npy"), []byte("more"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context(), e); !errors.As(err, new(*Damaged)) || !strings.HasSuffix(err.Error(), "it has a file img_emb/img_emb_1.npy that its manifest does not list") {
		t.Errorf("got %v", err)
	}
}

// TestSeal: any byte of a manifest that changes is found, also in what nothing
// else would check, such as a warning or a fact; a manifest without a seal is an
// older one and is read.
func TestSeal(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	e := put(t, s, testKey, "text")
	path := filepath.Join(e.Dir, manifestName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sealed := strings.LastIndex(string(data), sealStart)
	for at := range sealed {
		flip(t, path, int64(at))
		if _, ok, err := s.Lookup(testKey); ok || !errors.As(err, new(*Damaged)) {
			t.Errorf("byte %d, %q: hit %v, %v", at, data[at], ok, err)
		}
		flip(t, path, int64(at))
	}
	makeWritable(t, e.Dir)
	if err := os.WriteFile(path, append(data[:sealed:sealed], "\n}\n"...), 0o666); err != nil {
		t.Fatal(err)
	}
	old, ok, err := s.Lookup(testKey)
	if err != nil || !ok || old.Manifest.Digest() != e.Manifest.Digest() {
		t.Errorf("without a seal: hit %v, %v", ok, err)
	}
}

// TestInputsAreRecorded: what was read stands in the manifest.
func TestInputsAreRecorded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	txn, err := s.Begin(testKey, "tune", nil)
	if err != nil {
		t.Fatal(err)
	}
	txn.Reads(map[string]string{otherKey: "0123"})
	if _, err := txn.Commit(nil, nil); err != nil {
		t.Fatal(err)
	}
	e, _, err := s.Lookup(testKey)
	if err != nil || len(e.Manifest.Inputs) != 1 || e.Manifest.Inputs[otherKey] != "0123" {
		t.Errorf("inputs %v, %v", e.Manifest.Inputs, err)
	}
}

// BenchmarkCheck is what a stage pays for its inputs: 64 MiB that this process
// has not read yet, and the same once more.
func BenchmarkCheck(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store"))
	txn, err := s.Begin(testKey, "embed", nil)
	if err != nil {
		b.Fatal(err)
	}
	const size = 64 << 20
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := os.WriteFile(filepath.Join(txn.Dir(), name), make([]byte, size/4), 0o666); err != nil {
			b.Fatal(err)
		}
	}
	e, err := txn.Commit(nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	for name, forget := range map[string]bool{"first": true, "again": false} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if forget {
					s.checked.known = nil
				}
				if err := s.Check(b.Context(), e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
