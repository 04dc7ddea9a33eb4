package graph

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/engine"
)

// Tape is a graph being built, with the parameters of a model as its inputs.
type Tape struct {
	Graph *Graph
	Shape map[string][]int // of every parameter, on the device
	cfg   clip.Config
	nodes map[string]*Node
	rules map[*Node]*rule // by their outputs
	read  func(n *Node)   // told of each parameter that is asked for; nil for none

	DType     dtypes.DType // of activations between layers; parameters are f32
	Recompute bool         // see recomputed
	Flash     bool         // see flashes
}

// ParamPrefix is before a parameter's name in the names of a graph's inputs.
const ParamPrefix = "p:"

// New is a tape of a graph, in f32.
func New(g *Graph, cfg clip.Config) *Tape {
	t := &Tape{Graph: g, Shape: map[string][]int{}, cfg: cfg, nodes: map[string]*Node{}, rules: map[*Node]*rule{}, DType: dtypes.Float32}
	for _, p := range clip.Parameters(cfg) {
		t.Shape[p.Name] = DeviceShape(p.Shape)
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
	if t.read != nil {
		t.read(n)
	}
	return n
}

// Input is an input of f32, put by Given.Put.
func Input(g *Graph, name string, dims ...int) *Node {
	return engine.Input(g, name, shapes.Make(dtypes.Float32, dims...))
}

// IDs is an input of the type of WideIDs, put by Given.Put.
func IDs(g *Graph, name string, dims ...int) *Node {
	return engine.Input(g, name, shapes.Make(dtypes.Int64, dims...))
}

// RowsInput is an input of f32 whose rows are shared out among devices, put by Given.PutRows.
func RowsInput(g *Graph, name string, dims ...int) *Node {
	return engine.InputRows(g, name, shapes.Make(dtypes.Float32, dims...))
}

// RowsIDs is one of the type of WideIDs, likewise.
func RowsIDs(g *Graph, name string, dims ...int) *Node {
	return engine.InputRows(g, name, shapes.Make(dtypes.Int64, dims...))
}

// matmul is the product of two matrices, or of the last two axes for each of the first two.
func matmul(a, b *Node) *Node {
	if a.Rank() == 2 {
		return DotProduct(a, b)
	}
	return DotGeneral(a, []int{3}, []int{0, 1}, b, []int{2}, []int{0, 1})
}

// transpose of the last two axes; backends fold it into the product it goes to.
func transpose(a *Node) *Node { return Transpose(a, -2, -1) }

// linear is x·Wᵀ + b. x is [n, in], W is [out, in].
func (t *Tape) linear(x *Node, weight, bias string) *Node {
	return t.affine(x, t.At(weight), t.At(bias))
}

func (t *Tape) affine(x, w, b *Node) *Node { return Add(t.weighted(x, w), t.Narrow(b)) }

// weighted is x·wᵀ. Of w in f32 it is the narrower form that is read, and the gradient of w
// is f32 still, which the derived one is not.
func (t *Tape) weighted(x, w *Node) *Node {
	narrow := t.Narrow(w)
	return t.ruled(matmul(x, transpose(narrow)),
		by{x, func(dy *Node) *Node { return matmul(dy, narrow) }},
		by{w, func(dy *Node) *Node { return product(transpose(dy), x) }})
}

// project is x·W without a bias, in f32, likewise. x is [n, in], W is [in, out].
func (t *Tape) project(x *Node, weight string) *Node {
	w := t.At(weight)
	narrow := t.Narrow(w)
	return t.ruled(product(x, narrow),
		by{x, func(dy *Node) *Node { return matmul(t.Narrow(dy), transpose(narrow)) }},
		by{w, func(dy *Node) *Node { return product(transpose(x), t.Narrow(dy)) }})
}

// layerNormEpsilon is PyTorch's and open_clip's.
const layerNormEpsilon = 1e-5

// layerNorm normalises the rows of x [n, D]. It computes in f32; where x is narrower it is
// kept for the backward pass, and not the f32 made of it.
func (t *Tape) layerNorm(x *Node, name string) *Node {
	return t.again(t.DType != dtypes.Float32, x, func(x *Node) *Node {
		return t.Narrow(Add(Mul(t.standardized(Wide(x)), t.At(name+".weight")), t.At(name+".bias")))
	})
}

// standardized gives the rows of x [n, D] a mean of 0 and a variance of 1. The derived
// gradient would keep one more value of x's size.
func (t *Tape) standardized(x *Node) *Node {
	mean := func(x *Node) *Node { return MulScalar(RowSums(x), 1/float64(x.Shape().Dimensions[1])) }
	centred := Sub(x, mean(x))
	scale := Reciprocal(Sqrt(AddScalar(mean(Square(centred)), layerNormEpsilon)))
	unit := Mul(centred, scale)
	return t.ruled(unit, by{x, func(du *Node) *Node {
		return Mul(Sub(Sub(du, mean(du)), Mul(unit, mean(Mul(du, unit)))), scale)
	}})
}

// softmax of the last axis, in f32, given in the type of activations. The gradient is made of
// that alone; the derived one would keep the exponentials too.
func (t *Tape) softmax(x *Node) *Node {
	e := Exp(Sub(x, ReduceAndKeep(x, ReduceMax, -1)))
	p := t.Narrow(Div(e, RowSums(e)))
	return t.ruled(p, by{x, func(dp *Node) *Node {
		soft, dp := Wide(p), Wide(dp)
		return Mul(soft, Sub(dp, RowSums(Mul(dp, soft))))
	}})
}

// mlp is c_proj(act(c_fc(x))). Both activations are x·F(s·x), with F the logistic
// function and s = 1.702 (QuickGELU) or F the normal distribution's and s = 1
// (GELU), in f32. s and what else is constant is folded into the weights around,
// which are smaller than the activations. Their slopes take fewer passes over the
// activations than the derived ones; where z is narrower it is kept, and not the f32
// made of it.
func (t *Tape) mlp(x *Node, name string) *Node {
	before, behind, act := 1.702, 1/1.702, quickGELU
	if !t.cfg.Model.QuickGELU {
		before, behind, act = math.Sqrt2/2, math.Sqrt2/2, exactGELU
	}
	z := t.affine(x, // [n, hidden]
		MulScalar(t.At(name+".c_fc.weight"), before), MulScalar(t.At(name+".c_fc.bias"), before))
	return t.again(t.DType != dtypes.Float32, z, func(z *Node) *Node {
		z = Wide(z)
		a, slope := act(z)
		a = t.ruled(a, by{z, func(da *Node) *Node { return Mul(da, slope()) }})
		return t.affine(t.Narrow(a), // [n, D]
			MulScalar(t.At(name+".c_proj.weight"), behind), t.At(name+".c_proj.bias"))
	})
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
func (t *Tape) Normalize(x *Node) *Node {
	return Mul(x, Reciprocal(Sqrt(MaxScalar(t.RowSums(Square(x)), 1e-24)))) // torch's eps of 1e-12
}
