package embed

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"react/ops/op"
)

// TestDamagedBlock: no bit of a kept block can change and be believed.
func TestDamagedBlock(t *testing.T) {
	b := &blocks{run: &op.Run{Partial: t.TempDir()}, engine: map[string]string{"name": "go"}}
	want := embeddedBlock{keep: []int{0, 2}, images: []float32{1, 0, 0, 1}, texts: []float32{0, 1, 1, 0}, causes: map[string]int{"damaged": 1}}
	if err := b.write(0, 3, want); err != nil {
		t.Fatal(err)
	}
	if got, err := b.read(b.dir(0), 3); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	files, err := filepath.Glob(filepath.Join(b.dir(0), "*"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			changed := slices.Clone(whole)
			changed[at] ^= 1
			if err := os.WriteFile(file, changed, 0o666); err != nil {
				t.Fatal(err)
			}
			if got, err := b.read(b.dir(0), 3); err == nil && !reflect.DeepEqual(got, want) {
				t.Errorf("%s, byte %d: %+v", filepath.Base(file), at, got)
			}
		}
		if err := os.WriteFile(file, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOneHolderOfABlock: the lock of a block is one process's, and free once it lets go.
func TestOneHolderOfABlock(t *testing.T) {
	a := &blocks{run: &op.Run{Partial: t.TempDir()}}
	if err := a.invite(); err != nil {
		t.Fatal(err)
	}
	b := &blocks{run: &op.Run{Partial: a.run.Partial, Assist: true}}
	release, ok, err := a.claim(3)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, ok, err := b.claim(3); ok || err != nil {
		t.Errorf("both have it, %v", err)
	}
	if other, ok, err := b.claim(4); !ok || err != nil {
		t.Errorf("another block: %v, %v", ok, err)
	} else {
		other()
	}
	release()
	again, ok, err := b.claim(3)
	if err != nil || !ok {
		t.Fatalf("released: %v, %v", ok, err)
	}
	again()
	b.wrote(2)
	if !b.there(1) || b.there(2) {
		t.Errorf("two blocks are written: there %v, %v", b.there(1), b.there(2))
	}
}
