// Package caught keeps a panic on one input from ending the process. Go ends the whole program
// where a goroutine panics that does not recover, and with it a sweep's other stages; outside data
// reach code (decoders, parsers, arithmetic on lengths that a file claims) that may panic. Every
// goroutine of data and ops that handles them is started through Do or Group; a test holds that.
//
// Not here: what ends a process whatever is done (memory that is used up, a stack that overflows,
// concurrent writes to a map). Those need bounds where the data are read.
package caught

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
)

// Panic is a panic as an error.
type Panic struct {
	What  string // that was being handled: a file, an image; "" where nothing is known
	Value any    // of the panic
	At    string // file and line where it began
}

// Error says what was being handled, and where the code gave up.
func (p *Panic) Error() string {
	text := fmt.Sprintf("cannot be handled, damaged or a fault of this program: %v (at %s)", p.Value, p.At)
	if p.What != "" {
		text = p.What + ": " + text
	}
	return text
}

// Unwrap gives the error that was the panic's value, where it was one.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// Do calls fn; a panic of it becomes an error that names what fn handles.
func Do(what string, fn func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = asPanic(what, value)
		}
	}()
	return fn()
}

// asPanic keeps a panic that was caught before as it is.
func asPanic(what string, value any) *Panic {
	if p, ok := value.(*Panic); ok {
		return p
	}
	return &Panic{What: what, Value: value, At: origin()}
}

// origin is the place of the panic: the first frame below the runtime's own.
func origin() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for panicking := false; ; {
		frame, more := frames.Next()
		inRuntime := strings.HasPrefix(frame.Function, "runtime.")
		if panicking && !inRuntime {
			return short(frame)
		}
		panicking = panicking || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

// short is a frame's file without the folders above its package's.
func short(frame runtime.Frame) string {
	parts := strings.Split(frame.File, "/")
	return fmt.Sprintf("%s:%d", strings.Join(parts[max(0, len(parts)-3):], "/"), frame.Line)
}

// Group is a sync.WaitGroup whose Wait panics with the first panic of its goroutines, so that it
// reaches who waits, and is caught there. The zero value is ready.
type Group struct {
	wait  sync.WaitGroup
	mu    sync.Mutex
	first *Panic
}

// Go runs fn in a goroutine of the group.
func (g *Group) Go(fn func()) {
	g.wait.Go(func() {
		defer func() {
			if value := recover(); value != nil {
				g.note(asPanic("", value))
			}
		}()
		fn()
	})
}

func (g *Group) note(p *Panic) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first == nil {
		g.first = p
	}
}

// Wait waits for all goroutines.
func (g *Group) Wait() {
	g.wait.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first != nil {
		panic(g.first)
	}
}
