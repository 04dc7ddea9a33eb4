package columns

import (
	"fmt"
	"sync/atomic"
)

// A dictionary, or a page that compresses well, makes gigabytes of a file of some
// kilobytes. What is read of it is bounded: for a column of a batch, for a page,
// for a file's number of rows, and for all files that a process reads at a time.
const (
	// bytes of the values of one column of a batch: 64 KiB each where a batch is 4096 rows
	maxText  = 1 << 28
	maxPage  = 1 << 28 // bytes of a page, as it is in memory; writers make them of one megabyte
	maxRows  = 1 << 34 // of a file; three times LAION-5B
	maxTotal = 1 << 30 // bytes of the batches that all readers hold
)

// held counts the bytes of batches that readers hold: a reader's are its own
// until it reads the next.
var held atomic.Int64

// claim is a reader's part of held.
type claim struct{ bytes int64 }

// add asks for the memory of so many more bytes of values.
func (c *claim) add(n int64) error {
	if c.bytes+n > maxText {
		return fmt.Errorf("a batch of over %d MiB of text, over %d MiB", (c.bytes+n)>>20, maxText>>20)
	}
	if held.Add(n) > maxTotal {
		held.Add(-n)
		return fmt.Errorf("%d MiB of text more than the %d MiB that all readers may hold", n>>20, maxTotal>>20)
	}
	c.bytes += n
	return nil
}

// free gives all of it back.
func (c *claim) free() {
	held.Add(-c.bytes)
	c.bytes = 0
}
