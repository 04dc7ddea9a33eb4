package ops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"react/ops/engine"
)

// TestStoppedEmbeddingGoesOn stops an embedding after some blocks: the next attempt takes those that were kept, and the folder is that of an
// unbroken run, bit for bit. A kept block that is damaged is computed again.
func TestStoppedEmbeddingGoesOn(t *testing.T) {
	on, pool, base := twoStepBase(t)
	attempt := func(ctx context.Context, partial string, stop func(Progress)) (*stageRun, []string, error) {
		run := newRun(t, map[string]string{"checkpoint": base, "pool": pool}, nil)
		run.Partial, run.SaveEvery, run.Progress = partial, time.Nanosecond, stop
		run.OpenEngine = func() (*engine.Engine, error) { return on, nil }
		var said []string
		run.Warn = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
		err := embedPool(ctx, &run.Run, EmbedParams{}, 64)
		return run, said, err
	}
	goOn := func(Progress) {}
	unbroken, _, err := attempt(t.Context(), "", goOn)
	if err != nil {
		t.Fatal(err)
	}
	want := contents(t, unbroken.Dir)
	for name, damage := range map[string]func(t *testing.T, partial string){
		"whole":      nil,
		"damaged":    func(t *testing.T, partial string) { flipByte(t, filepath.Join(partial, "000000", "text.npy")) },
		"half there": func(t *testing.T, partial string) { remove(t, filepath.Join(partial, "000000", "block.json")) },
	} {
		t.Run(name, func(t *testing.T) {
			partial := filepath.Join(t.TempDir(), "partial")
			ctx, cancel := context.WithCancel(t.Context())
			_, _, err := attempt(ctx, partial, func(p Progress) {
				if p.Done > 150 {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if damage != nil {
				damage(t, partial)
			}
			run, said, err := attempt(t.Context(), partial, goOn)
			if err != nil {
				t.Fatal(err)
			}
			if resumed, _ := run.facts["resumedBlocks"].(int); resumed == 0 && damage == nil {
				t.Error("no block was taken from the attempt before")
			}
			if warned := len(said) > 0; warned != (name == "damaged") || warned && !strings.HasPrefix(said[0], "block 0 of an attempt before is not used, it is embedded again: text.npy: sha256 is ") {
				t.Errorf("warned %q", said)
			}
			sameFiles(t, contents(t, run.Dir), want)
		})
	}
}

// TestDamagedBlock: no bit of a kept block can change and be believed.
func TestDamagedBlock(t *testing.T) {
	b := &blocks{run: &Run{Partial: t.TempDir()}, engine: map[string]string{"name": "go"}}
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
