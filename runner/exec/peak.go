package exec

import (
	"sync"

	"react/data/proc"
	"react/runner/record"
)

// peaks tells which stages ran alone: of two at a time nobody can say which one
// held the memory.
var peaks struct {
	mu      sync.Mutex
	running int
	shared  bool // another stage ran since the first of those that run began
}

// measurePeak begins to measure; the function that it returns gives the fact of
// how much memory the process held at most since then, where the stage ran alone
// and the kernel says; beside is what a process held that made the stage for it.
func measurePeak(fact func(key string, value any)) (done func(beside int64)) {
	peaks.mu.Lock()
	defer peaks.mu.Unlock()
	peaks.running++
	peaks.shared = peaks.running > 1
	reset := proc.NewPeak()
	return func(beside int64) {
		peaks.mu.Lock()
		defer peaks.mu.Unlock()
		peaks.running--
		if peaks.shared || !reset {
			return
		}
		if peak := proc.Peak(); peak > 0 {
			fact(record.MemoryFact, peak+beside)
		}
	}
}
