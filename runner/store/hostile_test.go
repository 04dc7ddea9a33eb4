package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// someone is a folder outside a store, with what a hostile store would have this
// program read, change or remove; check says what it did.
func someone(t *testing.T) (dir string, check func()) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"thesis.tex": "my thesis", "a-note.log": "my log", "rows.txt": "rows of text",
		"old/draft": "my draft", "emoji/plan.json": "{}"} {
		path := filepath.Join(dir, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o640))
		if err != nil {
			t.Fatal(err)
		}
		long := time.Now().Add(-abandonedAfter - time.Hour)
		if err := errors.Join(os.Chtimes(path, long, long), os.Chtimes(filepath.Dir(path), long, long)); err != nil {
			t.Fatal(err)
		}
	}
	before := treeState(t, dir)
	return dir, func() {
		t.Helper()
		if after := treeState(t, dir); after != before {
			t.Errorf("the folder outside the store was\n%s\nand is\n%s", before, after)
		}
	}
}

// treeState is every name, mode, time and text below a folder.
func treeState(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(data)
		}
		b.WriteString(strings.Join([]string{path, info.Mode().String(), info.ModTime().String(), text, "\n"}, " "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// useAll does with a store what gc, verify and sweep do, and gives the first
// error.
func useAll(root string) error {
	s, err := Open(root)
	if err != nil {
		return err
	}
	defer s.Close()
	sweeps, err := s.Sweeps()
	for _, w := range sweeps {
		err = errors.Join(err, w.Write("trials/a/result.json", []byte("{}")), w.Delete())
	}
	e, ok, looked := s.Lookup(testKey)
	if ok {
		_, evict := s.Evict(e, -1)
		err = errors.Join(err, s.Verify(e), evict)
		s.Touch(e)
	} else if errors.As(looked, new(*Damaged)) {
		_, aside := s.SetAside(testKey)
		err = errors.Join(err, aside)
	}
	err = errors.Join(err, looked, s.Remove(testKey), s.DropPartial(testKey))
	for _, l := range s.Logs() {
		l.Remove()
	}
	litter, found := s.Litter()
	for _, l := range litter {
		err = errors.Join(err, s.Clear(l))
	}
	_, digested := s.Digest(os.Args[0])
	lease, _, leased := s.TryLease(otherKey, "../../x")
	if lease != nil {
		lease.Release()
	}
	attempt, begun := s.BeginAttempt(otherKey, "../../x")
	if begun == nil {
		begun = attempt.End("error", "for a test")
	}
	return errors.Join(err, found, digested, leased, begun)
}

// TestHostileStore: whatever a store that came from elsewhere holds, nothing
// outside its directory is read as its own, changed or removed, and it is said.
func TestHostileStore(t *testing.T) {
	link := func(to, name string) func(t *testing.T, s *Store, e Entry, outside string) {
		return func(t *testing.T, s *Store, e Entry, outside string) {
			path := filepath.Join(s.root, name)
			// an entry's is read-only, which only root passes over
			os.Chmod(filepath.Dir(path), 0o777)
			if err := errors.Join(removeAll(path), os.Symlink(filepath.Join(outside, to), path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	manifest := func(old, new string) func(t *testing.T, s *Store, e Entry, outside string) {
		return func(t *testing.T, s *Store, e Entry, outside string) {
			makeWritable(t, e.Dir)
			if err := editManifest(e.Dir, old, strings.ReplaceAll(new, "OUTSIDE", outside)); err != nil {
				t.Fatal(err)
			}
			unseal(t, e.Dir)
		}
	}
	entry := "cache/ab/" + testKey
	for name, c := range map[string]struct {
		do   func(t *testing.T, s *Store, e Entry, outside string)
		want string // in the error
	}{
		"cache is a link":      {link("", "cache"), "cache is a link; the folders of a store are its own"},
		"logs is a link":       {link("", "logs"), "logs is a link"},
		"damaged is a link":    {link("", "cache/damaged"), "cache/damaged is a link"},
		"tmp is a link":        {link("", "cache/tmp"), "cache/tmp is a link"},
		"partial is a link":    {link("", "cache/partial"), "cache/partial is a link"},
		"sweeps is a link":     {link("", "sweeps"), "sweeps is a link"},
		"the list is a link":   {link("thesis.tex", "fingerprints.jsonl"), "fingerprints.jsonl is a link"},
		"a name is a link":     {link("", "sweeps/x"), "is a link or a file"},
		"a record is a link":   {link("thesis.tex", "sweeps/y/0a/tables"), "tables is a link"},
		"trials/a is a link":   {link("old", "sweeps/y/0a/trials/a"), "trials/a is a link or a file"},
		"a folder of entries":  {link("", "cache/ab"), ""},
		"an entry is a link":   {link("", entry), "it is a link or a file, and no folder of the store"},
		"a manifest is a link": {link("thesis.tex", entry+"/manifest.json"), "manifest.json is not a regular file"},
		"a file is a link":     {link("rows.txt", entry+"/rows.txt"), "rows.txt is not a regular file"},
		"a folder is a link":   {link("", entry+"/img_emb"), "img_emb is a link or a file, where a folder should be"},
		"a lock is a link":     {link("new.lock", "cache/locks/"+otherKey+".lock"), "too many levels of symbolic links"},
		"attempts are a link":  {link("thesis.tex", "logs/.._.._x-cdcdcdcdcdcd.attempts.jsonl"), "too many levels of symbolic links"},
		"an absolute path":     {manifest("rows.txt", "OUTSIDE/rows.txt"), "which is no file of the entry"},
		"a path with dots":     {manifest("rows.txt", "../../../../thesis.tex"), `manifest.json names "../../../../thesis.tex", which is no file of the entry`},
		"dots that come back":  {manifest("rows.txt", "img_emb/../rows.txt"), "which is no file of the entry"},
		"the entry itself":     {manifest("rows.txt", "."), "which is no file of the entry"},
		"no name":              {manifest("rows.txt", ""), "which is no file of the entry"},
		"evicted files of others": {func(t *testing.T, s *Store, e Entry, outside string) {
			makeWritable(t, e.Dir)
			away, err := filepath.Rel(e.Dir, filepath.Join(outside, "thesis.tex"))
			text := `["rows.txt", "` + away + `", "` + outside + `/thesis.tex"]`
			err = errors.Join(err, os.Remove(filepath.Join(e.Dir, "rows.txt")),
				os.WriteFile(filepath.Join(e.Dir, evictedName), []byte(text), 0o666))
			if err != nil {
				t.Fatal(err)
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			outside, check := someone(t)
			root := filepath.Join(t.TempDir(), "store")
			s := open(t, root)
			e := put(t, s, testKey, "text")
			for _, record := range []string{"plan.json", "trials/a/result.json"} {
				w, err := s.Sweep("y", "0a")
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Write(record, []byte("{}")); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			c.do(t, s, e, outside)
			err := useAll(root)
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %s", err, c.want)
			}
			check()
		})
	}
}

// unseal makes a manifest one of before manifests were sealed.
func unseal(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, manifestName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if err := os.WriteFile(path, []byte(text[:strings.LastIndex(text, sealStart)]+"\n}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestRecordPaths: the name of a record may hold what another record says, such
// as the id of a trial.
func TestRecordPaths(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store"))
	w, err := s.Sweep("emoji", "0a")
	if err != nil {
		t.Fatal(err)
	}
	for _, rel := range []string{"../x", "trials/../../x/result.json", "/etc/x", "", ".", "a//b"} {
		if err := w.Write(rel, []byte("{}")); err == nil || !strings.Contains(err.Error(), "is no path in the folder") {
			t.Errorf("%q: %v", rel, err)
		}
	}
	if path := s.LogPath(testKey, "../../x"); filepath.Dir(path) != filepath.Join(s.root, "logs") {
		t.Errorf("a log in %s", path)
	}
}
