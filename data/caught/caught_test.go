package caught

import (
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

func TestDo(t *testing.T) {
	var list []int
	err := Do("shard x.tar", func() error { list[len(list)+1] = 1; return nil })
	if err == nil || !strings.HasPrefix(err.Error(), "shard x.tar: cannot be handled") ||
		!strings.Contains(err.Error(), "index out of range") || !strings.Contains(err.Error(), "data/caught/caught_test.go:14") {
		t.Errorf("a panic: got %v, want its value, what was handled and the line", err)
	}
	if err := Do("x", func() error { return io.ErrUnexpectedEOF }); err != io.ErrUnexpectedEOF {
		t.Errorf("an error: got %v, want it as it is", err)
	}
	if err := Do("x", func() error { panic(io.ErrClosedPipe) }); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a panic with an error: got %v, want it wrapped", err)
	}
	inner := Do("outer", func() error {
		panic(Do("inner", func() error { panic("fault") }))
	})
	if !strings.HasPrefix(inner.Error(), "inner: ") {
		t.Errorf("caught twice: got %v, want what was known first", inner)
	}
}

// TestGroups: a panic in a goroutine reaches who waits, and not the process.
func TestGroups(t *testing.T) {
	var readers errgroup.Group
	readers.Go(func() error { return Do("file a", func() error { panic("fault") }) })
	if err := readers.Wait(); err == nil || !strings.Contains(err.Error(), "file a: ") {
		t.Errorf("errgroup: got %v", err)
	}
	ran := make([]bool, 8)
	err := Do("all", func() error {
		var group Group
		for i := range ran {
			group.Go(func() {
				ran[i] = true
				if i == 3 {
					panic("fault")
				}
			})
		}
		group.Wait()
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "fault") || !strings.Contains(err.Error(), "caught_test.go") {
		t.Errorf("group: got %v", err)
	}
	for i, ok := range ran {
		if !ok {
			t.Errorf("goroutine %d did not run", i)
		}
	}
	var fine Group
	fine.Go(func() {})
	fine.Wait()
}
