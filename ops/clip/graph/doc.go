// Package graph is CLIP as graphs: layers, towers with gated blocks, heads, losses,
// and the inputs of a graph on a device. It knows no captions, images or files:
// callers give normalised pixels and token ids. A pull is the backward half of a
// layer.
//
// Gradients are written out beside each layer instead of derived: derived ones
// use forms that ONNX Runtime refuses (the padding of a slice, a scatter with
// repeated indices, which is not the same from run to run) or runs slowly (an
// einsum where a matrix product would do). Tests hold them against GoMLX's own.
//
// Shapes: B images or captions in a batch, T tokens of one, D the width of a
// tower, H heads, E the dimension of an embedding. Activations between layers
// are [B*T, D], so that every product with a weight is of two matrices.
package graph
