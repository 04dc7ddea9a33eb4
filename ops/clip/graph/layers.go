package graph

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
)

// pull takes the gradient of a layer's output to that of its input, and leaves
// the gradients of the layer's parameters with the tape. Without needX the
// input's gradient is not built and nil comes back.
type pull func(dy *Node, needX bool) *Node

// Tape is a graph being built, with the parameters of a model as its inputs and
// the gradients of those that train.
type Tape struct {
	Graph  *Graph
	cfg    clip.Config
	Shape  map[string][]int // of every parameter, on the device
	trains map[string]bool
	nodes  map[string]*Node
	Grads  map[string]*Node

	DType     dtypes.DType // of activations between layers; parameters are f32
	Recompute bool         // see recomputed
}

// ParamPrefix is before a parameter's name in the names of a graph's inputs.
const ParamPrefix = "p:"

// New is a tape of a graph in which some parameters train.
func New(g *Graph, cfg clip.Config, trainable []string) *Tape {
	t := &Tape{Graph: g, cfg: cfg, Shape: map[string][]int{}, trains: map[string]bool{}, nodes: map[string]*Node{}, Grads: map[string]*Node{}, DType: dtypes.Float32}
	for _, p := range clip.Parameters(cfg) {
		t.Shape[p.Name] = DeviceShape(p.Shape)
	}
	for _, name := range trainable {
		t.trains[name] = true
	}
	return t
}

// DeviceShape makes every parameter a matrix: a vector is a row, a convolution
// is [out, the rest].
func DeviceShape(shape []int) []int {
	switch len(shape) {
	case 0:
		return []int{1, 1}
	case 1:
		return []int{1, shape[0]}
	}
	rest := 1
	for _, d := range shape[1:] {
		rest *= d
	}
	return []int{shape[0], rest}
}

// At is a parameter. It becomes an input of the graph when it is first asked
// for: the Go backend panics on an input that no output needs.
func (t *Tape) At(name string) *Node {
	n := t.nodes[name]
	if n == nil {
		n = Input(t.Graph, ParamPrefix+name, t.Shape[name]...)
		t.nodes[name] = n
	}
	return n
}

// Input is an input of f32.
func Input(g *Graph, name string, dims ...int) *Node {
	return Parameter(g, name, shapes.Make(dtypes.Float32, dims...))
}

// Give adds to a parameter's gradient, which is built only when it trains.
func (t *Tape) Give(name string, grad func() *Node) {
	if !t.trains[name] {
		return
	}
	d := grad()
	if sum := t.Grads[name]; sum != nil {
		d = Add(sum, d)
	}
	t.Grads[name] = d
}

// matmul is the product of two matrices.
func matmul(a, b *Node) *Node { return DotProduct(a, b) }

// transpose of a matrix; backends fold it into the product it goes to.
func transpose(a *Node) *Node { return TransposeAllAxes(a, 1, 0) }

// ColumnSums is [1, n] of [m, n], in f32.
func ColumnSums(x *Node) *Node { return ReduceAndKeep(Wide(x), ReduceSum, 0) }

// RowSums is [m, 1] of [m, n].
func RowSums(x *Node) *Node { return ReduceAndKeep(x, ReduceSum, -1) }

// linear is x·Wᵀ + b. x is [n, in], W is [out, in].
func (t *Tape) linear(x *Node, weight, bias string) (*Node, pull) {
	w := t.weight(weight)
	y := Add(matmul(x, transpose(w)), t.weight(bias)) // [n, out]
	return y, func(dy *Node, needX bool) *Node {
		t.Give(weight, func() *Node { return product(transpose(dy), x) })
		t.Give(bias, func() *Node { return ColumnSums(dy) })
		if !needX {
			return nil
		}
		return matmul(dy, w)
	}
}

// project is x·W without a bias, in f32. x is [n, in], W is [in, out].
func (t *Tape) project(x *Node, weight string) (*Node, pull) {
	w := t.weight(weight)
	return product(x, w), func(dy *Node, needX bool) *Node {
		dy = t.Narrow(dy)
		t.Give(weight, func() *Node { return product(transpose(x), dy) })
		if !needX {
			return nil
		}
		return matmul(dy, transpose(w))
	}
}

// layerNormEpsilon is PyTorch's and open_clip's.
const layerNormEpsilon = 1e-5

// standardized gives the rows of x [n, D] with a mean of 0 and a variance of 1,
// and what they were multiplied by [n, 1], in f32.
func standardized(x *Node) (unit, scale *Node) {
	x = Wide(x)
	n := 1 / float64(x.Shape().Dimensions[1])
	centred := Sub(x, MulScalar(RowSums(x), n))
	variance := MulScalar(RowSums(Square(centred)), n)
	scale = Reciprocal(Sqrt(AddScalar(variance, layerNormEpsilon)))
	return Mul(centred, scale), scale
}

