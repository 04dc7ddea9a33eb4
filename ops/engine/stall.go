package engine

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Patience is how long a run of a program takes at least before Stalled gives it up.
const Patience = time.Minute

const (
	stallFactor = 10   // of the usual time of the program's runs
	idleShare   = 0.01 // of a processor
)

// watch knows the runs of programs that have begun and not ended.
type watch struct {
	mu      sync.Mutex
	running map[*run]bool
	samples []sample // of the last while, in their order
}

// run is one run of a program.
type run struct {
	program string
	began   time.Time
	usual   time.Duration // of the program's runs before; 0 for the first
}

// sample is how much of the processors the process had used at a time.
type sample struct {
	at   time.Time
	used time.Duration
}

// begin notes that a program runs, until the function that it returns is called.
func (w *watch) begin(program string, usual time.Duration) (end func()) {
	r := &run{program: program, began: time.Now(), usual: usual}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running == nil {
		w.running = map[*run]bool{}
	}
	w.running[r] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.running, r)
	}
}

// Stalled says which run of a program will not come to an end, nil where none is known of: one that
// takes ten times as long as the program's runs before, or on a CPU one that computes nothing; and
// longer than patience. It is to be asked again and again, every second or so: XLA's plugins were
// seen to stand still for ever, without a word.
func (e *Engine) Stalled(patience time.Duration) error {
	return e.watch.stalled(time.Now(), processorTime(), patience, !e.remote)
}

// stalled is Stalled at a time; idle says whether a run that uses no processor stands still.
func (w *watch) stalled(now time.Time, used, patience time.Duration, idle bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	// the whole process was stopped
	if n := len(w.samples); n > 0 && now.Sub(w.samples[n-1].at) > patience/2 {
		for r := range w.running {
			r.began = r.began.Add(now.Sub(w.samples[n-1].at))
		}
		w.samples = nil
	}
	w.samples = append(w.samples, sample{now, used})
	for len(w.samples) > 1 && now.Sub(w.samples[1].at) >= patience {
		w.samples = w.samples[1:]
	}
	for r := range w.running {
		took := now.Sub(r.began)
		first := w.samples[0]
		switch {
		case took < patience:
		case r.usual > 0 && took > stallFactor*r.usual:
			return fmt.Errorf("a run of %s stands still: it takes %v so far, and took %v before", r.program, took.Round(time.Second), r.usual.Round(time.Millisecond))
		case !idle && r.usual == 0 && took > stallFactor*patience:
			return fmt.Errorf("a run of %s stands still: the first takes %v so far", r.program, took.Round(time.Second))
		case idle && now.Sub(first.at) >= patience && float64(used-first.used) < idleShare*float64(now.Sub(first.at)):
			return fmt.Errorf("a run of %s stands still: it began %v ago, and nothing is computed", r.program, took.Round(time.Second))
		}
	}
	return nil
}

// processorTime is what the process has used so far of all processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// remembered is how many runs of a program its usual time is the median of.
const remembered = 31

// times are how long the last runs of a program took.
type times struct {
	mu   sync.Mutex
	took []time.Duration
}

func (t *times) add(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.took = append(t.took, took); len(t.took) > remembered {
		t.took = t.took[1:]
	}
}

// median is 0 where there was no run.
func (t *times) median() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.took) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(t.took))[len(t.took)/2]
}
