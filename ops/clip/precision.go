package clip

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// The precisions. In bf16 the towers' weights are rounded to bfloat16 where a
// product reads them, and activations between layers and their gradients are
// bfloat16; products add up in f32. What stays f32: the weights themselves and
// the optimizer's moments, the statistics of layer norms and of softmax,
// activation functions, gradients of weights, features, and the loss. bfloat16
// has the exponents of f32, so no loss scaling is needed.
const (
	F32  = "f32"
	BF16 = "bf16"
)

// Precisions lists them.
var Precisions = []string{F32, BF16}

// dtypeOf is the type of a precision's activations; "" is f32.
func dtypeOf(precision string) (dtypes.DType, error) {
	switch precision {
	case "", F32:
		return dtypes.Float32, nil
	case BF16:
		return dtypes.BFloat16, nil
	}
	return dtypes.InvalidDType, fmt.Errorf("unknown precision %q: one of %s", precision, strings.Join(Precisions, ", "))
}

// CheckPrecision says why an engine, by its name, does not compute in a
// precision, and what to do; nil when it does.
func CheckPrecision(engineName, precision string) error {
	if _, err := dtypeOf(precision); err != nil {
		return err
	}
	if precision == BF16 && !engine.ComputesBF16(engineName) {
		return fmt.Errorf("precision bf16: the engine %s would compute in f32 and call it bf16; take xla:cuda, or go for a test, or precision f32", engineName)
	}
	return nil
}

// narrow converts to the type of activations. The conversions are nothing in f32.
func (t *tape) narrow(x *Node) *Node { return as(x, t.dtype) }

// weight is a parameter in the type of activations.
func (t *tape) weight(name string) *Node { return t.narrow(t.at(name)) }

// wide converts to f32.
func wide(x *Node) *Node { return as(x, dtypes.Float32) }

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
	return wide(Dot(a, b).WithOutputDType(dtypes.Float32).Product())
}
