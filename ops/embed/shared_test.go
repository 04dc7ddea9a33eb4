package embed_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"react/ops/embed"
	"react/ops/engine"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/op"
)

// sharedPool is a small pool with a checkpoint, and the folder that one process makes of it.
type sharedPool struct {
	in     map[string]string
	engine *engine.Engine
	want   map[string]string
}

const sharedBlock = 32 // rows

func newSharedPool(t *testing.T) *sharedPool {
	t.Helper()
	on, pool, base := small.TwoStepBase(t)
	s := &sharedPool{in: map[string]string{"checkpoint": base, "pool": pool}, engine: on}
	alone, err := s.embed(t, t.Context(), "", false, func(op.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	s.want = optest.Contents(t, alone.Dir)
	return s
}

// embed is one process.
func (s *sharedPool) embed(t *testing.T, ctx context.Context, partial string, assist bool, progress func(op.Progress)) (*optest.Run, error) {
	run := optest.New(t, s.in, nil)
	run.Partial, run.Assist, run.Progress = partial, assist, progress
	run.OpenEngine = func() (*engine.Engine, error) { return s.engine, nil }
	return run, embed.Pool(ctx, &run.Run, embed.Params{}, sharedBlock)
}

// once calls fn the first time.
func once(fn func()) func(op.Progress) {
	var done sync.Once
	return func(op.Progress) { done.Do(fn) }
}

// TestSharedEmbedding: whoever computes which block, in whatever order, the folder is that of one
// process, byte for byte.
func TestSharedEmbedding(t *testing.T) {
	if testing.Short() {
		t.Skip("six embeddings")
	}
	s := newSharedPool(t)
	nothing := func(op.Progress) {}
	check := func(t *testing.T, run *optest.Run, err error, shared int) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := run.Facts["sharedBlocks"].(int); n < shared || shared == 0 && n > 0 {
			t.Errorf("%v blocks are by others, want at least %d", run.Facts["sharedBlocks"], shared)
		}
		optest.SameFiles(t, optest.Contents(t, run.Dir), s.want)
	}

	t.Run("a helper does all but the first", func(t *testing.T) {
		partial := filepath.Join(t.TempDir(), "partial")
		run, err := s.embed(t, t.Context(), partial, false, once(func() { // in the first block
			if _, err := s.embed(t, t.Context(), partial, true, nothing); err != nil {
				t.Error(err)
			}
		}))
		check(t, run, err, 4)
	})
	t.Run("a helper is slow", func(t *testing.T) {
		partial := filepath.Join(t.TempDir(), "partial")
		begun, last := make(chan bool), make(chan bool)
		var helper sync.WaitGroup
		run, err := func() (*optest.Run, error) {
			first := once(func() {
				helper.Go(func() {
					slow := once(func() { close(begun); <-last }) // with a block in its hands
					if _, err := s.embed(t, t.Context(), partial, true, slow); err != nil {
						t.Error(err)
					}
				})
				<-begun
			})
			var ended sync.Once
			return s.embed(t, t.Context(), partial, false, func(p op.Progress) {
				first(p)
				if p.Done == p.Total { // the rest is done, without the block that the helper has
					ended.Do(func() { close(last) })
				}
			})
		}()
		helper.Wait()
		check(t, run, err, 1)
	})
	t.Run("a helper stops with a block in its hands", func(t *testing.T) {
		partial := filepath.Join(t.TempDir(), "partial")
		run, err := s.embed(t, t.Context(), partial, false, once(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := s.embed(t, ctx, partial, true, once(cancel)); !errors.Is(err, context.Canceled) {
				t.Errorf("the helper was cancelled: %v", err)
			}
		}))
		check(t, run, err, 0)
	})
	t.Run("the maker stops, the helper's blocks stay", func(t *testing.T) {
		partial := filepath.Join(t.TempDir(), "partial")
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.embed(t, ctx, partial, false, once(func() {
			if _, err := s.embed(t, t.Context(), partial, true, nothing); err != nil {
				t.Error(err)
			}
			cancel()
		}))
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		run, err := s.embed(t, t.Context(), partial, false, nothing)
		check(t, run, err, 0)
		if n, _ := run.Facts["resumedBlocks"].(int); n < 4 {
			t.Errorf("resumed %d blocks, want what the helper kept", n)
		}
	})
}

