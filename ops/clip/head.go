package clip

// HeadOptions say that a step trains the image tower with a linear head on its
// features, by labels: what fine-tuning is. The zero value is no head. It goes
// with mode LockedText; the whole image tower trains, gates included, and
// logit_scale does not.
type HeadOptions struct {
	Classes int // 0: no head
	// an image may have several classes: binary cross entropy of each, averaged; else the softmax's
	// cross entropy
	Many          bool
	Normalization string // of features, before the head: ByBatch, ByLength or NoNormalization
	SGD           bool   // momentum 0.9, every parameter decays; else AdamW, matrices decay
}

// What is done to features [B, E] before the head.
const (
	// a batch normalisation without parameters, as ELEVATER's toolkit has it
	ByBatch = "batch"
	// to length 1; logits are multiplied by the checkpoint's logit scale, so that a head of text
	// embeddings is the zero-shot classifier
	ByLength        = "length"
	NoNormalization = "none"
)

// Parameters of a head in a checkpoint's Weights, beside the model's. The last
// two are the running statistics of ByBatch.
const (
	HeadWeight   = "head.weight"           // [C, E]
	HeadBias     = "head.bias"             // [C]
	HeadMean     = "head.running_mean"     // [E]
	HeadVariance = "head.running_variance" // [E]
)

// HeadNormEpsilon is torch.nn.BatchNorm1d's.
const HeadNormEpsilon = 1e-5

// Parameters are those that stand beside a model's.
func (o HeadOptions) Parameters(dim int) []Parameter {
	if o.Classes == 0 {
		return nil
	}
	list := []Parameter{{Name: HeadWeight, Shape: []int{o.Classes, dim}}, {Name: HeadBias, Shape: []int{o.Classes}}}
	for _, name := range o.Statistics() {
		list = append(list, Parameter{Name: name, Shape: []int{dim}})
	}
	return list
}

// Statistics are followed, not trained.
func (o HeadOptions) Statistics() []string {
	if o.Classes == 0 || o.Normalization != ByBatch {
		return nil
	}
	return []string{HeadMean, HeadVariance}
}

// Head is a linear classifier on an image tower's features, with what was done to
// them in training.
type Head struct {
	Weight, Bias   []float32 // [C, E], [C]
	Mean, Variance []float32 // [E], running; nil unless ByBatch
}

// WithHead gives a checkpoint a head to train; its tensors are shared. The running
// statistics begin at 0 and 1.
func (c *Checkpoint) WithHead(h Head, o HeadOptions) *Checkpoint {
	w := &Weights{names: c.Weights.Names(), tensors: map[string]*Tensor{}}
	for name, t := range c.Weights.tensors {
		w.tensors[name] = t
	}
	dim := c.Config.Dim()
	w.Put(HeadWeight, []int{o.Classes, dim}, h.Weight)
	w.Put(HeadBias, []int{o.Classes}, h.Bias)
	if len(o.Statistics()) > 0 {
		ones := make([]float32, dim)
		for i := range ones {
			ones[i] = 1
		}
		w.Put(HeadMean, []int{dim}, make([]float32, dim))
		w.Put(HeadVariance, []int{dim}, ones)
	}
	return &Checkpoint{Config: c.Config, Weights: w}
}

// SplitHead takes a checkpoint apart again: the model, and its head. Tensors are
// shared.
func (c *Checkpoint) SplitHead() (*Checkpoint, Head) {
	var h Head
	into := map[string]*[]float32{HeadWeight: &h.Weight, HeadBias: &h.Bias, HeadMean: &h.Mean, HeadVariance: &h.Variance}
	w := &Weights{}
	for _, name := range c.Weights.names {
		tensor := c.Weights.tensors[name]
		if part, ok := into[name]; ok {
			*part = tensor.Data
			continue
		}
		w.Put(name, tensor.Shape, tensor.Data)
	}
	return &Checkpoint{Config: c.Config, Weights: w}, h
}
