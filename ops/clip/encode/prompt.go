package encode

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
)

// Prompts embeds the rows of a layout with learned contexts, for the classes
// whose places in ClassContext are given (nil: all, in order). images is nil or,
// for ImageContext, [n, E] of length 1: then the answer is [n, C, E], else [C, E].
// It is of length 1.
func (e *Encoder) Prompts(w *clip.Weights, contexts string, l clip.PromptLayout, classes []int, images []float32) ([]float32, error) {
	if err := l.Check(e.cfg); err != nil {
		return nil, err
	}
	c := &clip.Checkpoint{Config: e.cfg, Weights: e.weights}
	rows := l.Embedded(c)
	if contexts != clip.ImageContext {
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
func place(l clip.PromptLayout, rows []float32, w *clip.Weights, contexts string, classes []int, move []float32) {
	context := w.At(clip.ContextName)
	width, tokens := context.Shape[1], len(l.Slots)/l.Classes
	for i, s := range l.Slots {
		if s < 0 {
			continue
		}
		at := int(s)
		if contexts == clip.ClassContext {
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
func meta(w *clip.Weights, u []float32) []float32 {
	return affine(w.At(clip.MetaOut), w.At(clip.MetaOutBias), rectified(affine(w.At(clip.MetaIn), w.At(clip.MetaInBias), u)))
}

func affine(w, b *clip.Tensor, x []float32) []float32 {
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

// embeddedTexts embeds rows [n*T, D] of vectors; ids tell where they end.
func (e *Encoder) embeddedTexts(rows []float32, ids []int32) ([]float32, error) {
	width, tokens, dim := e.cfg.Model.Text.Width, e.cfg.ContextLength(), e.cfg.Dim()
	key, err := graph.ProgramKey("embedded text", e.cfg, fmt.Sprint(e.batch, e.dtype))
	if err != nil {
		return nil, err
	}
	program := func(on *device) (*engine.Program, error) {
		return on.eng.Program(key, func(g *Graph) []*Node {
			tape := graph.New(g, e.cfg)
			tape.DType = e.dtype
			x := tape.Narrow(graph.Input(g, graph.EmbeddedInput, e.batch*tokens, width))
			return []*Node{tape.EmbeddedText(x, graph.IDs(g, graph.TokensInput, e.batch, tokens))}
		})
	}
	return e.runAll(&batches{program: program, n: len(ids) / tokens, dim: dim, put: func(given *graph.Given, start, end int) {
		given.Put(graph.EmbeddedInput, graph.PartOf(rows[start*tokens*width:end*tokens*width], 0, e.batch*tokens*width), e.batch*tokens, width)
		given.Put(graph.TokensInput, graph.WideIDs(graph.PartOf(ids[start*tokens:end*tokens], 0, e.batch*tokens)), e.batch, tokens)
	}})
}
