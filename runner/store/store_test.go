package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
)

var (
	testKey  = strings.Repeat("ab", 32)
	otherKey = strings.Repeat("cd", 32)
)

// open gives a store in dir and gives up its directory at the end.
func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		removeAll(dir) // read-only entries, and not everyone is root
	})
	return s
}

func put(t testing.TB, s *Store, key, text string) Entry {
	t.Helper()
	txn, err := s.Begin(key, "embed", []string{"op embed 1", "params {}"})
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(txn.Dir(), text); err != nil {
		t.Fatal(err)
	}
	e, err := txn.Commit(map[string]any{"engine": "go"}, []string{"a warning"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestCommitThenLookup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	if _, ok, err := s.Lookup(testKey); ok || err != nil {
		t.Fatalf("empty store: hit %v, %v", ok, err)
	}
	want := put(t, s, testKey, "vectors")
	got, ok, err := open(t, dir).Lookup(testKey)
	if !ok || err != nil {
		t.Fatalf("hit %v, %v", ok, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if paths := []string{got.Manifest.Files[0].Path, got.Manifest.Files[1].Path}; !reflect.DeepEqual(paths, []string{"img_emb/img_emb_0.npy", "rows.txt"}) {
		t.Errorf("files %v", paths)
	}
	if err := s.Verify(got); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"", "rows.txt", "img_emb", manifestName} {
		info, err := os.Stat(filepath.Join(got.Dir, path))
		if err != nil || info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%q can be written: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	txn, err := s.Begin(testKey, "embed", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fill(txn.Dir(), "x"), txn.Discard(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if left := tempDirs(t, s); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func tempDirs(t *testing.T, s *Store) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(s.root, "cache", "tmp", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// publishSteps is the order of publishing: every file and directory is synced
// before the manifest is written, that before the rename, and the directory
// that the name is in last.
var publishSteps = strings.Fields("begun files directory directory file file manifest rename published returned")

// TestKilled kills a writer before each step of publishing. Either the whole
// entry is there or nothing is, and the next writer publishes the same entry
// and cleans up.
func TestKilled(t *testing.T) {
	for i, step := range publishSteps {
		t.Run(fmt.Sprint(i, step), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "store")
			out, err := childEnv(t, "commit", dir, fmt.Sprint("STORE_KILL=", i+1), "STORE_TEXT=v").Output()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was not killed: %v", err)
			}
			if got := strings.Fields(string(out)); !reflect.DeepEqual(got, publishSteps[:i+1]) {
				t.Fatalf("steps %v, want %v", got, publishSteps[:i+1])
			}
			s := open(t, dir)
			e, ok, err := s.Lookup(testKey)
			if err != nil || ok != (step == "published" || step == "returned") {
				t.Fatalf("after the kill: hit %v, %v", ok, err)
			}
			if ok && s.Verify(e) != nil {
				t.Fatal(s.Verify(e))
			}
			if len(tempDirs(t, s)) == 0 {
				t.Error("the child left no directory: the test does not test")
			}
			if err := childEnv(t, "commit", dir, "STORE_TEXT=v").Run(); err != nil {
				t.Fatal(err)
			}
			after, ok, err := s.Lookup(testKey)
			if !ok || err != nil || s.Verify(after) != nil {
				t.Fatalf("after the second run: hit %v, %v", ok, err)
			}
			if want := put(t, open(t, filepath.Join(t.TempDir(), "quiet")), testKey, "v"); after.Manifest.Digest() != want.Manifest.Digest() {
				t.Errorf("files %v, want %v", after.Manifest.Files, want.Manifest.Files)
			}
			if left := tempDirs(t, s); len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// TestLiveOwnerIsLeftAlone opens the store a second time while a transaction is
// open: its directory must survive.
func TestLiveOwnerIsLeftAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	txn, err := s.Begin(testKey, "embed", nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, open(t, dir), otherKey, "other")
	if err := childEnv(t, "commit", dir, "STORE_TEXT=child").Run(); err != nil {
		t.Fatal(err)
	}
	if err := fill(txn.Dir(), "mine"); err != nil {
		t.Fatal(err)
	}
	e, err := txn.Commit(nil, nil)
	if err != nil || !e.Raced {
		t.Fatalf("raced %v, %v", e.Raced, err)
	}
	if want := []string{"img_emb/img_emb_0.npy", "rows.txt"}; !reflect.DeepEqual(e.Differs, want) {
		t.Errorf("differs %v, want %v", e.Differs, want)
	}
}

func TestConcurrentWritersOfOneKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	const writers = 8
	errs := make([]error, writers)
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			errs[i] = childEnv(t, "commit", dir, "STORE_TEXT=writer "+string(rune('a'+i))).Run()
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	e, ok, err := s.Lookup(testKey)
	if !ok || err != nil {
		t.Fatalf("hit %v, %v", ok, err)
	}
	if err := s.Verify(e); err != nil {
		t.Error(err)
	}
	if left := tempDirs(t, s); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestDamagedEntry(t *testing.T) {
	damages := map[string]struct {
		do   func(dir string) error
		want string
	}{
		"truncated":         {func(d string) error { return os.Truncate(filepath.Join(d, "rows.txt"), 2) }, "rows.txt has 2 bytes, the manifest says 12"},
		"deleted":           {func(d string) error { return os.Remove(filepath.Join(d, "rows.txt")) }, "rows.txt is missing"},
		"folder deleted":    {func(d string) error { return os.RemoveAll(filepath.Join(d, "img_emb")) }, "img_emb/img_emb_0.npy is missing"},
		"no manifest":       {func(d string) error { return os.Remove(filepath.Join(d, manifestName)) }, "it has no manifest.json"},
		"manifest cut":      {func(d string) error { return os.Truncate(filepath.Join(d, manifestName), 40) }, "manifest.json: unexpected end of JSON input"},
		"manifest of other": {func(d string) error { return editManifest(d, testKey, otherKey) }, "manifest.json is of key cdcdcdcdcdcd"},
		"manifest newer":    {func(d string) error { return editManifest(d, `"format": 1`, `"format": 99`) }, "manifest.json: format 99, not 1"},
		"empty directory":   {func(d string) error { return errors.Join(os.RemoveAll(d), os.Mkdir(d, 0o777)) }, "it has no manifest.json"},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "store"))
			e := put(t, s, testKey, "text")
			makeWritable(t, e.Dir)
			if err := damage.do(e.Dir); err != nil {
				t.Fatal(err)
			}
			_, ok, err := s.Lookup(testKey)
			var damaged *Damaged
			if ok || !errors.As(err, &damaged) || !strings.HasSuffix(err.Error(), damage.want) {
				t.Fatalf("hit %v, error %v, want %s", ok, err, damage.want)
			}
			aside, err := s.SetAside(testKey)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(aside); err != nil {
				t.Error(err)
			}
			if e := put(t, s, testKey, "text"); e.Raced {
				t.Error("raced with a damaged entry")
			}
		})
	}
}

// TestCommitOverDamaged has the damage happen after Begin: Commit itself must
// make room.
func TestCommitOverDamaged(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	txn, err := s.Begin(testKey, "embed", nil)
	if err != nil {
		t.Fatal(err)
	}
	e := put(t, s, testKey, "first")
	makeWritable(t, e.Dir)
	if err := os.Truncate(filepath.Join(e.Dir, "rows.txt"), 1); err != nil {
		t.Fatal(err)
	}
	if err := fill(txn.Dir(), "second"); err != nil {
		t.Fatal(err)
	}
	e, err = txn.Commit(nil, nil)
	if err != nil || e.Raced {
		t.Fatalf("raced %v, %v", e.Raced, err)
	}
	if _, ok, err := s.Lookup(testKey); !ok || err != nil {
		t.Errorf("hit %v, %v", ok, err)
	}
}

func makeWritable(t *testing.T, dir string) {
	t.Helper()
	for _, path := range []string{"", "img_emb", "img_emb/img_emb_0.npy", "rows.txt", manifestName} {
		if err := os.Chmod(filepath.Join(dir, path), 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

func editManifest(dir, old, new string) error {
	path := filepath.Join(dir, manifestName)
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.ReplaceAll(data, []byte(old), []byte(new)), 0o666)
}

// TestVerifyFindsSameSize changes a byte: sizes agree, digests do not.
func TestVerifyFindsSameSize(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	e := put(t, s, testKey, "text")
	makeWritable(t, e.Dir)
	if err := os.WriteFile(filepath.Join(e.Dir, "rows.txt"), []byte("rows of tex!"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Lookup(testKey); !ok || err != nil {
		t.Fatalf("hit %v, %v", ok, err)
	}
	var damaged *Damaged
	if err := s.Verify(e); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "rows.txt: sha256 is ") {
		t.Errorf("verify: %v", err)
	}
}

func TestRefusedOutputs(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(dir string) error
		want string
	}{
		"link":          {func(d string) error { return os.Symlink("/etc/passwd", filepath.Join(d, "link")) }, "link is not a regular file"},
		"own manifest":  {func(d string) error { return os.WriteFile(filepath.Join(d, manifestName), nil, 0o666) }, "the stage wrote a file manifest.json of its own"},
		"dir is gone":   {os.RemoveAll, "no such file or directory"},
		"unusable fact": {nil, "json: unsupported type: func()"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "store"))
			txn, err := s.Begin(testKey, "embed", nil)
			if err != nil {
				t.Fatal(err)
			}
			facts := map[string]any{"f": func() {}}
			if c.do != nil {
				facts, err = nil, c.do(txn.Dir())
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err = txn.Commit(facts, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if _, ok, err := s.Lookup(testKey); ok || err != nil {
				t.Errorf("hit %v, %v", ok, err)
			}
		})
	}
}

// TestNobody publishes without root's powers: directories that move must be
// writable, those that are published are not.
func TestNobody(t *testing.T) {
	dir := openToAll(t)
	for range 2 {
		if err := childEnv(t, "commit", dir, "STORE_TEXT=v", "STORE_NOBODY=1").Run(); err != nil {
			t.Fatal(err)
		}
	}
	e, ok, err := open(t, dir).Lookup(testKey)
	if !ok || err != nil {
		t.Fatalf("hit %v, %v", ok, err)
	}
	if info, err := os.Stat(e.Dir); err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestReadOnlyStore(t *testing.T) {
	dir := openToAll(t)
	s := open(t, dir)
	put(t, s, testKey, "v")
	s.Close()
	if err := exec.Command("chmod", "-R", "a-w", dir).Run(); err != nil {
		t.Fatal(err)
	}
	if err := childEnv(t, "read-only", dir, "STORE_NOBODY=1").Run(); err != nil {
		t.Error(err)
	}
}

// openToAll gives a directory that a child without root's powers can reach.
func openToAll(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "store")
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	cmd := childEnv(t, "full", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	out, err := cmd.Output()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("no mount namespace here:", err)
	}
	if bytes.HasPrefix(out, []byte("skip:")) {
		t.Skip(string(out))
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := "store " + dir + ": publish embed abababababab: "; !strings.HasPrefix(string(out), want) ||
		!strings.Contains(string(out), "the disk is full; free space or name another store with --store") {
		t.Errorf("got %s", out)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"someone's directory": {"thesis.tex", "", "not a store: it has no VERSION file, but holds thesis.tex"},
		"newer layout":        {"VERSION", "7\n", "layout version 7 is of a newer runner; this one reads and writes version 1: use that program, or another --store"},
		"older layout":        {"VERSION", "0", "layout version 0; this program reads and writes version 1 and knows no way from the one to the other"},
		"not a version":       {"VERSION", "one", `VERSION holds "one", not a number`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir)
			var fault *Error
			if !errors.As(err, &fault) || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestOpenWritesNothing: a plan over a store that is not there leaves no trace.
func TestOpenWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	if _, _, err := s.Lookup(testKey); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Digest(os.Args[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the store was made: %v", err)
	}
}

func TestBadKeys(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	for _, key := range []string{"", "abc", "../" + testKey[3:], strings.ToUpper(testKey)} {
		if _, _, err := s.Lookup(key); err == nil {
			t.Errorf("Lookup(%q) found nothing wrong", key)
		}
		if _, err := s.Begin(key, "embed", nil); err == nil {
			t.Errorf("Begin(%q) found nothing wrong", key)
		}
	}
}

func TestBlame(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	var fault *Error
	for _, err := range []error{
		&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC},
		&os.PathError{Op: "write", Path: "x", Err: syscall.EROFS},
		errors.New("faiss: fwrite: No space left on device"),
	} {
		if !errors.As(s.Blame("stage embed", err), &fault) {
			t.Errorf("%v is not blamed on the store", err)
		}
	}
	if err := errors.New("row 3: NaN"); s.Blame("stage embed", err) != err {
		t.Errorf("%v is blamed on the store", err)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"key":"` + testKey + `","files":[{"path":"rows.txt","size":3,"sha256":""}]}`))
	f.Add([]byte(`{"format":1,"files":[{"path":"../../x"}]}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, manifestName), data, 0o666); err != nil {
			t.Fatal(err)
		}
		if m, err := readManifest(dir, testKey); err == nil {
			m.checkSizes(dir)
		}
	})
}

// BenchmarkCommit is what the store adds to a stage: two files and a manifest,
// synced.
func BenchmarkCommit(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store"))
	for i := 0; b.Loop(); i++ {
		put(b, s, benchKey(i), "vectors")
	}
}

// BenchmarkLookup is what a plan pays for each stage.
func BenchmarkLookup(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store"))
	put(b, s, testKey, "vectors")
	for b.Loop() {
		if _, ok, err := s.Lookup(testKey); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func benchKey(i int) string {
	const digits = "0123456789abcdef"
	key := []byte(testKey)
	for at := 0; i > 0; i /= 16 {
		key[at] = digits[i%16]
		at++
	}
	return string(key)
}
