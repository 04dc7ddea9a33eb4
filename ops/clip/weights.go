package clip

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Weights are parameters by their open_clip names, in a fixed order. Not safe
// for concurrent writing.
type Weights struct {
	names   []string
	tensors map[string]*Tensor
}

// Names are the parameters in order; the slice is the caller's.
func (w *Weights) Names() []string { return slices.Clone(w.names) }

// At is a parameter, nil when there is none of that name.
func (w *Weights) At(name string) *Tensor { return w.tensors[name] }

// Put adds a parameter at the end, or replaces one in its place.
func (w *Weights) Put(name string, shape []int, data []float32) {
	if w.tensors == nil {
		w.tensors = map[string]*Tensor{}
	}
	if _, ok := w.tensors[name]; !ok {
		w.names = append(w.names, name)
	}
	w.tensors[name] = &Tensor{Shape: shape, Data: data}
}

// Clone is a deep copy.
func (w *Weights) Clone() *Weights {
	c := &Weights{tensors: map[string]*Tensor{}}
	for _, name := range w.names {
		t := w.tensors[name]
		c.Put(name, slices.Clone(t.Shape), slices.Clone(t.Data))
	}
	return c
}

// Init draws the weights of a new model as open_clip does (its text rule in
// both towers), the gates as PyTorch does. Each parameter has its own stream,
// so that one more does not change the others.
func Init(cfg Config, seed uint64) *Weights {
	w := &Weights{}
	for _, p := range parameters(cfg) {
		w.Put(p.name, p.shape, p.draw(seed))
	}
	return w
}

// AddGates gives the weights new gated blocks before the last k vision blocks,
// drawn from the seed; their alphas are 0, so the model stays what it was.
func (w *Weights) AddGates(cfg Config, k int, seed uint64) error {
	if cfg.ResNet() {
		return fmt.Errorf("gates before the last %d vision blocks: %w", k, errNoGates)
	}
	if k < 1 || k > cfg.Model.Vision.Layers {
		return fmt.Errorf("gates before the last %d of %d vision blocks", k, cfg.Model.Vision.Layers)
	}
	if cfg.Gates() > 0 {
		return fmt.Errorf("the model has gated blocks already: %d", cfg.Gates())
	}
	ordered := &Weights{}
	for _, p := range parameters(cfg.WithGates(k)) {
		if t := w.At(p.name); t != nil {
			ordered.Put(p.name, t.Shape, t.Data)
			continue
		}
		if !isGate(p.name) {
			return fmt.Errorf("parameter %q is missing", p.name)
		}
		ordered.Put(p.name, p.shape, p.draw(seed))
	}
	*w = *ordered
	return nil
}

// check says what is missing, superfluous or misshapen for a config, and puts
// the parameters in order.
func (w *Weights) check(cfg Config) (*Weights, error) { return w.ordered(parameters(cfg)) }

func (w *Weights) ordered(all []parameter) (*Weights, error) {
	ordered := &Weights{}
	for _, p := range all {
		t := w.At(p.name)
		switch {
		case t == nil:
			return nil, fmt.Errorf("parameter %q is missing", p.name)
		case len(p.shape) == 0 && slices.Equal(t.Shape, []int{1}): // logit_scale of some checkpoints
		case !slices.Equal(t.Shape, p.shape):
			return nil, fmt.Errorf("parameter %q is %v, the config says %v", p.name, t.Shape, p.shape)
		}
		ordered.Put(p.name, p.shape, t.Data)
	}
	for _, name := range w.names {
		if ordered.At(name) == nil && !isLeftOut(name) {
			return nil, fmt.Errorf("parameter %q is not one of the config's model", name)
		}
	}
	return ordered, nil
}

// leftOut are buffers that checkpoints carry and no model needs.
var leftOut = []string{"attn_mask", "input_resolution", "context_length", "vocab_size", "n_averaged"} // the last is of averaged weights

func isLeftOut(name string) bool {
	return slices.Contains(leftOut, name) || strings.HasSuffix(name, ".num_batches_tracked") // of a BatchNorm
}

func isGate(name string) bool { return strings.Contains(name, ".gated_attn_block.") }

func isAlpha(name string) bool {
	return strings.HasSuffix(name, ".alpha_attn") || strings.HasSuffix(name, ".alpha_dense")
}

// parameter is a name, a shape and how to draw it.
type parameter struct {
	name  string
	shape []int
	init  initializer
	scale float64
}

type initializer int

const (
	constant initializer = iota // scale
	normal                      // deviation scale
	uniform                     // in [-scale, scale]
)

func (p parameter) draw(seed uint64) []float32 {
	size := 1
	for _, d := range p.shape {
		size *= d
	}
	h := fnv.New64a()
	h.Write([]byte(p.name))
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	data := make([]float32, size)
	for i := range data {
		switch p.init {
		case normal:
			data[i] = float32(rng.NormFloat64() * p.scale)
		case uniform:
			data[i] = float32((2*rng.Float64() - 1) * p.scale)
		default:
			data[i] = float32(p.scale)
		}
	}
	return data
}

