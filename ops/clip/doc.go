// Package clip is the CLIP dual encoder of REACT: its towers with gated blocks,
// its loss, its optimizer and its weights on disk. It is the only graph code of
// the project. It knows no captions, images or files but checkpoints: callers
// give normalised pixels and token ids.
//
// Words: a tower is the image or the text half; a gated block is the residual
// block before a vision block whose two branches are scaled by tanh of a number
// that starts at 0, so that a new gate changes nothing; a mode says which
// parameters train (see Trainable); a pull is the backward half of a layer.
//
// Gradients are written out beside each layer instead of derived: derived ones
// use forms that ONNX Runtime refuses (the padding of a slice, a scatter with
// repeated indices, which is not the same from run to run) or runs slowly (an
// einsum where a matrix product would do). Tests hold them against GoMLX's own.
//
// Shapes: B images or captions in a batch, T tokens of one, D the width of a
// tower, H heads, E the dimension of an embedding. Activations between layers
// are [B*T, D], so that every product with a weight is of two matrices.
package clip
