package graph

import (
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/attention"
)

// stream is the form of the activations [batch*tokens, width] of a tower.
type stream struct {
	batch, tokens, width, heads int
	mask                        *Node // added to the scores [B, H, queries, T]; nil for none
}

// pooling picks one token of each sequence: [B*T, D] to [B, D].
type pooling struct {
	pick func(x *Node) *Node
	mask *Node // of the picked token's scores [B, 1, 1, T]; nil for none
}

// block is a pre-LN residual block, recomputed in the backward pass if so asked. With a pooling
// only the token it picks goes on: what the other tokens would become in a tower's last block
// nothing reads.
func (t *Tape) block(x *Node, name string, s stream, pool *pooling) *Node {
	return t.recomputed(x, func(x *Node) *Node {
		a := t.attention(t.layerNorm(x, name+".ln_1"), name+".attn", s, pool)
		if pool != nil {
			x = pool.pick(x)
		}
		x = Add(x, a)
		return Add(x, t.mlp(t.layerNorm(x, name+".ln_2"), name+".mlp"))
	})
}

// gate is a gated block: each branch is scaled by tanh of its alpha.
func (t *Tape) gate(x *Node, name string, s stream) *Node {
	return t.recomputed(x, func(x *Node) *Node {
		x = Add(x, t.scaled(t.attention(t.layerNorm(x, name+".ln_1"), name+".attn", s, nil), name+".alpha_attn"))
		return Add(x, t.scaled(t.mlp(t.layerNorm(x, name+".ln_2"), name+".mlp"), name+".alpha_dense"))
	})
}

// scaled is tanh(alpha)·x.
func (t *Tape) scaled(x *Node, alpha string) *Node {
	return t.Narrow(Mul(Wide(x), Tanh(t.At(alpha)))) // alpha is [1, 1]
}

// attention is multi-head self-attention of h [B*T, D]. With a pooling only the tokens that it
// picks have queries; keys and values are of all.
func (t *Tape) attention(h *Node, name string, s stream, pool *pooling) *Node {
	d, queries := s.width, s.tokens
	weight, bias := t.At(name+".in_proj_weight"), t.At(name+".in_proj_bias")
	var q, k, v *Node
	if pool == nil {
		qkv := t.split(t.affine(h, weight, bias), 1, d, d, d) // of [B*T, 3D]
		q, k, v = qkv[0], qkv[1], qkv[2]
	} else {
		w, b := t.split(weight, 0, d, 2*d), t.split(bias, 1, d, 2*d)
		q = t.affine(pool.pick(h), w[0], b[0])          // [B, D]
		kv := t.split(t.affine(h, w[1], b[1]), 1, d, d) // of [B*T, 2D]
		k, v, queries, s.mask = kv[0], kv[1], 1, pool.mask
	}
	heads := t.heads
	if t.flashes(s, queries) {
		heads = t.flash
	}
	return t.linear(heads(q, k, v, s, queries), name+".out_proj.weight", name+".out_proj.bias")
}

// heads attends within each head, with scores and their softmax in f32. q is [B*queries, D],
// k and v are [B*T, D].
func (t *Tape) heads(q, k, v *Node, s stream, queries int) *Node {
	dim := s.width / s.heads
	apart := func(x *Node, tokens int) *Node { // [B*tokens, D] to [B, H, tokens, dim]
		return TransposeAllAxes(Reshape(x, s.batch, tokens, s.heads, dim), 0, 2, 1, 3)
	}
	scores := Wide(t.byRows(apart(q, queries), apart(k, s.tokens))) // [B, H, queries, T]
	scores = MulScalar(scores, 1/math.Sqrt(float64(dim)))
	if s.mask != nil {
		scores = Add(scores, s.mask)
	}
	o := t.product(t.softmax(scores), apart(v, s.tokens))
	return Reshape(TransposeAllAxes(o, 0, 2, 1, 3), s.batch*queries, s.width)
}

// flashTokens is the length of sequences from which flash attention is worth it: 257 are those of
// ViT-L/14. Of the 50 of a ViT-B/32 the scores are small.
const flashTokens = 256

// flashes says whether flash attention computes a block's attention: in bf16, without a mask, with
// heads of a multiple of 8.
func (t *Tape) flashes(s stream, queries int) bool {
	return t.Flash && t.DType == dtypes.BFloat16 && s.mask == nil && queries == s.tokens &&
		s.tokens >= flashTokens && s.width/s.heads%8 == 0
}

// flash is heads where each token has a query and none is masked, by GoMLX's attention and its
// gradient: a GPU's library computes both without ever writing the scores to memory. Elsewhere they
// are made of the operations of heads, with scores and softmax in the type of activations.
func (t *Tape) flash(q, k, v *Node, s stream, queries int) *Node {
	inputs := []*Node{q, k, v}
	for i, x := range inputs {
		inputs[i] = Reshape(x, s.batch, s.tokens, s.heads, s.width/s.heads)
	}
	o, _ := attention.Core(inputs[0], inputs[1], inputs[2], attention.LayoutBSHD,
		attention.CoreOptions{})
	back := func(dys []*Node, _ []bool) []*Node {
		given := StopGradient(Wide(dys[0]))
		return Gradient(ReduceAllSum(Mul(Wide(o), given)), inputs...)
	}
	t.setRule(&rule{outputs: []*Node{o}, inputs: inputs, back: back})
	return Reshape(o, s.batch*queries, s.width)
}

// masked is added to scores that must not count; its exponential is 0.
const masked = -1e30

// causalMask is [1, 1, T, T]: 0 up to the diagonal, masked above it.
func causalMask(g *Graph, tokens int) *Node {
	rows := make([][]float32, tokens)
	for i := range rows {
		rows[i] = make([]float32, tokens)
		for j := i + 1; j < tokens; j++ {
			rows[i][j] = masked
		}
	}
	return InsertAxes(Const(g, rows), 0, 0)
}
