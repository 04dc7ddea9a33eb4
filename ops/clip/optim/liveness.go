package optim

import (
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// footprint is what a graph holds at the moment it holds most, in bytes.
// Parameters of the graph and what an engine writes in their place are not in it.
type footprint struct {
	gradients int64 // of the weights
	other     int64 // activations, their gradients, and what lies between operations
}

func (f footprint) total() int64 { return f.gradients + f.other }

// traced gives a graph's outputs, those of them that take the place of inputs,
// and the gradients of weights, by node.
type traced struct {
	outputs   []*Node
	inPlace   map[*Node]bool
	gradients map[*Node]bool
}

// measure runs through a graph in the order in which it was built, which is the
// order of the computation: a value is there from where it is made to where it
// is read last. Engines that run operations side by side hold more, those that
// fuse them less.
func measure(build func(g *Graph) traced) (peak footprint, err error) {
	var t traced
	err = engine.Trace(func(g *Graph) []*Node {
		t = build(g)
		return t.outputs
	}, func(nodes, outputs []*Node) { peak = liveness(nodes, t) })
	return peak, err
}

func liveness(nodes []*Node, t traced) footprint {
	last := lastUses(nodes, t.outputs)
	var live, peak footprint
	for i, n := range nodes {
		at, needed := last[n]
		if !needed {
			continue
		}
		live.add(n, t, 1)
		if live.total() > peak.total() {
			peak = live
		}
		freed := map[*Node]bool{}
		for _, in := range n.Inputs() {
			if in = shown(in); last[in] == i && !freed[in] {
				freed[in] = true
				live.add(in, t, -1)
			}
		}
		if at == i { // of several outputs, one that nothing reads
			live.add(n, t, -1)
		}
	}
	return peak
}

// lastUses gives the position of each needed node's last reader; outputs are
// read at the end.
func lastUses(nodes, outputs []*Node) map[*Node]int {
	last := map[*Node]int{}
	for _, n := range outputs {
		last[shown(n)] = len(nodes)
		last[n] = len(nodes)
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		n := nodes[i]
		if _, needed := last[n]; !needed {
			continue
		}
		for _, in := range n.Inputs() {
			for _, at := range []*Node{in, shown(in)} {
				if last[at] < i {
					last[at] = i
				}
			}
		}
	}
	return last
}

// shown is the node whose values a reshaped one shows.
func shown(n *Node) *Node {
	for n.Type() == NodeTypeReshape {
		n = n.Inputs()[0]
	}
	return n
}

func (f *footprint) add(n *Node, t traced, sign int64) {
	if n.Type() == NodeTypeReshape || n.Type() == NodeTypeParameter || t.inPlace[n] || n.NumOutputs() != 1 {
		return
	}
	bytes := sign * int64(n.Shape().ByteSize())
	if t.gradients[n] {
		f.gradients += bytes
		return
	}
	f.other += bytes
}
