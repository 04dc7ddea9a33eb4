package optim

import (
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
)

// adamwGraph updates parameters by gradients that are given.
func adamwGraph(params []clip.Parameter, adam AdamW) func(g *Graph) []*Node {
	return func(g *Graph) []*Node {
		h := newHyper(g, adam)
		in := func(kind string, p clip.Parameter) *Node { return graph.Input(g, kind+p.Name, 1, 1) }
		var grads, out []*Node
		for _, p := range params {
			grads = append(grads, in("g:", p))
		}
		by := h.gradientWeights(globalNorm(grads))
		for i, p := range params {
			w, m := h.update(p, in("w:", p), grads[i], by, moments{in("m:", p), in("v:", p)})
			out = append(out, w, m.mean, m.square)
		}
		return out
	}
}
