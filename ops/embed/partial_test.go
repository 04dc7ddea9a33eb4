package embed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"react/ops/embed"
	"react/ops/engine"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/op"
)

// TestStoppedEmbeddingGoesOn stops an embedding after some blocks: the next attempt takes those
// that were kept, and the folder is that of an unbroken run, bit for bit. A kept block that is
// damaged is computed again.
func TestStoppedEmbeddingGoesOn(t *testing.T) {
	on, pool, base := small.TwoStepBase(t)
	attempt := func(ctx context.Context, partial string, stop func(op.Progress)) (*optest.Run, []string, error) {
		run := optest.New(t, map[string]string{"checkpoint": base, "pool": pool}, nil)
		run.Partial, run.SaveEvery, run.Progress = partial, time.Nanosecond, stop
		run.OpenEngine = func() (*engine.Engine, error) { return on, nil }
		var said []string
		run.Warn = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
		err := embed.Pool(ctx, &run.Run, embed.Params{}, 64)
		return run, said, err
	}
	goOn := func(op.Progress) {}
	unbroken, _, err := attempt(t.Context(), "", goOn)
	if err != nil {
		t.Fatal(err)
	}
	want := optest.Contents(t, unbroken.Dir)
	for name, damage := range map[string]func(t *testing.T, partial string){
		"whole":   nil,
		"damaged": func(t *testing.T, partial string) { optest.FlipByte(t, filepath.Join(partial, "000000", "text.npy")) },
		"half there": func(t *testing.T, partial string) {
			if err := os.Remove(filepath.Join(partial, "000000", "block.json")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			partial := filepath.Join(t.TempDir(), "partial")
			ctx, cancel := context.WithCancel(t.Context())
			_, _, err := attempt(ctx, partial, func(p op.Progress) {
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
			if resumed, _ := run.Facts["resumedBlocks"].(int); resumed == 0 && damage == nil {
				t.Error("no block was taken from the attempt before")
			}
			if warned := len(said) > 0; warned != (name == "damaged") || warned && !strings.HasPrefix(said[0], "block 0 of an attempt before is not used, it is embedded again: text.npy: sha256 is ") {
				t.Errorf("warned %q", said)
			}
			optest.SameFiles(t, optest.Contents(t, run.Dir), want)
		})
	}
}
