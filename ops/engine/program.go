package engine

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"react/ops/engine/shim"
)

// Program is a compiled graph. Its inputs and outputs are in the order in which
// the graph made its parameters and returned its nodes.
type Program struct {
	exec    compute.Executable
	inputs  []string
	renewed []bool
	name    string
	devices int               // that it runs on at once
	device  compute.DeviceNum // that it runs on, where that is one
	caller  *shim.Caller
	watch   *watch
	times   *times
}

// graphOf builds a graph and gives its outputs.
type graphOf = func(g *graph.Graph) []*graph.Node

// Program gives the graph of a key, compiled at the first call for it. build
// runs at graph building time: it panics on a mistake, which becomes the error.
// The key must say all that build depends on.
func (e *Engine) Program(key string, build graphOf) (*Program, error) {
	return e.Renewing(key, func(string) bool { return false }, build)
}

// Renewing is Program for a graph whose outputs are new values of some of its inputs: renews says
// of which, by name. On XLA a new value takes the memory of the old one where that is donated.
func (e *Engine) Renewing(key string, renews func(input string) bool, build graphOf) (*Program, error) {
	p := e.programs.entry(key)
	p.once.Do(func() { p.program, p.err = e.compile(key, renews, build) })
	if p.err != nil || p.program.device == e.device {
		return p.program, p.err
	}
	here := *p.program // a program of one device runs on any
	here.device = e.device
	return &here, nil
}

// compile compiles a graph, and where it has flash attention that the compiler does not take, the
// one without.
func (e *Engine) compile(name string, renews func(input string) bool, build graphOf) (*Program, error) {
	p, calls, err := e.compileOnce(name, renews, build)
	if err == nil || calls == nil {
		return p, err
	}
	e.flash.refused.Store(true)
	plain, _, failed := e.compileOnce(name, renews, build)
	if failed == nil {
		e.flash.note(firstLine(err))
	}
	return plain, failed
}

// compileOnce compiles a graph as it is built now; calls are those of flash attention in it.
func (e *Engine) compileOnce(name string, renews func(input string) bool,
	build graphOf) (p *Program, calls []string, err error) {
	g := graph.NewGraph(e.Backend, name)
	if e.mesh != nil {
		if err := g.SetAutoSharding(e.mesh); err != nil {
			return nil, nil, fmt.Errorf("graph %s on %s: %w", name, e.name, err)
		}
	}
	var outputs []*graph.Node
	if err := exceptions.TryCatch[error](func() { outputs = build(g) }); err != nil {
		return nil, nil, fmt.Errorf("graph %s on %s: %w", name, e.name, err)
	}
	calls = flashCalls(g)
	p = &Program{inputs: inputNames(g), name: name, devices: e.Devices(), device: e.device,
		caller: e.caller, watch: e.watch, times: &times{}}
	for _, input := range p.inputs {
		p.renewed = append(p.renewed, renews(input))
	}
	if panicked := exceptions.TryCatch[error](func() {
		err = e.caller.Compile(shim.Asked{Donated: p.renewed, Calls: calls},
			func() error { return g.CompileWithSharding(outputs, e.whole(outputs)) })
	}); panicked != nil {
		err = panicked
	}
	if err != nil {
		return nil, calls, fmt.Errorf("compile %s on %s: %w", name, e.name, err)
	}
	p.exec = g.Executable()
	return p, calls, nil
}

// Input is an input of a graph, under a name that Program.Inputs gives again; each device has all
// of it. The backends know it as p0, p1, ...: go-xla makes each sign but letters and digits of a
// name '_', so that it would give other names than ours, and take a.b and a_b for one.
func Input(g *graph.Graph, name string, shape shapes.Shape) *graph.Node {
	return input(g, name, shape, nil)
}

// inputNames are our names of a graph's inputs, in their order.
func inputNames(g *graph.Graph) []string {
	names := make([]string, g.NumParameters())
	for i := range names {
		in := g.GetParameterByHandle(graph.ParameterHandle(i))
		names[i] = cmp.Or(strings.TrimPrefix(in.GetAlias(), "/"), in.GetParameterName())
	}
	return names
}

// Run runs the program. With donate, inputs marked by it are given up to the
// run and must not be used again, not even finalized. The outputs are the
// caller's to Finalize.
//
// On one device of XLA it does not wait for the run's end. The outputs may be given to another run
// at once; who reads one waits for it, and gets the error of a run that failed.
func (p *Program) Run(inputs []compute.Buffer, donate []bool) ([]compute.Buffer, error) {
	if len(inputs) != len(p.inputs) {
		return nil, fmt.Errorf("%d inputs given to a graph of %d", len(inputs), len(p.inputs))
	}
	if donate == nil {
		donate = make([]bool, len(inputs))
	}
	var err error
	if p.devices > 1 {
		if inputs, donate, err = partsOf(p.devices, inputs, donate); err != nil {
			return nil, err
		}
	}
	name, _, _ := strings.Cut(p.name, " {") // a key: what follows is the model
	end, began := p.watch.begin(name, p.times.median()), time.Now()
	var outputs []compute.Buffer
	err = p.caller.Run(func() (err error) {
		panicked := exceptions.TryCatch[error](func() { outputs, err = p.exec.Execute(inputs, donate, p.device) })
		return cmp.Or(panicked, err)
	}, func() {
		p.times.add(time.Since(began))
		end()
	})
	if p.devices > 1 && err == nil {
		outputs = gathered(p.devices, outputs)
	}
	return outputs, err
}

// Donates says whether state that a step replaces is best donated to it. ONNX
// Runtime destroys donated buffers, but reuses those that were finalized.
func (e *Engine) Donates() bool { return e.name != "onnx" }

// RunsAhead says whether Run returns before the run has ended: the device can then be given the next
// run while it computes.
func (e *Engine) RunsAhead() bool { return e.caller != nil && e.mesh == nil }

// ComputesBF16 says whether an engine of a name computes in bfloat16. ONNX
// Runtime has no products of it on a CPU, and compute-onnx makes bfloat16 f32
// without a word.
func ComputesBF16(name string) bool { return name != "onnx" }

// Inputs are the names of the graph's parameters, in the order of Run.
func (p *Program) Inputs() []string { return p.inputs }

// Renewed says which inputs the outputs are new values of (Renewing), in the order of Run.
func (p *Program) Renewed() []bool { return p.renewed }
