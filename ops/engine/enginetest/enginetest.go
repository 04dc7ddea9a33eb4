// Package enginetest has a program for tests that need an engine to run one, and no model: graphs
// are made in ops/clip and ops/engine alone.
package enginetest

import (
	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// Double compiles a program that doubles a number; each call of run runs it once.
func Double(e *engine.Engine) (run func() error, err error) {
	program, err := e.Program("double {}", func(g *graph.Graph) []*graph.Node {
		return []*graph.Node{graph.MulScalar(engine.Input(g, "x", shapes.Make(dtypes.Float32, 1)), 2)}
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		in, err := e.Upload([]float32{1}, 1)
		if err != nil {
			return err
		}
		defer in.Finalize()
		out, err := program.Run([]compute.Buffer{in}, nil)
		if err != nil {
			return err
		}
		return out[0].Finalize()
	}, nil
}
