package graph

import (
	"fmt"
	"math"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// peakChain is how many products a run of MatrixPeak chains, so that neither the
// upload nor the download counts.
const peakChain = 8

// MatrixPeak is what the engine's products of square matrices reach, operations
// a second, in the best of some rounds; with bf16 the factors are bfloat16. size
// is the matrices' side: large enough to fill the device, 1024 on a CPU and 8192
// on a GPU.
func MatrixPeak(e *engine.Engine, size int, bf16 bool) (float64, error) {
	dtype := dtypes.Float32
	if bf16 {
		dtype = dtypes.BFloat16
	}
	program, err := e.Program(fmt.Sprint("peak ", size, dtype), func(g *Graph) []*Node {
		a := ConvertDType(Input(g, "a", size, size), dtype)
		x := a
		for range peakChain {
			x = matmul(x, a)
		}
		return []*Node{ConvertDType(ReduceAndKeep(x, ReduceSum, 0), dtypes.Float32)}
	})
	if err != nil {
		return 0, err
	}
	a, err := e.Upload(make([]float32, size*size), size, size)
	if err != nil {
		return 0, err
	}
	defer a.Finalize()
	best := time.Duration(0)
	for i := range 6 {
		start := time.Now()
		if err := runOnce(program, a, size); err != nil {
			return 0, err
		}
		if took := time.Since(start); i > 0 && (best == 0 || took < best) {
			best = took
		}
	}
	return peakChain * 2 * math.Pow(float64(size), 3) / best.Seconds(), nil
}

// runOnce runs the program and waits for its output.
func runOnce(program *engine.Program, a compute.Buffer, size int) error {
	outputs, err := program.Run([]compute.Buffer{a}, nil)
	if err != nil {
		return err
	}
	defer outputs[0].Finalize()
	return outputs[0].ToFlatData(make([]float32, size))
}
