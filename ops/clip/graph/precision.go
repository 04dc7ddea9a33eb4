package graph

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/engine"
)

// DType is the type of a precision's activations; "" is f32.
func DType(precision string) (dtypes.DType, error) {
	switch precision {
	case "", clip.F32:
		return dtypes.Float32, nil
	case clip.BF16:
		return dtypes.BFloat16, nil
	}
	return dtypes.InvalidDType, fmt.Errorf("unknown precision %q: one of %s", precision, strings.Join(clip.Precisions, ", "))
}

// CheckPrecision says why an engine, by its name, does not compute in a
// precision, and what to do; nil when it does.
func CheckPrecision(engineName, precision string) error {
	if _, err := DType(precision); err != nil {
		return err
	}
	if precision == clip.BF16 && !engine.ComputesBF16(engineName) {
		return fmt.Errorf("precision bf16: the engine %s would compute in f32 and call it bf16; take xla:cuda, or go for a test, or precision f32", engineName)
	}
	return nil
}

// Narrow converts to the type of activations. The conversions are nothing in f32.
func (t *Tape) Narrow(x *Node) *Node { return as(x, t.DType) }

// weight is a parameter in the type of activations.
func (t *Tape) weight(name string) *Node { return t.Narrow(t.At(name)) }

// Wide converts to f32.
func Wide(x *Node) *Node { return as(x, dtypes.Float32) }

func as(x *Node, dtype dtypes.DType) *Node {
	if x.DType() == dtype {
		return x
	}
	return ConvertDType(x, dtype)
}

// product is the f32 product of two matrices, whatever their type: what
// gradients of weights are made of.
func product(a, b *Node) *Node {
	if a.DType() == dtypes.Float32 {
		return matmul(a, b)
	}
	return Wide(Dot(a, b).WithOutputDType(dtypes.Float32).Product())
}
