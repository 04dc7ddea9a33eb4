package columns

import (
	"fmt"
	"math/bits"
	"sync"
)

// recycler is an Arrow allocator that keeps freed buffers for the next page or
// column of the same file. Pages are about a megabyte each way; without it a
// scan makes most of its garbage there, and a fifth of its time is collecting.
type recycler struct {
	mu   sync.Mutex // finalizers of the library free buffers too
	free map[int][][]byte
}

// maxFree bounds the buffers kept of one size; two of each are in use a column.
const maxFree = 8

// Allocate returns size bytes of undefined contents, as the library expects of
// buffers it is about to fill.
func (r *recycler) Allocate(size int) []byte {
	if size == 0 {
		return []byte{}
	}
	if size < 0 || size > maxPage { // the library takes no error; the readers catch panics
		panic(fmt.Errorf("a page of %d bytes, over %d", size, maxPage))
	}
	class := bits.Len(uint(size - 1))
	r.mu.Lock()
	defer r.mu.Unlock()
	if free := r.free[class]; len(free) > 0 {
		buf := free[len(free)-1]
		r.free[class] = free[:len(free)-1]
		return buf[:size]
	}
	return make([]byte, size, 1<<class)
}

// Reallocate keeps the contents of b as far as they fit.
func (r *recycler) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) {
		return b[:size]
	}
	out := r.Allocate(size)
	copy(out, b)
	r.Free(b)
	return out
}

// Free takes a buffer back, unless its size is not one that Allocate makes.
func (r *recycler) Free(b []byte) {
	if cap(b) == 0 || cap(b)&(cap(b)-1) != 0 {
		return
	}
	class := bits.Len(uint(cap(b) - 1))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free == nil {
		r.free = map[int][][]byte{}
	}
	if len(r.free[class]) < maxFree {
		r.free[class] = append(r.free[class], b[:0])
	}
}
