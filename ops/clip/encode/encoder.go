// Package encode embeds images and captions with fixed weights.
package encode

import (
	"fmt"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
)

// Encoder embeds images and captions with fixed weights. What it compiled is
// the engine's and serves the next encoder of the same config and batch. It may
// be used concurrently.
type Encoder struct {
	eng     *engine.Engine
	cfg     clip.Config
	batch   int
	dtype   dtypes.DType // of activations
	weights *clip.Weights

	mu      sync.Mutex
	buffers map[string]compute.Buffer // parameters on the device
}

// New makes an encoder of a checkpoint in f32; batch is the number of
// rows of one run, to which calls are cut and padded.
func New(e *engine.Engine, c *clip.Checkpoint, batch int) (*Encoder, error) {
	return NewIn(e, c, batch, clip.F32)
}

// NewIn makes an encoder that computes in a precision. What it gives is
// f32 in any case.
func NewIn(e *engine.Engine, c *clip.Checkpoint, batch int, precision string) (*Encoder, error) {
	if batch < 1 {
		return nil, fmt.Errorf("encoder: batch %d", batch)
	}
	if err := graph.CheckPrecision(e.Name(), precision); err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	dtype, err := graph.DType(precision)
	if err != nil {
		return nil, err
	}
	w, err := c.Weights.Check(c.Config)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	return &Encoder{eng: e, cfg: c.Config, batch: batch, dtype: dtype, weights: w, buffers: map[string]compute.Buffer{}}, nil
}

// Close frees the parameters on the device.
func (e *Encoder) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	graph.Finalize(e.buffers)
	e.buffers = map[string]compute.Buffer{}
}

// Images embeds n images of normalised pixels [n, 3, S, S]: [n, E], of length 1.
func (e *Encoder) Images(pixels []float32, n int) ([]float32, error) {
	return e.images("image", pixels, n, e.cfg.Dim(), func(t *graph.Tape, in *Node) *Node {
		return t.Normalize(t.ImageTower(in))
	})
}

// ImageFeatures embeds n images as Images does, before they are scaled to length
// 1: what linear probes are trained on, [n, E].
func (e *Encoder) ImageFeatures(pixels []float32, n int) ([]float32, error) {
	return e.images("imageFeatures", pixels, n, e.cfg.Dim(), func(t *graph.Tape, in *Node) *Node {
		return graph.Wide(t.ImageTower(in))
	})
}

// ImageTokens gives the tokens of n images before pooling, after the last norm:
// [n, tokens, width], the class token first. Those of a ResNet are its last
// feature map, [n, side*side, 32*width], in rows from the top left.
func (e *Encoder) ImageTokens(pixels []float32, n int) ([]float32, error) {
	v := e.cfg.Model.Vision
	tokens := v.Tokens()
	if v.ResNet() {
		tokens--
	}
	return e.images("imageTokens", pixels, n, tokens*v.Features(), (*graph.Tape).ImageTokens)
}

// FeatureMap gives a ResNet's map of n images after a stage, 1 to 4, or 0 for
// the stem: [n, side, side, channels]. The side is the image's over 4, 4, 8, 16
// and 32, the channels are the stem's times 1, 4, 8, 16 and 32.
func (e *Encoder) FeatureMap(pixels []float32, n, stage int) ([]float32, error) {
	v := e.cfg.Model.Vision
	if !v.ResNet() || stage < 0 || stage > clip.ResNetStages {
		return nil, fmt.Errorf("a feature map after stage %d: only a ResNet has them, 0 to %d", stage, clip.ResNetStages)
	}
	side, channels := v.MapAfter(stage)
	return e.images(fmt.Sprint("featureMap", stage), pixels, n, side*side*channels, func(t *graph.Tape, in *Node) *Node {
		x, _ := t.FeatureMap(in, stage)
		return graph.Wide(x)
	})
}

// Texts embeds n captions of token ids [n, context]: [n, E], of length 1.
func (e *Encoder) Texts(ids []int32, n int) ([]float32, error) {
	return e.texts("text", ids, n, e.cfg.Dim(), func(t *graph.Tape, in *Node) *Node {
		return t.Normalize(t.TextTower(in))
	})
}

