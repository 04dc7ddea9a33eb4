package graph

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// stream is the form of the activations [batch*tokens, width] of a tower.
type stream struct {
	batch, tokens, width, heads int
	mask                        *Node // added to the scores [B, H, queries, T]; nil for none
}

// pooling picks one token of each sequence: [B*T, D] to [B, D].
type pooling struct {
	pick   func(x *Node) *Node
	spread func(dx *Node) *Node // the way back, zero elsewhere
	mask   *Node                // of the picked token's scores [B, 1, 1, T]; nil for none
}

// block is a pre-LN residual block, recomputed in the backward pass if so asked.
// With a pooling only the token it picks goes
// on: what the other tokens would become in a tower's last block nothing reads.
func (t *Tape) block(x *Node, name string, s stream, pool *pooling) (*Node, pull) {
	return t.recomputed(x, func(x *Node) (*Node, pull) { return t.keptBlock(x, name, s, pool) })
}

// keptBlock is a block whose backward pass uses what the forward pass kept.
func (t *Tape) keptBlock(x *Node, name string, s stream, pool *pooling) (*Node, pull) {
	h, pullNorm1 := t.layerNorm(x, name+".ln_1")
	a, pullAttn := t.attention(h, name+".attn", s, pool)
	if pool != nil {
		x = pool.pick(x)
	}
	x = Add(x, a)
	h, pullNorm2 := t.layerNorm(x, name+".ln_2")
	m, pullMLP := t.mlp(h, name+".mlp")
	return Add(x, m), func(dy *Node, needX bool) *Node {
		dx := Add(dy, pullNorm2(pullMLP(dy, true), true))
		dh := pullNorm1(pullAttn(dx, true), needX)
		if !needX {
			return nil
		}
		if pool != nil {
			dx = pool.spread(dx)
		}
		return Add(dx, dh)
	}
}

// gate is a gated block: each branch is scaled by tanh of its alpha.
func (t *Tape) gate(x *Node, name string, s stream) (*Node, pull) {
	return t.recomputed(x, func(x *Node) (*Node, pull) { return t.keptGate(x, name, s) })
}

func (t *Tape) keptGate(x *Node, name string, s stream) (*Node, pull) {
	h, pullNorm1 := t.layerNorm(x, name+".ln_1")
	a, pullAttn := t.attention(h, name+".attn", s, nil)
	ga, pullGate1 := t.scaled(a, name+".alpha_attn")
	x = Add(x, ga)
	h, pullNorm2 := t.layerNorm(x, name+".ln_2")
	m, pullMLP := t.mlp(h, name+".mlp")
	gm, pullGate2 := t.scaled(m, name+".alpha_dense")
	return Add(x, gm), func(dy *Node, needX bool) *Node {
		dx := Add(dy, pullNorm2(pullMLP(pullGate2(dy, true), true), true))
		dh := pullNorm1(pullAttn(pullGate1(dx, true), true), needX)
		if !needX {
			return nil
		}
		return Add(dx, dh)
	}
}

// scaled is tanh(alpha)·x.
func (t *Tape) scaled(x *Node, alpha string) (*Node, pull) {
	g := Tanh(t.At(alpha)) // [1, 1]
	return t.Narrow(Mul(Wide(x), g)), func(dy *Node, _ bool) *Node {
		dy = Wide(dy)
		t.Give(alpha, func() *Node {
			return Mul(OneMinus(Square(g)), ColumnSums(RowSums(Mul(dy, Wide(x)))))
		})
		return t.Narrow(Mul(dy, g))
	}
}

// attention is multi-head self-attention of h [B*T, D], with a pooling only for
// the queries of the tokens it picks.
func (t *Tape) attention(h *Node, name string, s stream, pool *pooling) (*Node, pull) {
	if pool != nil {
		return t.pooledAttention(h, name, s, pool)
	}
	d := s.width
	qkv, pullIn := t.linear(h, name+".in_proj_weight", name+".in_proj_bias") // [B*T, 3D]
	part := func(i int) *Node { return Slice(qkv, AxisRange(), AxisRange(i*d, (i+1)*d)) }
	o, pullHeads := heads(part(0), part(1), part(2), s, s.tokens)
	y, pullOut := t.linear(o, name+".out_proj.weight", name+".out_proj.bias")
	return y, func(dy *Node, needX bool) *Node {
		dq, dk, dv := pullHeads(pullOut(dy, true))
		return pullIn(Concatenate([]*Node{dq, dk, dv}, 1), needX)
	}
}

