package shards

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestFilesLayout reads folders as img2dataset's files layout has them, beside a
// tar: the same samples, whatever the layout.
func TestFilesLayout(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 30 {
		folder := filepath.Join(dir, fmt.Sprintf("%05d", i/20))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		for ext, text := range map[string]string{"jpg": fmt.Sprintf("image %d", i), "txt": fmt.Sprintf("caption %d", i), "json": fmt.Sprintf(`{"url": "u%d"}`, i)} {
			if ext == "jpg" && i == 7 {
				ext = "JPG"
			}
			path := filepath.Join(folder, fmt.Sprintf("%09d.%s", i, ext))
			if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, path)
		}
	}
	tar := build(t, filepath.Join(dir, "00002.tar"), 100, 110)
	set, err := Index(t.Context(), append(paths, tar), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if want := []string{filepath.Join(dir, "00000"), filepath.Join(dir, "00001"), tar}; !slices.Equal(set.Shards(), want) || len(set.Samples()) != 40 {
		t.Fatalf("%d samples in %v, want 40 in %v", len(set.Samples()), set.Shards(), want)
	}
	for i, s := range set.Samples()[:30] {
		raw, err := set.Read(s, nil)
		if err != nil || string(raw) != fmt.Sprintf("image %d", i) || s.Key != fmt.Sprintf("%09d", i) || s.Caption != fmt.Sprintf("caption %d", i) || s.URL != fmt.Sprintf("u%d", i) || s.Shard != i/20 {
			t.Errorf("sample %d is %+v, %q, %v", i, s, raw, err)
		}
		if found, ok := set.Match("", s.URL, s.Caption); !ok || found != s {
			t.Errorf("sample %d is not found by its address", i)
		}
	}
	if raw, err := set.Read(set.Samples()[35], nil); err != nil || string(raw) != string(body(105)) {
		t.Errorf("in the tar: %v", err)
	}
	if _, err := Index(t.Context(), []string{filepath.Join(dir, "00000", "000000099.jpg")}, 0); err == nil || !strings.Contains(err.Error(), "000000099.jpg") {
		t.Errorf("a file that is not there: %v", err)
	}
	pipe := filepath.Join(dir, "00000", "000000077.jpg")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Index(t.Context(), []string{pipe}, 0); err == nil || !strings.Contains(err.Error(), "key 000000077: .jpg is no file") {
		t.Errorf("a pipe: %v", err)
	}
	if err := os.Remove(paths[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := Index(t.Context(), []string{filepath.Join(dir, "00000", "000000001.txt")}, 0); err == nil || !strings.Contains(err.Error(), "has no image") {
		t.Errorf("a caption alone: %v", err)
	}
}
