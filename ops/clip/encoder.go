package clip

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// The names of a graph's inputs beside parameters.
const (
	pixelsInput   = "pixels"
	tokensInput   = "tokens"
	hyperInput    = "hyper"
	gammaInput    = "gamma"
	featuresInput = "textFeatures"
	baseInput     = "baseText"
	distinctInput = "distinct"
	slotInput     = "slot"
)

// Encoder embeds images and captions with fixed weights. What it compiled is
// the engine's and serves the next encoder of the same config and batch. It may
// be used concurrently.
type Encoder struct {
	eng     *engine.Engine
	cfg     Config
	batch   int
	dtype   dtypes.DType // of activations
	weights *Weights

	mu      sync.Mutex
	buffers map[string]compute.Buffer // parameters on the device
}

// NewEncoder makes an encoder of a checkpoint in f32; batch is the number of
// rows of one run, to which calls are cut and padded.
func NewEncoder(e *engine.Engine, c *Checkpoint, batch int) (*Encoder, error) {
	return NewEncoderIn(e, c, batch, F32)
}

// NewEncoderIn makes an encoder that computes in a precision. What it gives is
// f32 in any case.
func NewEncoderIn(e *engine.Engine, c *Checkpoint, batch int, precision string) (*Encoder, error) {
	if batch < 1 {
		return nil, fmt.Errorf("encoder: batch %d", batch)
	}
	if err := CheckPrecision(e.Name(), precision); err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	dtype, err := dtypeOf(precision)
	if err != nil {
		return nil, err
	}
	w, err := c.Weights.check(c.Config)
	if err != nil {
		return nil, fmt.Errorf("encoder: %w", err)
	}
	return &Encoder{eng: e, cfg: c.Config, batch: batch, dtype: dtype, weights: w, buffers: map[string]compute.Buffer{}}, nil
}

// Close frees the parameters on the device.
func (e *Encoder) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	finalize(e.buffers)
	e.buffers = map[string]compute.Buffer{}
}

// Images embeds n images of normalised pixels [n, 3, S, S]: [n, E], of length 1.
func (e *Encoder) Images(pixels []float32, n int) ([]float32, error) {
	return e.images("image", pixels, n, e.cfg.Dim(), func(t *tape, in *Node) *Node {
		x, _ := t.imageTower(in)
		x, _ = normalize(x)
		return x
	})
}

// ImageFeatures embeds n images as Images does, before they are scaled to length
// 1: what linear probes are trained on, [n, E].
func (e *Encoder) ImageFeatures(pixels []float32, n int) ([]float32, error) {
	return e.images("imageFeatures", pixels, n, e.cfg.Dim(), func(t *tape, in *Node) *Node {
		x, _ := t.imageTower(in)
		return wide(x)
	})
}

// ImageTokens gives the tokens of n images before pooling, after the last norm:
// [n, tokens, width], the class token first. Those of a ResNet are its last
// feature map, [n, side*side, 32*width], in rows from the top left.
func (e *Encoder) ImageTokens(pixels []float32, n int) ([]float32, error) {
	v := e.cfg.Model.Vision
	tokens := v.tokens()
	if v.resnet() {
		tokens--
	}
	return e.images("imageTokens", pixels, n, tokens*v.features(), (*tape).imageTokens)
}

// FeatureMap gives a ResNet's map of n images after a stage, 1 to 4, or 0 for
// the stem: [n, side, side, channels]. The side is the image's over 4, 4, 8, 16
// and 32, the channels are the stem's times 1, 4, 8, 16 and 32.
func (e *Encoder) FeatureMap(pixels []float32, n, stage int) ([]float32, error) {
	v := e.cfg.Model.Vision
	if !v.resnet() || stage < 0 || stage > resnetStages {
		return nil, fmt.Errorf("a feature map after stage %d: only a ResNet has them, 0 to %d", stage, resnetStages)
	}
	side, channels := v.mapAfter(stage)
	return e.images(fmt.Sprint("featureMap", stage), pixels, n, side*side*channels, func(t *tape, in *Node) *Node {
		x, _, _ := t.featureMap(in, stage)
		return wide(x)
	})
}

// Texts embeds n captions of token ids [n, context]: [n, E], of length 1.
func (e *Encoder) Texts(ids []int32, n int) ([]float32, error) {
	return e.texts("text", ids, n, e.cfg.Dim(), func(t *tape, in *Node) *Node {
		x, _ := t.textTower(in)
		x, _ = normalize(x)
		return x
	})
}

