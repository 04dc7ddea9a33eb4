package knn

/*
#include "fused.h"
*/
import "C"

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"react/ops/blas"
)

// runsFused says whether this processor runs fused.c.
func runsFused() bool { return C.fused_supported() != 0 }

// fusedKernel says whether it does and has nothing better: with AVX-512 OpenBLAS
// computes twice as much at a time.
var fusedKernel = sync.OnceValue(func() bool {
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // without it: no AVX-512
	return runsFused() && !hasFlags(string(cpuinfo), avx512Flags)
})

const (
	panelQueries = C.fused_queries
	panelRows    = C.fused_rows
	packedRows   = 4096 // in panels at a time
	packedBlocks = 3    // so that no worker waits for another
	// slack is the most hits that are collected beside k, before the worse are thrown away.
	slack = 256
)

// fused compares by fused.c: queries and rows are laid out in panels, scores stay
// in registers, and only what is over its query's floor is written down. Workers
// take groups of queries through the blocks, each group through one after the other.
type fused struct {
	Exact
	n, dim, k int
	room      int // hits of a query
	queries   []float32
	floors    []float32 // of padding: infinite
	counts    []int32
	found     []exactHit
	ids       []int64 // of a block that was read

	workers sync.WaitGroup
	mu      sync.Mutex
	changed *sync.Cond
	groups  []queryGroup
	packed  [packedBlocks]packed // block i is in place i modulo their number
	blocks  int                  // packed so far
	last    bool                 // no more will be
}

// queryGroup is some panels of queries: as many as stay in the second cache.
type queryGroup struct {
	from, to int
	next     int // block
	busy     bool
}

// packed is rows in panels, with their numbers.
type packed struct {
	rows []float32
	ids  []int64
}

func newFused(x Exact, queries []float32, dim, k int) *fused {
	n := len(queries) / dim
	panels := (n + panelQueries - 1) / panelQueries
	f := &fused{Exact: x, n: n, dim: dim, k: k, room: k + C.fused_spare + min(k, slack), queries: make([]float32, panels*panelQueries*dim), floors: make([]float32, panels*panelQueries),
		counts: make([]int32, panels*panelQueries), ids: make([]int64, readRows)}
	f.found = make([]exactHit, panels*panelQueries*f.room)
	for i := range f.floors {
		f.floors[i] = float32(math.Inf(1))
		if i < n {
			f.floors[i] = lowest
		}
	}
	for i := range n {
		panel := f.queries[i/panelQueries*panelQueries*dim:]
		for d, v := range queries[i*dim : (i+1)*dim] {
			panel[d*panelQueries+i%panelQueries] = v
		}
	}
	f.start(panels)
	return f
}

// start divides the queries into groups, several for each worker.
func (f *fused) start(panels int) {
	f.changed = sync.NewCond(&f.mu)
	workers := runtime.GOMAXPROCS(0)
	size := max(1, min(C.fused_panels, panels/(4*workers)))
	for from := 0; from < panels; from += size {
		f.groups = append(f.groups, queryGroup{from: from, to: min(from+size, panels)})
	}
	for range min(workers, len(f.groups)) {
		f.workers.Go(f.work)
	}
}

// work takes the group that is furthest behind through its next block.
func (f *fused) work() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		g := f.behind(false)
		if g == nil || g.next == f.blocks {
			if f.last && f.behind(true).next == f.blocks {
				return
			}
			f.changed.Wait()
			continue
		}
		g.busy = true
		block := &f.packed[g.next%packedBlocks]
		f.mu.Unlock()
		f.scan(g, block)
		f.mu.Lock()
		g.busy = false
		g.next++
		f.changed.Broadcast()
	}
}

// behind is the group with the lowest next block, the busy ones only on demand.
func (f *fused) behind(busy bool) *queryGroup {
	var least *queryGroup
	for i := range f.groups {
		if g := &f.groups[i]; (busy || !g.busy) && (least == nil || g.next < least.next) {
			least = g
		}
	}
	return least
}

