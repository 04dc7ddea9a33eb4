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
	"react/runner/apart"
	"react/runner/plan"
	"react/runner/store"
)

// Engines opens one engine for all stages, when the first asks for it; one that is best kept apart,
// processes open that make the stages. It may be used by several goroutines.
type Engines struct {
	asked    string
	share    Share
	programs string // folder of what XLA compiles
	stderr   io.Writer
	kept     *apart.Kept // nil where stages are made in this process

	mu     sync.Mutex
	engine *engine.Engine
	err    error
	name   string            // of the engine that was opened, here
	facts  map[string]string // likewise
}

// NewEngines opens the engine that is asked for by name, and says so on stderr. share says how
// stages have its devices; the zero value is one for all. What XLA compiles is kept in the store.
func NewEngines(asked string, share Share, s *store.Store, stderr io.Writer) *Engines {
	e := &Engines{asked: asked, share: share, programs: s.ProgramsDir(), stderr: stderr}
	if engine.Apart(asked) {
		e.kept = apart.Keep(func(place int) string { return share.spec(asked, place) }, e.programs)
	}
	return e
}

// EngineFor is the engine that a sweep's stages are made with, all alike: what --engine asks for, and
// for auto the one that is fastest for the largest of their models.
func EngineFor(asked string, stages []*plan.Stage) string {
	if asked != "auto" && asked != "" {
		return asked
	}
	largest := 0.0
	for _, stage := range stages {
		if stage.Model != nil {
			largest = max(largest, stage.Model.FLOPs().Image)
		}
	}
	return engine.ForModel(largest)
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
	return e.open()
}

func (e *Engines) open() (*engine.Engine, error) {
	if e.engine != nil || e.err != nil {
		return e.engine, e.err
	}
	if e.engine, e.err = engine.Open(e.share.spec(e.asked, 0)); e.err != nil {
		e.err = fmt.Errorf("engine %s: %w", e.asked, e.err)
		return nil, e.err
	}
	e.engine.KeepPrograms(e.programs)
	if e.name != "" { // it was open before
		return e.engine, nil
	}
	e.name, e.facts = e.engine.Name(), e.engine.Describe()
	fmt.Fprintf(e.stderr, "engine: %s\n", e.name)
	for _, text := range e.engine.Warnings() {
		fmt.Fprintln(e.stderr, "warning:", text)
	}
	return e.engine, nil
}

// Prepare opens the engine, so that what is wrong with it shows and its name is known. One that
// stages open in other processes is closed again.
func (e *Engines) Prepare() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.name != "" {
		return nil
	}
	if _, err := e.open(); err != nil {
		return err
	}
	if e.kept != nil {
		e.engine.Close()
		e.engine = nil
	}
	return nil
}

// Name is that of the engine which was opened; "" where none was.
func (e *Engines) Name() string {
	name, _ := e.opened()
	return name
}

// opened is the name and the libraries of the engine that was opened; "" where none was.
func (e *Engines) opened() (name string, libraries map[string]string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.name, e.facts
}

// Close closes the engine if one is open, here or in processes that make no stage.
func (e *Engines) Close() {
	if e.kept != nil {
		e.kept.Close()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.engine != nil {
		e.engine.Close()
		e.engine = nil
	}
}