// TextTokens gives the tokens of n captions before pooling, after the last
// norm: [n, context, width].
func (e *Encoder) TextTokens(ids []int32, n int) ([]float32, error) {
	c := e.cfg.Model.Text
	return e.texts("textTokens", ids, n, c.ContextLength*c.Width, (*tape).textTokens)
}

func (e *Encoder) images(kind string, pixels []float32, n, dim int, build func(*tape, *Node) *Node) ([]float32, error) {
	side := e.cfg.ImageSize()
	shape := []int{e.batch, 3, side, side}
	if len(pixels) != n*3*side*side {
		return nil, fmt.Errorf("%d pixel values for %d images of %d", len(pixels), n, 3*side*side)
	}
	return runBatches(e, kind, pixelsInput, pixels, shape, n, dim, build)
}

func (e *Encoder) texts(kind string, ids []int32, n, dim int, build func(*tape, *Node) *Node) ([]float32, error) {
	if err := checkTokens(e.cfg, ids, n); err != nil {
		return nil, err
	}
	return runBatches(e, kind, tokensInput, wideIDs(ids), []int{e.batch, e.cfg.ContextLength()}, n, dim, build)
}

// checkTokens wants ids in the vocabulary: an engine would read past the table
// or clamp.
func checkTokens(cfg Config, ids []int32, n int) error {
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

// wideIDs are the ids in the type that engines gather by.
func wideIDs(ids []int32) []int64 {
	wide := make([]int64, len(ids))
	for i, id := range ids {
		wide[i] = int64(id)
	}
	return wide
}

// runBatches runs rows of T through a graph of one input, the last batch padded with zeros.
func runBatches[T float32 | int64](e *Encoder, kind, name string, rows []T, shape []int, n, dim int, build func(*tape, *Node) *Node) ([]float32, error) {
	program, err := e.program(kind, name, shape, build)
	if err != nil {
		return nil, err
	}
	width := 1
	for _, d := range shape[1:] {
		width *= d
	}
	out := make([]float32, n*dim)
	padded := make([]T, e.batch*width)
	result := make([]float32, e.batch*dim)
	for start := 0; start < n; start += e.batch {
		count := min(e.batch, n-start)
		copied := copy(padded, rows[start*width:(start+count)*width])
		clear(padded[copied:])
		if err := e.run(program, name, padded, shape, result); err != nil {
			return nil, err
		}
		copy(out[start*dim:], result[:count*dim])
	}
	return out, checkEmbeddings(out, dim)
}

func (e *Encoder) program(kind, name string, shape []int, build func(*tape, *Node) *Node) (*engine.Program, error) {
	key, err := programKey(kind, e.cfg, fmt.Sprint(e.batch, e.dtype))
	if err != nil {
		return nil, err
	}
	dtype := dtypes.Float32
	if name == tokensInput {
		dtype = dtypes.Int64
	}
	return e.eng.Program(key, func(g *Graph) []*Node {
		in := Parameter(g, name, shapes.Make(dtype, shape...))
		tape := newTape(g, e.cfg, nil)
		tape.dtype = e.dtype
		return []*Node{build(tape, in)}
	})
}

func (e *Encoder) run(program *engine.Program, name string, values any, shape []int, result []float32) error {
	in, err := e.eng.Upload(values, shape...)
	if err != nil {
		return err
	}
	defer in.Finalize()
	var inputs []compute.Buffer
	for _, at := range program.Inputs() {
		if at == name {
			inputs = append(inputs, in)
			continue
		}
		buffer, err := e.parameter(strings.TrimPrefix(at, paramPrefix))
		if err != nil {
			return err
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
	b, err := uploadTensor(e.eng, e.weights.At(name))
	if err == nil {
		e.buffers[name] = b
	}
	return b, err
}

func uploadTensor(e *engine.Engine, t *Tensor) (compute.Buffer, error) {
	return e.Upload(t.Data, deviceShape(t.Shape)...)
}

func finalize(buffers map[string]compute.Buffer) {
	for _, b := range buffers {
		_ = b.Finalize()
	}
}

// programKey says all that a graph depends on.
func programKey(kind string, cfg Config, rest ...string) (string, error) {
	cfg.Preprocess = nil
	text, err := json.Marshal(cfg)
	return strings.Join(append([]string{kind, string(text)}, rest...), " "), err
}