// TestHelpThatIsNotWanted: nobody began, another engine, or the stage was published meanwhile.
func TestHelpThatIsNotWanted(t *testing.T) {
	s := newSharedPool(t)
	partial := filepath.Join(t.TempDir(), "partial")
	if _, err := s.embed(t, t.Context(), partial, true, func(op.Progress) {}); !errors.Is(err, embed.ErrNotBegun) {
		t.Errorf("nobody began: %v", err)
	}
	if _, err := os.Stat(partial); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a helper makes the directory: %v", err)
	}
	if err := embed.Invite(&op.Run{Partial: partial}, map[string]string{"name": "another"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.embed(t, t.Context(), partial, true, func(op.Progress) {}); err == nil || !strings.Contains(err.Error(), "both would round otherwise") {
		t.Errorf("another engine: %v", err)
	}
	if err := embed.Invite(&op.Run{Partial: partial}, op.EngineFacts(s.engine)); err != nil {
		t.Fatal(err)
	}
	_, err := s.embed(t, t.Context(), partial, true, once(func() {
		if err := os.RemoveAll(partial); err != nil { // as the store does
			t.Error(err)
		}
	}))
	if err != nil {
		t.Errorf("published meanwhile: %v", err)
	}
	if _, err := os.Stat(partial); !errors.Is(err, os.ErrNotExist) {
		t.Error("a helper leaves a directory behind after the stage was published")
	}
}

// TestEmbeddingProcess is not a test but the processes of TestProcessesShareAnEmbedding: one that
// makes the stage, or helps, and hangs in its first block, so that it can be killed there.
func TestEmbeddingProcess(t *testing.T) {
	role := os.Getenv("EMBED_ROLE")
	if role == "" {
		return
	}
	on, err := engine.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	s := &sharedPool{in: map[string]string{"checkpoint": os.Getenv("EMBED_CHECKPOINT"), "pool": os.Getenv("EMBED_POOL")}, engine: on}
	_, err = s.embed(t, context.Background(), os.Getenv("EMBED_PARTIAL"), role == "help", once(func() {
		fmt.Println("in a block")
		time.Sleep(time.Hour)
	}))
	t.Fatal("was not killed", err)
}

// hanging starts a process of a role and returns when it has a block in its hands; kill ends it.
func (s *sharedPool) hanging(t *testing.T, role, partial string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestEmbeddingProcess$")
	cmd.Env = append(os.Environ(), "EMBED_ROLE="+role, "EMBED_CHECKPOINT="+s.in["checkpoint"], "EMBED_POOL="+s.in["pool"], "EMBED_PARTIAL="+partial)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.Once
	kill = func() {
		ended.Do(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "in a block\n" {
		t.Fatalf("the process says %q, %v", line, err)
	}
	return kill
}

// TestProcessesShareAnEmbedding: a process that helps is killed with a block in its hands, and one
// that makes the stage is; the others end with the folder of one process, byte for byte.
func TestProcessesShareAnEmbedding(t *testing.T) {
	if testing.Short() {
		t.Skip("processes that load models")
	}
	s := newSharedPool(t)
	nothing := func(op.Progress) {}

	partial := filepath.Join(t.TempDir(), "partial")
	var kill func()
	first := once(func() { kill = s.hanging(t, "help", partial) })
	var end sync.Once
	run, err := s.embed(t, t.Context(), partial, false, func(p op.Progress) {
		first(p)
		if p.Done == p.Total { // everything but what the other has is done
			end.Do(kill)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	optest.SameFiles(t, optest.Contents(t, run.Dir), s.want)

	partial = filepath.Join(t.TempDir(), "partial")
	kill = s.hanging(t, "make", partial)
	if _, err := s.embed(t, t.Context(), partial, true, nothing); err != nil {
		t.Fatal(err)
	}
	kill()
	if run, err = s.embed(t, t.Context(), partial, false, nothing); err != nil {
		t.Fatal(err)
	}
	if n, _ := run.Facts["resumedBlocks"].(int); n < 4 {
		t.Errorf("resumed %d blocks, want all but the one that the maker had", n)
	}
	optest.SameFiles(t, optest.Contents(t, run.Dir), s.want)
}