// finish ends the workers when they are through what was packed.
func (f *fused) finish() {
	f.mu.Lock()
	f.last = true
	f.changed.Broadcast()
	f.mu.Unlock()
	f.workers.Wait()
}

func (f *fused) wantsHalves() bool { return true }

func (f *fused) hits() []best {
	all := make([]best, f.n)
	for i := range all {
		all[i] = f.best(i)
	}
	return all
}

// best is what was found for a query, in place.
func (f *fused) best(i int) best {
	return best{k: f.k, floor: f.floors[i], found: f.found[i*f.room:][:f.counts[i]]}
}

func (f *fused) compare(ctx context.Context, b block) error {
	rows := f.choose(&b)
	for start := 0; start < rows; start += packedRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		f.mu.Lock()
		for f.behind(true).next <= f.blocks-packedBlocks {
			f.changed.Wait()
		}
		f.mu.Unlock()
		n := min(packedRows, rows-start)
		if !f.pack(&f.packed[f.blocks%packedBlocks], b, start, n) {
			return f.blame(b)
		}
		f.mu.Lock()
		f.blocks++
		f.changed.Broadcast()
		f.mu.Unlock()
	}
	return nil
}

// choose numbers the rows that may be found, and moves them together.
func (f *fused) choose(b *block) int {
	n := 0
	for r := range b.rows {
		row := b.start + int64(r)
		if f.Subset != nil && !f.Subset.Has(row) {
			continue
		}
		f.ids[n] = row
		if n != r && b.halves != nil {
			copy(b.halves[n*f.dim:(n+1)*f.dim], b.halves[r*f.dim:])
		} else if n != r {
			copy(b.vectors[n*f.dim:(n+1)*f.dim], b.vectors[r*f.dim:])
		}
		n++
	}
	return n
}

// pack lays n rows from start on out in panels; false where a value is not finite.
func (f *fused) pack(to *packed, b block, start, n int) bool {
	if to.rows == nil {
		to.rows = make([]float32, packedRows*f.dim)
	}
	to.ids = append(to.ids[:0], f.ids[start:start+n]...)
	var odd atomic.Bool
	blas.Share((n+panelRows-1)/panelRows, func(first, last int) {
		first, last = first*panelRows, min(last*panelRows, n)
		out, rows, at := (*C.float)(&to.rows[first*f.dim]), C.int(last-first), (start+first)*f.dim
		var finite C.int
		if b.halves != nil {
			finite = C.fused_pack_halves((*C.uint16_t)(&b.halves[at]), rows, C.int(f.dim), out)
		} else {
			finite = C.fused_pack_rows((*C.float)(&b.vectors[at]), rows, C.int(f.dim), out)
		}
		if finite == 0 {
			odd.Store(true)
		}
	})
	return !odd.Load()
}

// blame finds the value that is not finite, by the way that names file and row.
func (f *fused) blame(b block) error {
	vectors := make([]float32, b.rows*f.dim)
	if err := f.Source.Block(b.start, b.rows, vectors); err != nil {
		return err
	}
	if _, err := countRows(vectors, f.dim, "vector", int(b.start)); err != nil {
		return err
	}
	return errors.New("vectors changed while they were read")
}

// scan compares a group of queries with the rows of a block.
func (f *fused) scan(g *queryGroup, b *packed) {
	first := g.from * panelQueries
	C.fused_scan((*C.float)(&f.queries[first*f.dim]), C.int(g.to-g.from), (*C.float)(&b.rows[0]), C.int(len(b.ids)), C.int(f.dim), C.int(f.k), (*C.int64_t)(&b.ids[0]),
		(*C.float)(&f.floors[first]), (*C.int32_t)(&f.counts[first]), (*C.fused_hit)(unsafe.Pointer(&f.found[first*f.room])), C.int64_t(f.room))
}
