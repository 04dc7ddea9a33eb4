package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPatternFiles: the pattern of a pool's files gives the same names and, in keys, the same
// relative paths however it is written; hidden files are none, folders are where they may be.
func TestPatternFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data[v1]")
	for _, name := range []string{"00000.tar", "00001.tar", "._00000.tar", "deep/00002.tar", "images/0/000000.jpg", "images/0/._000000.jpg"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string]string{
		"*.tar":                "00000.tar 00001.tar",
		"{00000..00001}.tar":   "00000.tar 00001.tar",
		"**/*.tar":             "00000.tar 00001.tar deep/00002.tar",
		"deep/{00002,00002}.*": "00002.tar",
		"images/?":             "0/000000.jpg",
	} {
		f, err := shardFiles(filepath.Join(dir, pattern))
		var got []string
		for _, path := range f.Paths {
			rel, err := filepath.Rel(f.Root, path)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rel)
		}
		if err != nil || strings.Join(got, " ") != want || !slices.IsSorted(f.Paths) {
			t.Errorf("%s: got %q below %s, %v, want %s", pattern, got, f.Root, err, want)
		}
	}
	if _, err := globFiles(filepath.Join(dir, "deep")); err == nil || !strings.Contains(err.Error(), "deep is a folder: name the files in it") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := globFiles(filepath.Join(dir, "*")); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("files and folders: %v", err)
	}
}
