package graph

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// rule is a part of a graph whose gradient is written and not derived: outputs were made of
// inputs, and what lies between them is not looked at. A rule is there for one of four
// reasons, which each says: GoMLX's gradient takes an operation that ONNX Runtime lacks, or
// has wrong; it is slower; it keeps one more value of the activations' size; or it is made
// of other values than the forward pass kept.
type rule struct {
	outputs, inputs []*Node // the inputs are older than the outputs
	// back gives the gradients of the inputs that are wanted; an output that got none is nil.
	back func(dys []*Node, wanted []bool) []*Node
	thin bool // back takes gradients that are 1 along an axis on which they are the same
}

func (t *Tape) inputsOf(n *Node) []*Node {
	if r := t.rules[n]; r != nil {
		return r.inputs
	}
	return n.Inputs()
}

func (t *Tape) setRule(r *rule) {
	for _, y := range r.outputs {
		for _, x := range r.inputs {
			if x.Id() >= y.Id() {
				panic(fmt.Errorf("clip/graph: a rule whose input is younger than its output: %s", x))
			}
		}
		t.rules[y] = r
	}
}

// by is an input of a rule, and its gradient made of that of the only output.
type by struct {
	input *Node
	grad  func(dy *Node) *Node
}

// ruled gives y, made of the inputs, its gradient.
func (t *Tape) ruled(y *Node, inputs ...by) *Node {
	r := &rule{outputs: []*Node{y}}
	for _, in := range inputs {
		r.inputs = append(r.inputs, in.input)
	}
	r.back = func(dys []*Node, wanted []bool) []*Node {
		out := make([]*Node, len(inputs))
		for i, in := range inputs {
			if wanted[i] {
				out[i] = in.grad(dys[0])
			}
		}
		return out
	}
	t.setRule(r)
	return y
}

// sums adds along axes, which stay with a size of 1. Its gradient is that of each summand as
// it is, and is not broadcast: GoMLX's would be carried out at full size.
func (t *Tape) sums(x *Node, axes ...int) *Node {
	y := t.ruled(ReduceAndKeep(x, ReduceSum, axes...), by{x, func(dy *Node) *Node { return dy }})
	t.rules[y].thin = true
	return y
}

// ColumnSums is [1, n] of [m, n], in f32.
func (t *Tape) ColumnSums(x *Node) *Node { return t.sums(Wide(x), 0) }

// RowSums is [m, 1] of [m, n].
func (t *Tape) RowSums(x *Node) *Node { return t.sums(x, -1) }

// ColumnSums is the same where nothing goes back.
func ColumnSums(x *Node) *Node { return ReduceAndKeep(Wide(x), ReduceSum, 0) }

// RowSums is the same where nothing goes back.
func RowSums(x *Node) *Node { return ReduceAndKeep(x, ReduceSum, -1) }

// product is a·b of matrices, or of the last two axes for each of the first two. Its
// gradients are products too, where GoMLX's are sums over axes (einsums), which ONNX Runtime
// runs more slowly.
func (t *Tape) product(a, b *Node) *Node {
	return t.ruled(matmul(a, b),
		by{a, func(dy *Node) *Node { return matmul(dy, transpose(b)) }},
		by{b, func(dy *Node) *Node { return matmul(transpose(a), dy) }})
}

// byRows is a·bᵀ, likewise.
func (t *Tape) byRows(a, b *Node) *Node {
	return t.ruled(matmul(a, transpose(b)),
		by{a, func(dy *Node) *Node { return matmul(dy, b) }},
		by{b, func(dy *Node) *Node { return matmul(transpose(dy), a) }})
}

// split cuts an axis. The gradient is put together in one go: GoMLX's of a slice is padded to
// the whole, which ONNX Runtime has no operation for.
func (t *Tape) split(x *Node, axis int, sizes ...int) []*Node {
	parts, start := make([]*Node, len(sizes)), 0
	for i, size := range sizes {
		ranges := make([]SliceAxisSpec, axis+1)
		for j := range axis {
			ranges[j] = AxisRange()
		}
		ranges[axis] = AxisRange(start, start+size)
		parts[i], start = Slice(x, ranges...), start+size
	}
	t.setRule(&rule{outputs: parts, inputs: []*Node{x}, back: func(dys []*Node, _ []bool) []*Node {
		for i, d := range dys {
			if d == nil {
				dys[i] = ZerosLike(parts[i])
			}
		}
		return []*Node{Concatenate(dys, axis)}
	}})
	return parts
}
