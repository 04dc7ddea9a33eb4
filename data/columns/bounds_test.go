package columns

import (
	"strings"
	"sync"
	"testing"
)

// TestReadersShareABound: many readers at a time hold no more than all may.
func TestReadersShareABound(t *testing.T) {
	claims := make([]claim, 2*maxTotal/maxText)
	var group sync.WaitGroup
	failed := make([]bool, len(claims))
	for i := range claims {
		group.Go(func() {
			for range 8 {
				failed[i] = claims[i].add(maxText/8) != nil || failed[i]
			}
		})
	}
	group.Wait()
	if got := held.Load(); got > maxTotal || got < maxTotal-maxText/8*int64(len(claims)) {
		t.Errorf("%d bytes are held, of at most %d", got, int64(maxTotal))
	}
	some := false
	for i := range claims {
		some = some || failed[i]
		claims[i].free()
	}
	if !some || held.Load() != 0 {
		t.Errorf("refused: %v, held in the end: %d", some, held.Load())
	}
	var one claim
	if err := one.add(maxText + 1); err == nil || !strings.Contains(err.Error(), "MiB of text") {
		t.Errorf("one batch: %v", err)
	}
	if one.free(); held.Load() != 0 {
		t.Errorf("held after a refusal: %d", held.Load())
	}
}

// TestPageBound: what a page says of its size is not believed beyond a bound.
func TestPageBound(t *testing.T) {
	for _, size := range []int{maxPage + 1, -1} {
		err := func() (err error) {
			defer caught(&err)
			(&recycler{}).Allocate(size)
			return nil
		}()
		if err == nil || !strings.Contains(err.Error(), "a page of ") {
			t.Errorf("a page of %d bytes: %v", size, err)
		}
	}
}
