package engine

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Trace builds a graph and reads it, without compiling or running it: the shapes
// of what a step computes are known without a device and without weights. The
// graph is not to be used after read returns.
func Trace(build func(g *graph.Graph) []*graph.Node, read func(nodes, outputs []*graph.Node)) error {
	backend, err := silently(func() (compute.Backend, error) { return gobackend.New(goConfig) })
	if err != nil {
		return fmt.Errorf("go engine: %w", err)
	}
	defer backend.Finalize()
	g := graph.NewGraph(backend, "trace")
	defer g.Finalize()
	return exceptions.TryCatch[error](func() {
		outputs := build(g)
		read(g.Nodes(), outputs)
	})
}
