package mmap

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestMappedAndCopiedAreTheSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	want := bytes.Repeat([]byte("0123456789"), 1000)
	if err := os.WriteFile(path, want, 0o444); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int64{1, 1 << 30} {
		f, err := open(path, limit)
		if err != nil {
			t.Fatal(err)
		}
		if f.mapped != (limit == 1) || !bytes.Equal(f.Bytes(), want) {
			t.Errorf("limit %d: mapped %v, %d bytes", limit, f.mapped, len(f.Bytes()))
		}
		f.Bytes()[0] = 'x' // private: neither a fault nor a change of the file
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil || f.Bytes() != nil {
			t.Errorf("second close: %v", err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file was changed: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil {
		t.Error("a folder was opened")
	}
	if _, err := Open(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("a missing file: %v", err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err := open(empty, 1); err != nil || len(f.Bytes()) != 0 {
		t.Errorf("an empty file: %v", err)
	}
}
