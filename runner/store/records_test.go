package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFileDigest(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "store"))
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pool.parquet")
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	check := func(s *Store, want string) {
		t.Helper()
		if got, err := s.Digest(path); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("got %+v, %v, want %s…", got, err, want)
		}
	}
	const ofABC, ofABD = "ba7816bf", "a52d159f"
	write("abc", time.Hour)
	check(s, ofABC)
	if data, _ := os.ReadFile(s.digestsPath()); bytes.Count(data, []byte("\n")) != 1 {
		t.Errorf("list: %s", data)
	}
	// A digest in the list is believed, once it has the check of its line: this one
	// is not the file's.
	poison(t, s, ofABC, "00000000", false)
	check(open(t, s.root), ofABC)
	poison(t, s, ofABC, "00000000", true)
	again := open(t, s.root)
	check(again, "00000000")
	// Another size or time is another file.
	write("abd", 30*time.Minute)
	check(again, ofABD)
	// A file of this very moment is not listed: a change might not show.
	write("abc", 0)
	check(again, ofABC)
	// one of them is the cut line
	if data, _ := os.ReadFile(s.digestsPath()); bytes.Count(data, []byte("\n")) != 3 {
		t.Errorf("list: %s", data)
	}
}

// poison changes a digest in the list, with the check of its line or without.
func poison(t *testing.T, s *Store, old, new string, check bool) {
	t.Helper()
	data, err := os.ReadFile(s.digestsPath())
	if err != nil {
		t.Fatal(err)
	}
	var line digestLine
	if err := json.Unmarshal(bytes.SplitAfter(data, []byte("\n"))[0], &line); err != nil {
		t.Fatal(err)
	}
	if line.SHA256 = strings.Replace(line.SHA256, old, new, 1); check {
		line.Check = line.sum()
	}
	data, err = json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, []byte("\n"+`{"path":"cut sho`+"\n")...)
	if err := os.WriteFile(s.digestsPath(), data, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestFileDigestErrors(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	if _, err := s.Digest(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a missing file has a digest")
	}
	if _, err := s.Digest(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

func FuzzPrints(f *testing.F) {
	f.Add([]byte(`{"path":"/a","size":3,"sha256":"` + testKey + `"}` + "\n{"))
	f.Add([]byte("\n\n\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &digests{known: map[string]digestLine{}}
		p.read(bytes.NewReader(data))
	})
}

func TestSweepRecords(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	w, err := s.Sweep("emoji-short", "0a1b2c3d")
	if err != nil {
		t.Fatal(err)
	}
	if w.Has("plan.json") {
		t.Error("a record before the first write")
	}
	type trial struct{ ID string }
	trials := []trial{{"a-s0"}, {"a-s1"}}
	if err := WriteLines(w, "trials.jsonl", trials); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadLines[trial](w, "trials.jsonl"); err != nil || !reflect.DeepEqual(got, trials) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, err := range []error{w.WriteJSON("plan.json", trials), w.WriteJSON("trials/a-s0/result.json", trials[0]), w.Latest(), w.Latest()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var got trial
	if err := w.ReadJSON("trials/a-s0/result.json", &got); err != nil || got != trials[0] {
		t.Errorf("got %v, %v", got, err)
	}
	if data, err := os.ReadFile(filepath.Join(s.root, "sweeps/emoji-short/latest/plan.json")); err != nil || len(data) == 0 {
		t.Errorf("latest: %q, %v", data, err)
	}
	sweeps, err := s.Sweeps()
	if err != nil || len(sweeps) != 1 || !reflect.DeepEqual(sweeps[0], w) {
		t.Errorf("sweeps %v, %v", sweeps, err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.Dir, tempPrefix+"*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestSweepNames(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	for _, name := range []string{"", "..", "a/b", ".hidden"} {
		if _, err := s.Sweep(name, "0a1b2c3d"); err == nil {
			t.Errorf("Sweep(%q) found nothing wrong", name)
		}
	}
}

// TestKilledWhileWritingARecord: the next process finds no half of it, and
// nothing that it would take for a record.
func TestKilledWhileWritingARecord(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	var exit *exec.ExitError
	if err := childEnv(t, "record", s.root).Run(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("not killed: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(s.root, "sweeps/emoji/0a1b2c3d/tables/*")); len(left) != 0 || err != nil {
		t.Errorf("among the records %v, %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(s.root, "sweeps/emoji/0a1b2c3d/tables/.*")); len(left) != 0 || err != nil {
		t.Errorf("among the records %v, %v", left, err)
	}
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	w, err := s.Sweep("emoji", "0a1b2c3d")
	if err == nil {
		err = w.Write("tables/main.md", []byte("| a table |"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(s.root, "cache/tmp/*/.new-*")); len(left) != 0 || err != nil {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestIdentify samples a large file: a change in its size, its end or a block is
// seen, a move is none; strictly, and when it is small, all of it is read.
func TestIdentify(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "store"))
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pool.tar")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	start := time.Now().Add(-time.Hour)
	identify := func(path string, strict bool) string {
		t.Helper()
		at := start.Add(time.Duration(len(path)) * time.Second)
		info, err := os.Stat(path)
		if err == nil && !info.ModTime().Equal(at) { // which would be a change of its own
			err = os.Chtimes(path, at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
		id, err := s.Identify(path, strict)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	seen := map[string]string{}
	for _, change := range []struct {
		name string
		at   int64
	}{{"sparse", LargeFile - 1}, {"start", 0}, {"a block", LargeFile / sampleBlocks * 7}, {"end", LargeFile - 5}, {"longer", LargeFile + 3}} {
		if _, err := f.WriteAt([]byte("x"), change.at); err != nil {
			t.Fatal(err)
		}
		s.digests = nil // as another process, which has the list alone
		os.Remove(s.digestsPath())
		id := identify(path, false)
		if !strings.HasPrefix(id, "sampled:") || seen[id] != "" {
			t.Errorf("%s: %s, as %s", change.name, id, seen[id])
		}
		seen[id] = change.name
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if id := identify(path+".moved", false); seen[id] != "longer" {
		t.Errorf("moved: %s, as %q", id, seen[id])
	}
	if id := identify(path+".moved", true); len(id) != 64 {
		t.Errorf("strictly: %s", id)
	}
	if id := identify(path+".moved", false); seen[id] != "longer" {
		t.Errorf("after the strict one: %s", id)
	}
	if data, _ := os.ReadFile(s.digestsPath()); bytes.Count(data, []byte("sampled:")) != 2 {
		t.Errorf("list: %s", data)
	}
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, []byte("abc"), 0o666); err != nil {
		t.Fatal(err)
	}
	if id := identify(small, false); !strings.HasPrefix(id, "ba7816bf") {
		t.Errorf("small: %s", id)
	}
}

// TestParquetFooter: a footer longer than the sampled end is read whole.
func TestParquetFooter(t *testing.T) {
	// 2048 bytes of footer
	file := append(bytes.Repeat([]byte{7}, 3000), 0, 8, 0, 0, 'P', 'A', 'R', '1')
	if n := parquetFooter(bytes.NewReader(file), int64(len(file))); n != 2056 {
		t.Errorf("got %d, want 2056", n)
	}
	if n := parquetFooter(bytes.NewReader(file[:len(file)-1]), int64(len(file)-1)); n != 0 {
		t.Errorf("no parquet: got %d", n)
	}
	if n := parquetFooter(bytes.NewReader([]byte("PAR1")), 4); n != 0 {
		t.Errorf("too short: got %d", n)
	}
}

// TestFutureTimes: a file whose time is to come is listed like any other.
func TestFutureTimes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "store"))
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "from-the-future")
	at := time.Now().Add(1000 * time.Hour)
	if err := errors.Join(os.WriteFile(path, []byte("abc"), 0o666), os.Chtimes(path, at, at)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Digest(path); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(s.digestsPath()); bytes.Count(data, []byte("\n")) != 1 {
		t.Errorf("list: %q", data)
	}
}

// BenchmarkDigest reads a file as verify does; beside it what reading alone and
// sha256sum take.
func BenchmarkDigest(b *testing.B) {
	path := filepath.Join(b.TempDir(), "file")
	const size = 64 << 20
	if err := os.WriteFile(path, bytes.Repeat([]byte("0123456789abcdef"), size/16), 0o666); err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func() error{
		"digest":    func() error { _, err := digest(path); return err },
		"sha256sum": func() error { return exec.Command("sha256sum", path).Run() },
		"read": func() error {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
