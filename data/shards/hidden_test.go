package shards

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestHidden(t *testing.T) {
	for name, want := range map[string]bool{
		"._0.png": true, ".DS_Store": true, "Thumbs.db": true, "THUMBS.DB": true, "desktop.ini": true, "__MACOSX": true,
		"0.png": false, "a.b": false, "..": false, ".": false, "macosx": false, "_0.png": false,
	} {
		if Hidden(name) != want {
			t.Errorf("%q: got %v", name, !want)
		}
	}
	for path, want := range map[string]bool{"./a/0.png": false, "__MACOSX/a/0.png": true, "a/.b/0.png": true, "../a": false} {
		if hiddenPath(path) != want {
			t.Errorf("%q: got %v", path, !want)
		}
	}
}

// TestHiddenMembers: a tar made on macOS holds a resource fork beside each file.
func TestHiddenMembers(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range []string{"./._0.png", "./0.png", "__MACOSX/0.png", ".Trashes/1.png"} {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o644}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "0.tar")
	if err := os.WriteFile(path, buf.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	set, err := Index(t.Context(), []string{path}, 0)
	if err != nil || len(set.Samples()) != 1 || set.Samples()[0].Key != "0" {
		t.Errorf("got %v, %v", set, err)
	}
	if Loose("d/._0.png") || !Loose("d/0.png") {
		t.Error("files of a folder that begin with a dot are members")
	}
}
