package clip

// FLOPs are the floating-point operations of the matrix products of one image
// or caption, a multiplication and an addition counted as two; norms,
// activations and softmax are left out, as is usual.
type FLOPs struct {
	Image, Text float64 // forward
	Gates       float64 // of Image, in gated blocks
}

// FLOPs counts a model's products. In a ResNet they are its convolutions and
// its attention pool.
func (c Config) FLOPs() FLOPs {
	t := c.Model.Text
	f := FLOPs{Text: float64(t.Layers)*blockFLOPs(t.ContextLength, t.Width, t.MLPRatio) + productFLOPs(1, t.Width, c.Dim())}
	if c.ResNet() {
		f.Image = c.resnetFLOPs()
		return f
	}
	v := c.Model.Vision
	block := blockFLOPs(v.Tokens(), v.Width, v.MLPRatio)
	f.Gates = float64(c.Gates()) * block
	f.Image = productFLOPs(v.Tokens()-1, 3*v.PatchSize*v.PatchSize, v.Width) + float64(v.Layers)*block + f.Gates + productFLOPs(1, v.Width, c.Dim())
	return f
}

// productFLOPs is the operations of [m, k]·[k, n].
func productFLOPs(m, k, n int) float64 { return 2 * float64(m) * float64(k) * float64(n) }

// blockFLOPs is a block on a sequence: the four projections of attention, its
// scores and sums, and the MLP.
func blockFLOPs(tokens, width int, mlpRatio float64) float64 {
	hidden := int(float64(width) * mlpRatio)
	return 4*productFLOPs(tokens, width, width) + 2*productFLOPs(tokens, tokens, width) + 2*productFLOPs(tokens, width, hidden)
}

// resnetFLOPs follows the maps from the stem to the attention pool.
func (c Config) resnetFLOPs() float64 {
	v := c.Model.Vision
	side, w := v.ImageSize/2, v.Width
	total := convFLOPs(side, 3, 3, w/2) + convFLOPs(side, 3, w/2, w/2) + convFLOPs(side, 3, w/2, w)
	side /= 2
	for _, stage := range v.Bottlenecks() {
		var stages float64
		stages, side = stageFLOPs(stage, side)
		total += stages
	}
	return total + c.poolFLOPs()
}

// RegionFLOPs is a region of a ResNet's map before its last stage, through that stage and the pool.
func (c Config) RegionFLOPs() float64 {
	v := c.Model.Vision
	side, _ := v.MapAfter(ResNetStages - 1)
	total, _ := stageFLOPs(v.Bottlenecks()[ResNetStages-1], side)
	return total + c.poolFLOPs()
}

// stageFLOPs follows a map of a side through a stage, and gives the side after it.
func stageFLOPs(stage []Bottleneck, side int) (total float64, after int) {
	for _, b := range stage {
		total += convFLOPs(side, 1, b.in, b.planes) + convFLOPs(side, 3, b.planes, b.planes)
		// the average pool stands before the last convolution and before the shortcut's
		side /= b.Stride
		total += convFLOPs(side, 1, b.planes, b.out())
		if b.Shortcut() {
			total += convFLOPs(side, 1, b.in, b.out())
		}
	}
	return total, side
}

// poolFLOPs is the attention pool.
func (c Config) poolFLOPs() float64 {
	tokens, d := c.Model.Vision.Tokens(), c.Model.Vision.Features()
	return 2*productFLOPs(tokens, d, d) + productFLOPs(1, d, d) + 2*productFLOPs(1, tokens, d) + productFLOPs(1, d, c.Dim())
}

// convFLOPs is a convolution that makes a map of side*side positions.
func convFLOPs(side, kernel, in, out int) float64 {
	return productFLOPs(side*side, kernel*kernel*in, out)
}