// TextTokens gives the tokens of n captions before pooling, after the last
// norm: [n, context, width].
func (e *Encoder) TextTokens(ids []int32, n int) ([]float32, error) {
	c := e.cfg.Model.Text
	return e.texts("textTokens", ids, n, c.ContextLength*c.Width, (*graph.Tape).TextTokens)
}

func (e *Encoder) images(kind string, pixels []float32, n, dim int, build func(*graph.Tape, *Node) *Node) ([]float32, error) {
	side := e.cfg.ImageSize()
	shape := []int{e.batch, 3, side, side}
	if len(pixels) != n*3*side*side {
		return nil, fmt.Errorf("%d pixel values for %d images of %d", len(pixels), n, 3*side*side)
	}
	return runBatches(e, kind, graph.PixelsInput, pixels, shape, n, dim, build)
}

func (e *Encoder) texts(kind string, ids []int32, n, dim int, build func(*graph.Tape, *Node) *Node) ([]float32, error) {
	if err := clip.CheckTokens(e.cfg, ids, n); err != nil {
		return nil, err
	}
	return runBatches(e, kind, graph.TokensInput, graph.WideIDs(ids), []int{e.batch, e.cfg.ContextLength()}, n, dim, build)
}

// runBatches runs rows of T through a graph of one input.
func runBatches[T float32 | int64](e *Encoder, kind, name string, rows []T, shape []int, n, dim int, build func(*graph.Tape, *Node) *Node) ([]float32, error) {
	program, err := e.program(kind, name, shape, build)
	if err != nil {
		return nil, err
	}
	width := 1
	for _, d := range shape[1:] {
		width *= d
	}
	return e.batches(program, n, dim, func(given *graph.Given, start, end int) {
		given.Put(name, graph.PartOf(rows[start*width:end*width], 0, e.batch*width), shape...)
	})
}

// batches runs n rows through a program; put gives it those of a batch, filled up to its size.
func (e *Encoder) batches(program *engine.Program, n, dim int, put func(given *graph.Given, start, end int)) ([]float32, error) {
	out := make([]float32, 0, n*dim)
	result := make([]float32, e.batch*dim)
	for start := 0; start < n; start += e.batch {
		end, given := min(start+e.batch, n), graph.NewGiven(e.eng)
		put(given, start, end)
		if err := e.run(program, given, result); err != nil {
			return nil, err
		}
		out = append(out, result[:(end-start)*dim]...)
	}
	return out, checkEmbeddings(out, dim)
}

func (e *Encoder) program(kind, name string, shape []int, build func(*graph.Tape, *Node) *Node) (*engine.Program, error) {
	key, err := graph.ProgramKey(kind, e.cfg, fmt.Sprint(e.batch, e.dtype))
	if err != nil {
		return nil, err
	}
	input := graph.Input
	if name == graph.TokensInput {
		input = graph.IDs
	}
	return e.eng.Program(key, func(g *Graph) []*Node {
		in := input(g, name, shape...)
		tape := graph.New(g, e.cfg)
		tape.DType = e.dtype
		return []*Node{build(tape, in)}
	})
}

// run runs a program on what it is given, which is freed, and the parameters.
func (e *Encoder) run(program *engine.Program, given *graph.Given, result []float32) error {
	defer given.Free()
	if given.Err != nil {
		return given.Err
	}
	var inputs []compute.Buffer
	for _, name := range program.Inputs() {
		buffer := given.Buffers[name]
		if buffer == nil {
			var err error
			if buffer, err = e.parameter(strings.TrimPrefix(name, graph.ParamPrefix)); err != nil {
				return err
			}
		}
		inputs = append(inputs, buffer)
	}
	outputs, err := program.Run(inputs, nil)
	if err != nil {
		return err
	}
	defer outputs[0].Finalize()
	return outputs[0].ToFlatData(result)
}

// parameter is a parameter's buffer, uploaded when first needed.
func (e *Encoder) parameter(name string) (compute.Buffer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.buffers[name]; b != nil {
		return b, nil
	}
	b, err := graph.UploadTensor(e.eng, e.weights.At(name))
	if err == nil {
		e.buffers[name] = b
	}
	return b, err
}
