package clip

// The precisions. In bf16 the towers' weights are rounded to bfloat16 where a
// product reads them, and activations between layers and their gradients are
// bfloat16; products add up in f32. What stays f32: the weights themselves and
// the optimizer's moments, the statistics of layer norms and of softmax,
// activation functions, gradients of weights, features, and the loss. bfloat16
// has the exponents of f32, so no loss scaling is needed.
const (
	F32  = "f32"
	BF16 = "bf16"
)

// Precisions lists them.
var Precisions = []string{F32, BF16}