// layerNorm normalises the rows of x [n, D]. It computes in f32; where x is
// narrower it is kept for the backward pass, and not the f32 made of it.
func (t *Tape) layerNorm(x *Node, name string) (*Node, pull) {
	n := 1 / float64(x.Shape().Dimensions[1])
	unit, scale := standardized(x)
	y := t.Narrow(Add(Mul(unit, t.At(name+".weight")), t.At(name+".bias")))
	return y, func(dy *Node, needX bool) *Node {
		unit, scale := unit, scale
		if x.DType() != dtypes.Float32 {
			x, dy = after(x, dy)
			unit, scale = standardized(x)
		}
		dy = Wide(dy)
		t.Give(name+".weight", func() *Node { return ColumnSums(Mul(dy, unit)) })
		t.Give(name+".bias", func() *Node { return ColumnSums(dy) })
		if !needX {
			return nil
		}
		du := Mul(dy, t.At(name+".weight"))
		mean := MulScalar(RowSums(du), n)
		along := MulScalar(RowSums(Mul(du, unit)), n)
		return t.Narrow(Mul(Sub(Sub(du, mean), Mul(unit, along)), scale))
	}
}

// softmax of the last axis.
func softmax(x *Node) *Node {
	e := Exp(Sub(x, ReduceAndKeep(x, ReduceMax, -1)))
	return Div(e, ReduceAndKeep(e, ReduceSum, -1))
}

// mlp is c_proj(act(c_fc(x))). Both activations are x·F(s·x), with F the logistic
// function and s = 1.702 (QuickGELU) or F the normal distribution's and s = 1
// (GELU), in f32. s and what else is constant is folded into the weights around,
// which are smaller than the activations.
func (t *Tape) mlp(x *Node, name string) (*Node, pull) {
	before, behind := 1.702, 1/1.702
	act := quickGELU
	if !t.cfg.Model.QuickGELU {
		before, behind, act = math.Sqrt2/2, math.Sqrt2/2, exactGELU
	}
	fc, proj := t.Narrow(MulScalar(t.At(name+".c_fc.weight"), before)), t.Narrow(MulScalar(t.At(name+".c_proj.weight"), behind))
	z := Add(matmul(x, transpose(fc)), t.Narrow(MulScalar(t.At(name+".c_fc.bias"), before))) // [n, hidden]
	a, slope := act(Wide(z))
	a = t.Narrow(a)
	y := Add(matmul(a, transpose(proj)), t.weight(name+".c_proj.bias")) // [n, D]
	return y, func(dy *Node, needX bool) *Node {
		a, slope := a, slope
		if z.DType() != dtypes.Float32 { // keep z and not the f32 made of it
			z, dy = after(z, dy)
			a, slope = act(Wide(z))
			a = t.Narrow(a)
		}
		t.Give(name+".c_proj.weight", func() *Node { return MulScalar(product(transpose(dy), a), behind) })
		t.Give(name+".c_proj.bias", func() *Node { return ColumnSums(dy) })
		dz := t.Narrow(Mul(Wide(matmul(dy, proj)), slope()))
		t.Give(name+".c_fc.weight", func() *Node { return MulScalar(product(transpose(dz), x), before) })
		t.Give(name+".c_fc.bias", func() *Node { return MulScalar(ColumnSums(dz), before) })
		if !needX {
			return nil
		}
		return matmul(dz, fc)
	}
}

// quickGELU is z·σ(z), and its slope σ + zσ(1-σ).
func quickGELU(z *Node) (*Node, func() *Node) {
	s := Logistic(z)
	a := Mul(z, s)
	return a, func() *Node { return Add(a, Mul(s, OneMinus(a))) }
}

// exactGELU is z·(1 + erf z), and its slope 1 + erf z + z·2/√π·exp(-z²).
func exactGELU(z *Node) (*Node, func() *Node) {
	e := OnePlus(Erf(z))
	return Mul(z, e), func() *Node {
		return Add(e, Mul(MulScalar(z, 2/math.Sqrt(math.Pi)), Exp(Neg(Square(z)))))
	}
}

// Normalize scales rows to length 1.
func Normalize(x *Node) (*Node, pull) {
	scale := Reciprocal(Sqrt(MaxScalar(RowSums(Square(x)), 1e-24))) // torch's eps of 1e-12
	y := Mul(x, scale)
	return y, func(dy *Node, needX bool) *Node {
		if !needX {
			return nil
		}
		return Mul(Sub(dy, Mul(y, RowSums(Mul(dy, y)))), scale)
	}
}
