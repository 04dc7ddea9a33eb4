// Package encode embeds images and captions with fixed weights.
package encode

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/data/caught"
	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
)

// Encoder embeds images and captions with fixed weights. What it compiled is
// the engine's and serves the next encoder of the same config and batch. It may
// be used concurrently.
type Encoder struct {
	cfg     clip.Config
	batch   int
	dtype   dtypes.DType // of activations
	weights *clip.Weights
	devices []*device
	turn    atomic.Int64 // of the devices, for pictures that are read one by one
}

// device is one of the engine's, with the parameters that are on it.
type device struct {
	eng *engine.Engine

	mu      sync.Mutex
	buffers map[string]compute.Buffer
}

// New makes an encoder of a checkpoint in f32; batch is the number of
// rows of one run, to which calls are cut and padded. Where the engine has several
// devices, runs of one call go on side by side, a device each: their bits are those of
// one device.
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
	enc := &Encoder{cfg: c.Config, batch: batch, dtype: dtype, weights: w}
	for _, one := range e.Each() {
		enc.devices = append(enc.devices, &device{eng: one, buffers: map[string]compute.Buffer{}})
	}
	return enc, nil
}

// Close frees the parameters on the device.
func (e *Encoder) Close() {
	for _, d := range e.devices {
		d.mu.Lock()
		graph.Finalize(d.buffers)
		d.buffers = map[string]compute.Buffer{}
		d.mu.Unlock()
	}
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
	program := func(on *device) (*engine.Program, error) { return e.program(on, kind, name, shape, build) }
	width := 1
	for _, d := range shape[1:] {
		width *= d
	}
	return e.runAll(&batches{program: program, n: n, dim: dim, put: func(given *graph.Given, start, end int) {
		given.Put(name, graph.PartOf(rows[start*width:end*width], 0, e.batch*width), shape...)
	}})
}

// AtOnce is how many rows of a call are computed at a time: a batch on each device.
func (e *Encoder) AtOnce() int { return e.batch * len(e.devices) }

// Calls is how many calls at a time keep the devices busy. Where they run ahead it is two: the rows
// of one are uploaded while those of the other are computed.
func (e *Encoder) Calls() int {
	if e.devices[0].eng.RunsAhead() {
		return 2
	}
	return 1
}

// batches are n rows that go through a program, a batch at a time, on all devices.
type batches struct {
	program func(on *device) (*engine.Program, error)
	n, dim  int
	// gives a program the rows of a batch, filled up to its size
	put func(given *graph.Given, start, end int)

	next atomic.Int64 // row that no device has taken
	out  []float32    // [n, dim]
}

// runAll runs all batches.
func (e *Encoder) runAll(b *batches) ([]float32, error) {
	b.out = make([]float32, b.n*b.dim)
	errs := make([]error, min(len(e.devices), max(1, (b.n+e.batch-1)/e.batch)))
	var busy caught.Group
	for i := range errs {
		busy.Go(func() { errs[i] = e.runSome(b, e.devices[i]) })
	}
	busy.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return b.out, checkEmbeddings(b.out, b.dim)
}

// runSome runs the batches that a device comes to take.
func (e *Encoder) runSome(b *batches, on *device) error {
	program, err := b.program(on)
	if err != nil {
		return err
	}
	result := make([]float32, e.batch*b.dim)
	for {
		start := int(b.next.Add(int64(e.batch))) - e.batch
		if start >= b.n {
			return nil
		}
		end, given := min(start+e.batch, b.n), graph.NewGiven(on.eng)
		b.put(given, start, end)
		if err := e.run(on, program, given, result); err != nil {
			return err
		}
		copy(b.out[start*b.dim:end*b.dim], result)
	}
}

func (e *Encoder) program(on *device, kind, name string, shape []int, build func(*graph.Tape, *Node) *Node) (*engine.Program, error) {
	key, err := graph.ProgramKey(kind, e.cfg, fmt.Sprint(e.batch, e.dtype))
	if err != nil {
		return nil, err
	}
	input := graph.Input
	if name == graph.TokensInput {
		input = graph.IDs
	}
	return on.eng.Program(key, func(g *Graph) []*Node {
		in := input(g, name, shape...)
		tape := graph.New(g, e.cfg)
		tape.DType, tape.Flash = e.dtype, on.eng.FlashAttention()
		return []*Node{build(tape, in)}
	})
}

// run runs a program of one output on what it is given, which is freed, and the parameters.
func (e *Encoder) run(on *device, program *engine.Program, given *graph.Given, result []float32) error {
	defer given.Free()
	if given.Err != nil {
		return given.Err
	}
	outputs, err := e.outputs(on, program, given.Buffers)
	if err != nil {
		return err
	}
	defer outputs[0].Finalize()
	return outputs[0].ToFlatData(result)
}

// outputs runs a program on what it is given and the parameters.
func (e *Encoder) outputs(on *device, program *engine.Program, given map[string]compute.Buffer) ([]compute.Buffer, error) {
	var inputs []compute.Buffer
	for _, name := range program.Inputs() {
		buffer := given[name]
		if buffer == nil {
			var err error
			if buffer, err = e.parameter(on, strings.TrimPrefix(name, graph.ParamPrefix)); err != nil {
				return nil, err
			}
		}
		inputs = append(inputs, buffer)
	}
	return program.Run(inputs, nil)
}

// parameter is a parameter's buffer, uploaded when first needed.
func (e *Encoder) parameter(on *device, name string) (compute.Buffer, error) {
	on.mu.Lock()
	defer on.mu.Unlock()
	if b := on.buffers[name]; b != nil {
		return b, nil
	}
	b, err := graph.UploadTensor(on.eng, e.weights.At(name))
	if err == nil {
		on.buffers[name] = b
	}
	return b, err
}
