package clip

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Contexts say to whom the vectors of a learned prompt belong.
const (
	SharedContext = "shared" // one context for all classes (CoOp)
	ClassContext  = "class"  // one for each class (CoOp, class-specific)
	ImageContext  = "image"  // a shared one, moved by a small network of the image's features (CoCoOp)
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
	contextName = "context" // [M, D], or of ClassContext [C*M, D]
	metaIn      = "meta_net.linear1.weight"
	metaInBias  = "meta_net.linear1.bias"
	metaOut     = "meta_net.linear2.weight"
	metaOutBias = "meta_net.linear2.bias"
)

// PromptLayout says what the rows of prompts are made of: token ids, and places
// of context vectors among them. C classes, T tokens a row.
type PromptLayout struct {
	Classes int
	Tokens  []int32 // [C, T]; 0 at the places of context vectors
	Slots   []int32 // [C, T]: which context vector stands there, or -1
	Length  int     // M, context vectors
}

func (l PromptLayout) check(cfg Config) error {
	size := l.Classes * cfg.ContextLength()
	if l.Classes < 1 || l.Length < 1 || len(l.Slots) != size {
		return fmt.Errorf("prompt: %d classes, a context of %d, %d places for rows of %d", l.Classes, l.Length, len(l.Slots), cfg.ContextLength())
	}
	for i, s := range l.Slots {
		if s < -1 || int(s) >= l.Length {
			return fmt.Errorf("prompt: place %d names context vector %d of %d", i, s, l.Length)
		}
	}
	return checkTokens(cfg, l.Tokens, l.Classes)
}

// embedded are the rows [C*T, D] with positions added, zeros standing for the
// context vectors.
func (l PromptLayout) embedded(c *Checkpoint) []float32 {
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

// places is [C*T, M]: 1 where a context vector stands.
func (l PromptLayout) places() []float32 {
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
	w.Put(contextName, []int{rows, width}, context)
	if shape.Contexts == ImageContext {
		hidden := metaWidth(dim)
		for _, p := range []parameter{
			{metaIn, []int{hidden, dim}, uniform, rootInverse(dim)}, {metaInBias, []int{hidden}, uniform, rootInverse(dim)},
			{metaOut, []int{width, hidden}, uniform, rootInverse(hidden)}, {metaOutBias, []int{width}, uniform, rootInverse(hidden)},
		} {
			w.Put(p.name, p.shape, p.draw(seed))
		}
	}
	return w, nil
}

// Prompts embeds the rows of a layout with learned contexts, for the classes
// whose places in ClassContext are given (nil: all, in order). images is nil or,
// for ImageContext, [n, E] of length 1: then the answer is [n, C, E], else [C, E].
// It is of length 1.
func (e *Encoder) Prompts(w *Weights, contexts string, l PromptLayout, classes []int, images []float32) ([]float32, error) {
	if err := l.check(e.cfg); err != nil {
		return nil, err
	}
	c := &Checkpoint{Config: e.cfg, Weights: e.weights}
	rows := l.embedded(c)
	if contexts != ImageContext {
		place(l, rows, w, contexts, classes, nil)
		return e.embeddedTexts(rows, l.Tokens)
	}
	dim := e.cfg.Dim()
	var out []float32
	for i := 0; i < len(images); i += dim {
		moved := slices.Clone(rows)
		place(l, moved, w, contexts, nil, meta(w, images[i:i+dim]))
		u, err := e.embeddedTexts(moved, l.Tokens)
		if err != nil {
			return nil, err
		}
		out = append(out, u...)
	}
	return out, nil
}

// place adds the context vectors to rows, moved by what is given.
func place(l PromptLayout, rows []float32, w *Weights, contexts string, classes []int, move []float32) {
	context := w.At(contextName)
	width, tokens := context.Shape[1], len(l.Slots)/l.Classes
	for i, s := range l.Slots {
		if s < 0 {
			continue
		}
		at := int(s)
		if contexts == ClassContext {
			class := i / tokens
			if classes != nil {
				class = classes[class]
			}
			at += class * l.Length
		}
		row := rows[i*width : (i+1)*width]
		for d, v := range context.Data[at*width : (at+1)*width] {
			row[d] += v
			if move != nil {
				row[d] += move[d]
			}
		}
	}
}

// meta is CoCoOp's network of one image's features.
func meta(w *Weights, u []float32) []float32 {
	return affine(w.At(metaOut), w.At(metaOutBias), rectified(affine(w.At(metaIn), w.At(metaInBias), u)))
}

func affine(w, b *Tensor, x []float32) []float32 {
	out := slices.Clone(b.Data)
	for i := range out {
		sum := 0.0
		for d, v := range x {
			sum += float64(v) * float64(w.Data[i*len(x)+d])
		}
		out[i] += float32(sum)
	}
	return out
}

func rectified(x []float32) []float32 {
	for i, v := range x {
		x[i] = max(v, 0)
	}
	return x
}

// rootInverse bounds PyTorch's linear layers of n inputs.
func rootInverse(n int) float64 { return 1 / math.Sqrt(float64(n)) }