// parameters lists a model's parameters in open_clip's order.
func parameters(cfg Config) []parameter {
	t, embed := cfg.Model.Text, cfg.Model.EmbedDim
	list := []parameter{
		{"positional_embedding", []int{t.ContextLength, t.Width}, normal, 0.01},
		{"text_projection", []int{t.Width, embed}, normal, 1 / math.Sqrt(float64(t.Width))},
		{"logit_scale", []int{}, constant, math.Log(1 / 0.07)},
	}
	if cfg.ResNet() {
		list = append(list, resnetParameters(cfg)...)
	} else {
		list = append(list, transformerParameters(cfg)...)
	}
	for i := range t.Layers {
		list = append(list, blockParameters(textBlock(i), t.Width, t.hidden(), t.Layers)...)
	}
	list = append(list, parameter{"token_embedding.weight", []int{t.VocabSize, t.Width}, normal, 0.02})
	return append(list, layerNormParameters("ln_final", t.Width)...)
}

// transformerParameters are those of a ViT.
func transformerParameters(cfg Config) []parameter {
	v := cfg.Model.Vision
	scale := 1 / math.Sqrt(float64(v.Width))
	list := []parameter{
		{"visual.class_embedding", []int{v.Width}, normal, scale},
		{"visual.positional_embedding", []int{v.tokens(), v.Width}, normal, scale},
		{"visual.proj", []int{v.Width, cfg.Model.EmbedDim}, normal, scale},
		{"visual.conv1.weight", []int{v.Width, 3, v.PatchSize, v.PatchSize}, uniform, 1 / math.Sqrt(float64(3*v.PatchSize*v.PatchSize))},
	}
	list = append(list, layerNormParameters("visual.ln_pre", v.Width)...)
	for i := range v.Layers {
		name := visionBlock(i)
		list = append(list, blockParameters(name, v.Width, v.hidden(), v.Layers)...)
		if i >= v.Layers-cfg.Gates() {
			list = append(list, gateParameters(gateOf(name), v.Width)...)
		}
	}
	return append(list, layerNormParameters("visual.ln_post", v.Width)...)
}

func visionBlock(i int) string { return "visual.transformer.resblocks." + strconv.Itoa(i) }

func textBlock(i int) string { return "transformer.resblocks." + strconv.Itoa(i) }

func gateOf(block string) string { return block + ".gated_attn_block" }

func layerNormParameters(name string, width int) []parameter {
	return []parameter{{name + ".weight", []int{width}, constant, 1}, {name + ".bias", []int{width}, constant, 0}}
}

// blockParameters draws as open_clip's init_parameters does.
func blockParameters(name string, width, hidden, layers int) []parameter {
	attn := 1 / math.Sqrt(float64(width))
	proj := attn / math.Sqrt(2*float64(layers))
	fc := 1 / math.Sqrt(2*float64(width))
	return residualParameters(name, width, hidden, [4]parameter{
		{init: normal, scale: attn}, {init: normal, scale: proj}, {init: normal, scale: fc}, {init: normal, scale: proj},
	}, 0, 0)
}

// gateParameters draws as PyTorch does for a new block; its ratio is always 4.
func gateParameters(name string, width int) []parameter {
	in, out := 1/math.Sqrt(float64(width)), 1/math.Sqrt(4*float64(width))
	xavier := math.Sqrt(6 / float64(4*width)) // of [3*width, width]
	list := []parameter{{name + ".alpha_attn", []int{}, constant, 0}, {name + ".alpha_dense", []int{}, constant, 0}}
	return append(list, residualParameters(name, width, gateHidden(width), [4]parameter{
		{init: uniform, scale: xavier}, {init: uniform, scale: in}, {init: uniform, scale: in}, {init: uniform, scale: out},
	}, in, out)...)
}

func gateHidden(width int) int { return 4 * width }

// residualParameters are a block's; how has the rules of in_proj, out_proj,
// c_fc and c_proj, and the biases of the last two are uniform within their bounds.
func residualParameters(name string, width, hidden int, how [4]parameter, fcBias, projBias float64) []parameter {
	list := layerNormParameters(name+".ln_1", width)
	list = append(list,
		parameter{name + ".attn.in_proj_weight", []int{3 * width, width}, how[0].init, how[0].scale},
		parameter{name + ".attn.in_proj_bias", []int{3 * width}, constant, 0},
		parameter{name + ".attn.out_proj.weight", []int{width, width}, how[1].init, how[1].scale},
		parameter{name + ".attn.out_proj.bias", []int{width}, constant, 0})
	list = append(list, layerNormParameters(name+".ln_2", width)...)
	return append(list,
		parameter{name + ".mlp.c_fc.weight", []int{hidden, width}, how[2].init, how[2].scale},
		parameter{name + ".mlp.c_fc.bias", []int{hidden}, uniform, fcBias},
		parameter{name + ".mlp.c_proj.weight", []int{width, hidden}, how[3].init, how[3].scale},
		parameter{name + ".mlp.c_proj.bias", []int{width}, uniform, projBias})
}
