package graph

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Gradients are those of values ys to xs, where the gradients dys of ys are given. They
// are found by one sweep back over the graph, which ends at the xs: by the rule that
// stands beside a layer, else by the derivatives here of the commonest operations, else by
// GoMLX's. Only what leads to an x gets a gradient, since ONNX Runtime runs also what
// nothing needs. An x that no y depends on gets zeros.
func (t *Tape) Gradients(ys, dys, xs []*Node) []*Node {
	s := t.newSweep(xs)
	for i, y := range ys {
		s.give(y, dys[i])
	}
	for _, n := range slices.Backward(s.nodes) {
		s.back(n)
	}
	out := make([]*Node, len(xs))
	for i, x := range xs {
		if d := s.grads[x.Id()]; d != nil {
			out[i] = spreadTo(as(d, x.DType()), x.Shape())
		} else {
			out[i] = ZerosLike(x)
		}
	}
	return out
}

// LossGradients are those of a loss [1, 1] to parameters.
func (t *Tape) LossGradients(loss *Node, names []string) []*Node {
	return t.ParameterGradients([]*Node{loss}, []*Node{OnesLike(loss)}, names)
}

// ParameterGradients are those of values ys to parameters.
func (t *Tape) ParameterGradients(ys, dys []*Node, names []string) []*Node {
	xs := make([]*Node, len(names))
	for i, name := range names {
		xs[i] = t.At(name)
	}
	return t.Gradients(ys, dys, xs)
}

// sweep is a way back over the nodes that a graph has when it begins; a node's inputs
// stand before it. The slices are by a node's id.
//
// A gradient may stand for one that is the same along an axis, in which it is then 1: an
// operation broadcasts what it reads anyway. It may be wider than its value, since sums
// that undo a broadcast are f32.
type sweep struct {
	tape  *Tape
	nodes []*Node
	ends  []bool // xs
	leads []bool // an x, or made of one
	grads []*Node
}

func (t *Tape) newSweep(xs []*Node) *sweep {
	nodes := slices.Clone(t.Graph.Nodes())
	n := len(nodes)
	s := &sweep{tape: t, nodes: nodes, ends: make([]bool, n), leads: make([]bool, n), grads: make([]*Node, n)}
	for _, x := range xs {
		s.ends[x.Id()], s.leads[x.Id()] = true, true
	}
	for id, node := range nodes {
		s.leads[id] = s.leads[id] || !node.StopGradient() && slices.ContainsFunc(t.inputsOf(node), s.leading)
	}
	return s
}

func (s *sweep) leading(n *Node) bool { return s.leads[n.Id()] }

// give adds to a node's gradient.
func (s *sweep) give(n, d *Node) {
	if old := s.grads[n.Id()]; old != nil {
		if old.DType() != d.DType() {
			old, d = Wide(old), Wide(d)
		}
		d = Add(old, d)
	}
	s.grads[n.Id()] = d
}

// back gives gradients to a node's inputs, once all that reads the node has given its own.
func (s *sweep) back(n *Node) {
	if s.ends[n.Id()] || !s.leading(n) {
		return
	}
	inputs := s.tape.inputsOf(n)
	var grads []*Node
	if r := s.tape.rules[n]; r != nil {
		grads = s.byRule(r, n)
	} else if dy := s.grads[n.Id()]; dy != nil {
		grads = s.derivatives(n, dy)
	}
	for i, d := range grads {
		if d != nil && s.leading(inputs[i]) {
			s.give(inputs[i], d)
		}
	}
}

// byRule applies a rule at the first of its outputs: by then all have their gradients.
func (s *sweep) byRule(r *rule, at *Node) []*Node {
	dys, reached := make([]*Node, len(r.outputs)), false
	for i, y := range r.outputs {
		if y.Id() < at.Id() {
			return nil
		}
		d := s.grads[y.Id()]
		reached = reached || d != nil
		if d != nil && !r.thin {
			d = spreadTo(as(d, y.DType()), y.Shape())
		}
		dys[i] = d
	}
	if !reached {
		return nil
	}
	wanted := make([]bool, len(r.inputs))
	for i, in := range r.inputs {
		wanted[i] = s.leading(in)
	}
	return r.back(dys, wanted)
}

// derivatives are the gradients of an operation's inputs, nil for those that lead nowhere.
// GoMLX's rules of the four operations would broadcast an operand to full size first, and
// build the gradients of frozen weights and constants too; that of an exponential has full size.
func (s *sweep) derivatives(n, dy *Node) []*Node {
	in := n.Inputs()
	if n.Type() == NodeTypeConvertDType {
		return []*Node{as(dy, in[0].DType())}
	}
	dy = as(dy, n.DType())
	of := func(i int, d func() *Node) *Node {
		if !s.leading(in[i]) {
			return nil
		}
		return summedTo(d(), n, in[i])
	}
	same := func() *Node { return dy }
	switch n.Type() {
	case NodeTypeAdd:
		return []*Node{of(0, same), of(1, same)}
	case NodeTypeSub:
		return []*Node{of(0, same), negative(of(1, same))}
	case NodeTypeMul:
		if in[0] == in[1] {
			return []*Node{Mul(MulScalar(dy, 2), in[0]), nil}
		}
		return []*Node{of(0, func() *Node { return Mul(dy, in[1]) }), of(1, func() *Node { return Mul(dy, in[0]) })}
	case NodeTypeDiv:
		share := Div(dy, in[1])
		return []*Node{of(0, func() *Node { return share }), negative(of(1, func() *Node { return Mul(share, n) }))}
	case NodeTypeExp:
		return []*Node{Mul(dy, n)}
	}
	vjp := n.CustomGradient()
	if vjp == nil {
		vjp = VJPRegistration[n.Type()]
	}
	if vjp == nil || n.NumOutputs() != 1 {
		panic(fmt.Errorf("clip/graph: no gradient of %s: give it a rule (see Tape.ruled)", n))
	}
	return vjp(n, []*Node{spreadTo(dy, n.Shape())}, shapes.Make(dtypes.Float32))
}

// negative is -x after the sums of a broadcast, where x is smaller; nil stays nil.
func negative(x *Node) *Node {
	if x == nil {
		return nil
	}
	return Neg(x)
}

// spreadTo broadcasts to a shape, where that is needed.
func spreadTo(x *Node, to shapes.Shape) *Node {
	if slices.Equal(x.Shape().Dimensions, to.Dimensions) {
		return x
	}
	return BroadcastToShape(x, to)
}

// summedTo sums a gradient of n along the axes on which n had broadcast its input. Where
// the gradient is 1 itself it counts as often as the axis is long.
func summedTo(d, n, in *Node) *Node {
	if in.IsScalar() && !n.IsScalar() {
		return ReduceAllSum(Wide(spreadTo(d, n.Shape())))
	}
	var axes []int
	times := 1
	for axis, size := range n.Shape().Dimensions {
		switch {
		case in.Shape().Dimensions[axis] == size:
		case d.Shape().Dimensions[axis] == 1:
			times *= size
		default:
			axes = append(axes, axis)
		}
	}
	if axes != nil {
		d = ReduceAndKeep(Wide(d), ReduceSum, axes...)
	}
	if times > 1 {
		d = MulScalar(d, float64(times))
	}
	return d
}
