package graph

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// recomputed is a layer whose backward pass starts from its input alone: what it computed
// on the way is not kept but made again (gradient checkpointing). For a tower that is one
// more forward pass, and activations of one block at a time instead of all. Without
// t.Recompute it is the layer itself.
func (t *Tape) recomputed(x *Node, layer func(x *Node) *Node) *Node {
	return t.again(t.Recompute, x, layer)
}

// again makes a layer again in the backward pass, when so asked. The second forward pass is
// the same computation, which compilers would merge with the first; so its input waits for
// the gradient that comes back.
func (t *Tape) again(asked bool, x *Node, layer func(x *Node) *Node) *Node {
	if !asked {
		return layer(x)
	}
	y, parameters := t.reading(x, layer)
	inputs := append([]*Node{x}, parameters...)
	t.setRule(&rule{outputs: []*Node{y}, inputs: inputs, back: func(dys []*Node, wanted []bool) []*Node {
		second := SchedulingBarrier(x, dys[0])
		out := make([]*Node, len(inputs))
		var xs []*Node
		var at []int
		for i, in := range inputs {
			if !wanted[i] {
				continue
			}
			if i == 0 {
				in = second
			}
			xs, at = append(xs, in), append(at, i)
		}
		for i, d := range t.Gradients([]*Node{layer(second)}, dys, xs) {
			out[at[i]] = d
		}
		return out
	}})
	return y
}

// reading makes a layer, and tells which parameters it reads.
func (t *Tape) reading(x *Node, layer func(x *Node) *Node) (y *Node, parameters []*Node) {
	outer := t.read
	t.read = func(n *Node) {
		if !slices.Contains(parameters, n) {
			parameters = append(parameters, n)
		}
		if outer != nil {
			outer(n)
		}
	}
	defer func() { t.read = outer }()
	y = layer(x)
	return y, parameters
}