// pooledAttention splits the input's product: keys and values of all tokens,
// queries of the picked ones.
func (t *Tape) pooledAttention(h *Node, name string, s stream, pool *pooling) (*Node, pull) {
	d := s.width
	w, b := t.weight(name+".in_proj_weight"), t.weight(name+".in_proj_bias")
	wq, wkv := Slice(w, AxisRange(0, d)), Slice(w, AxisRange(d, 3*d))
	bq, bkv := Slice(b, AxisRange(), AxisRange(0, d)), Slice(b, AxisRange(), AxisRange(d, 3*d))
	hq := pool.pick(h)
	q := Add(matmul(hq, transpose(wq)), bq)   // [B, D]
	kv := Add(matmul(h, transpose(wkv)), bkv) // [B*T, 2D]
	part := func(i int) *Node { return Slice(kv, AxisRange(), AxisRange(i*d, (i+1)*d)) }
	s.mask = pool.mask
	o, pullHeads := heads(q, part(0), part(1), s, 1)
	y, pullOut := t.linear(o, name+".out_proj.weight", name+".out_proj.bias")
	return y, func(dy *Node, needX bool) *Node {
		dq, dk, dv := pullHeads(pullOut(dy, true))
		dkv := Concatenate([]*Node{dk, dv}, 1)
		t.Give(name+".in_proj_weight", func() *Node {
			return Concatenate([]*Node{product(transpose(dq), hq), product(transpose(dkv), h)}, 0)
		})
		t.Give(name+".in_proj_bias", func() *Node {
			return Concatenate([]*Node{ColumnSums(dq), ColumnSums(dkv)}, 1)
		})
		if !needX {
			return nil
		}
		return Add(matmul(dkv, wkv), pool.spread(matmul(dq, wq)))
	}
}

// heads attends within each head, with scores and their softmax in f32. q is [B*queries, D], k and v are [B*T, D]; so
// are the gradients that the pull gives for them.
func heads(q, k, v *Node, s stream, queries int) (*Node, func(do *Node) (dq, dk, dv *Node)) {
	dim := s.width / s.heads
	split := func(x *Node, tokens int) *Node { // [B*tokens, D] to [B, H, tokens, dim]
		return TransposeAllAxes(Reshape(x, s.batch, tokens, s.heads, dim), 0, 2, 1, 3)
	}
	merge := func(x *Node, tokens int) *Node {
		return Reshape(TransposeAllAxes(x, 0, 2, 1, 3), s.batch*tokens, s.width)
	}
	qh, kh, vh := split(q, queries), split(k, s.tokens), split(v, s.tokens)
	scale := 1 / math.Sqrt(float64(dim))
	scores := MulScalar(Wide(batched(qh, swap(kh))), scale) // [B, H, queries, T]
	if s.mask != nil {
		scores = Add(scores, s.mask)
	}
	p := as(softmax(scores), v.DType())
	o := merge(batched(p, vh), queries)
	return o, func(do *Node) (dq, dk, dv *Node) {
		doh := split(do, queries)
		dp := Wide(batched(doh, swap(vh))) // [B, H, queries, T]
		soft := Wide(p)
		ds := as(MulScalar(Mul(soft, Sub(dp, ReduceAndKeep(Mul(dp, soft), ReduceSum, -1))), scale), v.DType())
		return merge(batched(ds, kh), queries), merge(batched(swap(ds), qh), s.tokens), merge(batched(swap(p), doh), s.tokens)
	}
}

// batched is the product of the last two axes, for each of the first two.
func batched(a, b *Node) *Node { return DotGeneral(a, []int{3}, []int{0, 1}, b, []int{2}, []int{0, 1}) }

// swap transposes the last two axes.
func swap(x *Node) *Node { return TransposeAllAxes(x, 0, 1, 3, 2) }

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
