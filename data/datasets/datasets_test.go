package datasets

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func create(t testing.TB, dir string, n int) {
	t.Helper()
	w, err := Create(dir, []string{"red cat", "dog", "été"}, []string{"a photo of a {}", "{}."})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.Put(fmt.Sprintf("s%07d", i), "png", fmt.Appendf(nil, "image %d", i), i%3); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	create(t, dir, 7)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if want := []string{"red cat", "dog", "été"}; !slices.Equal(s.Classes, want) {
		t.Errorf("classes: got %q, want %q", s.Classes, want)
	}
	if want := []string{"a photo of a {}", "{}."}; !slices.Equal(s.Templates, want) {
		t.Errorf("templates: got %q, want %q", s.Templates, want)
	}
	if len(s.Items) != 7 {
		t.Fatalf("got %d items, want 7", len(s.Items))
	}
	for i, item := range s.Items {
		if want := (Item{fmt.Sprintf("s%07d", i), i % 3}); item != want {
			t.Errorf("item %d: got %v, want %v", i, item, want)
		}
		if raw, err := s.Read(i); err != nil || string(raw) != fmt.Sprintf("image %d", i) {
			t.Errorf("item %d: got %q, %v", i, raw, err)
		}
	}
	again := filepath.Join(t.TempDir(), "set")
	create(t, again, 7)
	a, _ := os.ReadFile(filepath.Join(dir, "test", "0.tar"))
	b, _ := os.ReadFile(filepath.Join(again, "test", "0.tar"))
	if !bytes.Equal(a, b) {
		t.Error("the same items give other bytes")
	}
}

// put writes files; names with a slash make their folders.
func put(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	for name, body := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(body), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestImageFolder(t *testing.T) {
	dir := put(t, t.TempDir(), map[string]string{"dog/2.png": "D2", "dog/10.JPG": "D10", "cat/a.webp": "C", "cat/notes.txt": "no image", ".git/x.png": "hidden", "README": "no class"})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []Item{{"cat/a.webp", 0}, {"dog/10.JPG", 1}, {"dog/2.png", 1}}
	if !slices.Equal(s.Classes, []string{"cat", "dog"}) || !slices.Equal(s.Items, want) {
		t.Errorf("got %v %v, want %v", s.Classes, s.Items, want)
	}
	if raw, err := s.Read(1); err != nil || string(raw) != "D10" {
		t.Errorf("got %q, %v", raw, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// pack makes a tar; names and contents alternate.
func pack(t testing.TB, files ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(files); i += 2 {
		w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644})
		io.WriteString(w, files[i+1])
	}
	w.Close()
	return buf.String()
}

func TestManyTars(t *testing.T) {
	files := map[string]string{"classnames.txt": "\ufeffcat\r\ndog\r\n", "test/nshards.txt": "11"}
	for i := range 11 {
		files[fmt.Sprintf("test/%d.tar", i)] = pack(t, fmt.Sprintf("s%d.cls", i), fmt.Sprint(i%2), fmt.Sprintf("s%d.jpg", i), "x")
	}
	s, err := Open(put(t, t.TempDir(), files))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(s.Items) != 11 || s.Items[2].Key != "s2" || s.Items[10] != (Item{"s10", 0}) || s.Classes[0] != "cat" {
		t.Errorf("tars are not read by number: %v", s.Items)
	}
}

func TestOpenErrors(t *testing.T) {
	good := pack(t, "a.png", "A", "a.cls", "0", "b.png", "B", "b.cls", "1\n")
	base := map[string]string{"classnames.txt": "cat\ndog\n", "test/nshards.txt": "1\n", "test/0.tar": good}
	for _, tc := range []struct{ name, file, body, want string }{
		{"class twice", "classnames.txt", "cat\ndog\ncat\n", `classnames.txt: line 3: class "cat" is also on line 1`},
		{"empty class", "classnames.txt", "cat\n\ndog\n", "classnames.txt: line 2: class name is empty"},
		{"no class", "classnames.txt", "\n", "classnames.txt: no classes"},
		{"class not UTF-8", "classnames.txt", "cat\n\xff\n", "line 2: class name"},
		{"class without images", "classnames.txt", "cat\ndog\nfish\n", `class 2 ("fish") has no images`},
		{"label out of range", "classnames.txt", "cat\n", "0.tar: key b: label 1 is not one of 1 classes"},
		{"label not a number", "test/0.tar", pack(t, "a.png", "A", "a.cls", "cat"), `key a: label "cat" is not a number`},
		{"no label", "test/0.tar", pack(t, "a.png", "A"), "0.tar: image a has no .cls"},
		{"label without image", "test/0.tar", pack(t, "a.cls", "0"), "key a: has no image"},
		{"no images", "test/0.tar", pack(t), "no images"},
		{"tar cut", "test/0.tar", good[:1100], "0.tar: tar ends early"},
		{"shard count", "test/nshards.txt", "many", `want the number of tars, got "many"`},
		{"missing tar", "test/nshards.txt", "2", "1.tar: no such file"},
		{"template", "zeroshot_classification_templates.txt", "a photo of a {c}.\na photo", "line 2: template \"a photo\" has no {c}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := put(t, t.TempDir(), base)
			put(t, dir, map[string]string{tc.file: tc.body})
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want %q and the folder", err, tc.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("missing folder: no error")
	}
	if _, err := Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "neither classnames.txt nor a folder for each class") {
		t.Errorf("empty folder: got %v", err)
	}
	if _, err := Open(put(t, t.TempDir(), map[string]string{"cat/1.png": "x", "dog/1.txt": "x"})); err == nil || !strings.Contains(err.Error(), `class 1 ("dog") has no images`) {
		t.Errorf("class folder without images: got %v", err)
	}
}

func TestWriteErrors(t *testing.T) {
	for _, classes := range [][]string{nil, {"a", "a"}, {""}, {"a\nb"}} {
		if _, err := Create(t.TempDir(), classes, nil); err == nil {
			t.Errorf("classes %q: no error", classes)
		}
	}
	w, err := Create(t.TempDir(), []string{"a", "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Put("k", "png", nil, 0)
	for _, tc := range []struct {
		key, ext string
		label    int
		want     string
	}{{"k", "png", 0, "already in the set"}, {"j", "png", 2, "label 2"}, {"j.x", "png", 0, "not a key"}, {"j", "txt", 0, "none of an image"}} {
		if err := w.Put(tc.key, tc.ext, nil, tc.label); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), `class 1 ("b") has no images`) {
		t.Errorf("close: got %v", err)
	}
}

// TestFullDisk writes to a tar that is a link to a device without room.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "test"), 0o777), os.Symlink("/dev/full", filepath.Join(dir, "test", "0.tar"))); err != nil {
		t.Fatal(err)
	}
	w, err := Create(dir, []string{"a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(w.Put("k", "png", []byte("x"), 0), w.Close())
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
}

// Open reads the test split of the set in a folder.
func Open(dir string) (*Set, error) { return OpenSplit(dir, Options{}) }
