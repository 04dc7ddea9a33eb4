package clip

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// CheckTokens wants ids in the vocabulary: an engine would read past the table
// or clamp.
func CheckTokens(cfg Config, ids []int32, n int) error {
	if len(ids) != n*cfg.ContextLength() {
		return fmt.Errorf("%d token ids for %d captions of %d", len(ids), n, cfg.ContextLength())
	}
	for i, id := range ids {
		if id < 0 || int(id) >= cfg.VocabSize() {
			return fmt.Errorf("caption %d: token id %d is not in the vocabulary of %d", i/cfg.ContextLength(), id, cfg.VocabSize())
		}
	}
	return nil
}

// Contexts say to whom the vectors of a learned prompt belong.
const (
	SharedContext = "shared" // one context for all classes (CoOp)
	ClassContext  = "class"  // one for each class (CoOp, class-specific)
	// a shared one, moved by a small network of the image's features (CoCoOp)
	ImageContext = "image"
)

// Contexts lists them.
var Contexts = []string{SharedContext, ClassContext, ImageContext}

// metaShrink is the width of image features over the hidden width of CoCoOp's
// network.
const metaShrink = 16

// metaWidth is the hidden width of CoCoOp's network of image features.
func metaWidth(dim int) int { return max(1, dim/metaShrink) }

// contextDeviation is that of random context vectors, CoOp's.
const contextDeviation = 0.02

// Names of a learned prompt's parameters.
const (
	ContextName = "context" // [M, D], or of ClassContext [C*M, D]
	MetaIn      = "meta_net.linear1.weight"
	MetaInBias  = "meta_net.linear1.bias"
	MetaOut     = "meta_net.linear2.weight"
	MetaOutBias = "meta_net.linear2.bias"
)

// PromptLayout says what the rows of prompts are made of: token ids, and places
// of context vectors among them. C classes, T tokens a row.
type PromptLayout struct {
	Classes int
	Tokens  []int32 // [C, T]; 0 at the places of context vectors
	Slots   []int32 // [C, T]: which context vector stands there, or -1
	Length  int     // M, context vectors
}

// Check holds the layout to its sizes and to a config.
func (l PromptLayout) Check(cfg Config) error {
	size := l.Classes * cfg.ContextLength()
	if l.Classes < 1 || l.Length < 1 || len(l.Slots) != size {
		return fmt.Errorf("prompt: %d classes, a context of %d, %d places for rows of %d", l.Classes, l.Length, len(l.Slots), cfg.ContextLength())
	}
	for i, s := range l.Slots {
		if s < -1 || int(s) >= l.Length {
			return fmt.Errorf("prompt: place %d names context vector %d of %d", i, s, l.Length)
		}
	}
	return CheckTokens(cfg, l.Tokens, l.Classes)
}

// Embedded are the rows [C*T, D] with positions added, zeros standing for the
// context vectors.
func (l PromptLayout) Embedded(c *Checkpoint) []float32 {
	width, tokens := c.Config.Model.Text.Width, c.Config.ContextLength()
	table, positions := c.Weights.At("token_embedding.weight").Data, c.Weights.At("positional_embedding").Data
	out := make([]float32, len(l.Tokens)*width)
	for i, id := range l.Tokens {
		row := out[i*width : (i+1)*width]
		copy(row, positions[i%tokens*width:(i%tokens+1)*width])
		if l.Slots[i] >= 0 {
			continue
		}
		for d, v := range table[int(id)*width : (int(id)+1)*width] {
			row[d] += v
		}
	}
	return out
}

// Places is [C*T, M]: 1 where a context vector stands.
func (l PromptLayout) Places() []float32 {
	out := make([]float32, len(l.Slots)*l.Length)
	for i, s := range l.Slots {
		if s >= 0 {
			out[i*l.Length+int(s)] = 1
		}
	}
	return out
}

// PromptShape is what the parameters of a prompt depend on.
type PromptShape struct {
	Contexts string // one of Contexts
	Length   int    // M
	Classes  int    // C, of ClassContext
}

// InitPrompt draws context vectors around 0, or takes those of words: token ids,
// as many as the context is long. The network of ImageContext starts as PyTorch's
// linear layers do.
func InitPrompt(c *Checkpoint, shape PromptShape, words []int32, seed uint64) (*Weights, error) {
	width, dim := c.Config.Model.Text.Width, c.Config.Dim()
	if !slices.Contains(Contexts, shape.Contexts) {
		return nil, fmt.Errorf("prompt: contexts %q is none of %v", shape.Contexts, Contexts)
	}
	if words != nil && len(words) != shape.Length {
		return nil, fmt.Errorf("prompt: %d tokens for a context of %d", len(words), shape.Length)
	}
	rows := shape.Length
	if shape.Contexts == ClassContext {
		rows *= shape.Classes
	}
	rng := rand.New(rand.NewPCG(seed, 0xC00))
	context := make([]float32, rows*width)
	for i := range context {
		context[i] = float32(contextDeviation * rng.NormFloat64())
	}
	for i := range rows {
		if words == nil {
			break
		}
		id := int(words[i%shape.Length])
		copy(context[i*width:(i+1)*width], c.Weights.At("token_embedding.weight").Data[id*width:(id+1)*width])
	}
	w := &Weights{}
	w.Put(ContextName, []int{rows, width}, context)
	if shape.Contexts == ImageContext {
		hidden := metaWidth(dim)
		for _, p := range []Parameter{
			{MetaIn, []int{hidden, dim}, uniform, rootInverse(dim)}, {MetaInBias, []int{hidden}, uniform, rootInverse(dim)},
			{MetaOut, []int{width, hidden}, uniform, rootInverse(hidden)}, {MetaOutBias, []int{width}, uniform, rootInverse(hidden)},
		} {
			w.Put(p.Name, p.Shape, p.draw(seed))
		}
	}
	return w, nil
}

// rootInverse bounds PyTorch's linear layers of n inputs.
func rootInverse(n int) float64 { return 1 / math.Sqrt(float64(n)) }
