package exec

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"react/ops"
	"react/ops/engine"
)

// Engines opens one engine for all stages, when the first asks for it. It may be
// used by several goroutines.
type Engines struct {
	asked  string
	stderr io.Writer

	mu     sync.Mutex
	engine *engine.Engine
	err    error
}

// NewEngines opens the engine that is asked for by name, and says so on stderr.
func NewEngines(asked string, stderr io.Writer) *Engines {
	return &Engines{asked: asked, stderr: stderr}
}

// CheckEngine says what is wrong with the value of --engine.
func CheckEngine(name string) error {
	if !engine.Known(name) {
		return fmt.Errorf("--engine %s: %s", name, engine.Choices)
	}
	return nil
}

// CheckOp says what is wrong with an op in a flag.
func CheckOp(flag, name string) error {
	if _, ok := ops.All[name]; ok {
		return nil
	}
	return fmt.Errorf("%s %s: no such op; there are %s", flag, name, strings.Join(slices.Sorted(maps.Keys(ops.All)), ", "))
}

// Open gives the engine, always the same one.
func (e *Engines) Open() (*engine.Engine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine != nil || e.err != nil {
		return e.engine, e.err
	}
	if e.engine, e.err = engine.Open(e.asked); e.err != nil {
		e.err = fmt.Errorf("engine %s: %w", e.asked, e.err)
		return nil, e.err
	}
	fmt.Fprintf(e.stderr, "engine: %s\n", e.engine.Name())
	for _, text := range e.engine.Warnings() {
		fmt.Fprintln(e.stderr, "warning:", text)
	}
	return e.engine, nil
}

// Name is the open engine's; "" when none is open.
func (e *Engines) Name() string {
	if open := e.opened(); open != nil {
		return open.Name()
	}
	return ""
}

// opened is the engine that a stage has opened, nil when none has.
func (e *Engines) opened() *engine.Engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.engine
}

// Close closes the engine if one is open.
func (e *Engines) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine != nil {
		e.engine.Close()
		e.engine = nil
	}
}
