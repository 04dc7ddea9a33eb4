// Package graph is CLIP as graphs: layers, towers with gated blocks, heads, losses,
// their gradients, and the inputs of a graph on a device. It knows no captions, images
// or files: callers give normalised pixels and token ids.
//
// Layers, losses and heads are forward code. Tape.Gradients finds gradients by a sweep back
// over the graph, with a rule where one is needed; README.md says what was wrong or slow in
// those that GoMLX derives, and where. Tests hold the sweep to GoMLX's on the Go engine and
// to differences of the loss.
//
// Shapes: B images or captions in a batch, T tokens of one, D the width of a
// tower, H heads, E the dimension of an embedding. Activations between layers
// are [B*T, D], so that every product with a weight is of two matrices.
package graph
