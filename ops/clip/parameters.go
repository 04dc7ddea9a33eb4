package clip

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Parameter is a name, a shape and how to draw it.
type Parameter struct {
	Name  string
	Shape []int
	init  initializer
	scale float64
}

type initializer int

const (
	constant initializer = iota // scale
	normal                      // deviation scale
	uniform                     // in [-scale, scale]
)

func (p Parameter) draw(seed uint64) []float32 {
	size := 1
	for _, d := range p.Shape {
		size *= d
	}
	h := fnv.New64a()
	h.Write([]byte(p.Name))
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

// Parameters lists a model's parameters in open_clip's order.
func Parameters(cfg Config) []Parameter {
	t, embed := cfg.Model.Text, cfg.Model.EmbedDim
	list := []Parameter{
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
		list = append(list, blockParameters(TextBlock(i), t.Width, t.Hidden(), t.Layers)...)
	}
	list = append(list, Parameter{"token_embedding.weight", []int{t.VocabSize, t.Width}, normal, 0.02})
	return append(list, layerNormParameters("ln_final", t.Width)...)
}

// transformerParameters are those of a ViT.
func transformerParameters(cfg Config) []Parameter {
	v := cfg.Model.Vision
	scale := 1 / math.Sqrt(float64(v.Width))
	list := []Parameter{
		{"visual.class_embedding", []int{v.Width}, normal, scale},
		{"visual.positional_embedding", []int{v.Tokens(), v.Width}, normal, scale},
		{"visual.proj", []int{v.Width, cfg.Model.EmbedDim}, normal, scale},
		{"visual.conv1.weight", []int{v.Width, 3, v.PatchSize, v.PatchSize}, uniform, 1 / math.Sqrt(float64(3*v.PatchSize*v.PatchSize))},
	}
	list = append(list, layerNormParameters("visual.ln_pre", v.Width)...)
	for i := range v.Layers {
		name := VisionBlock(i)
		list = append(list, blockParameters(name, v.Width, v.Hidden(), v.Layers)...)
		if i >= v.Layers-cfg.Gates() {
			list = append(list, gateParameters(GateOf(name), v.Width)...)
		}
	}
	return append(list, layerNormParameters("visual.ln_post", v.Width)...)
}

// VisionBlock is the beginning of the names of a block of the image tower.
func VisionBlock(i int) string { return "visual.transformer.resblocks." + strconv.Itoa(i) }

// TextBlock is the same of the text tower.
func TextBlock(i int) string { return "transformer.resblocks." + strconv.Itoa(i) }

// GateOf is the beginning of the names of the gated block before a block.
func GateOf(block string) string { return block + ".gated_attn_block" }

func layerNormParameters(name string, width int) []Parameter {
	return []Parameter{{name + ".weight", []int{width}, constant, 1}, {name + ".bias", []int{width}, constant, 0}}
}

// blockParameters draws as open_clip's init_parameters does.
func blockParameters(name string, width, hidden, layers int) []Parameter {
	attn := 1 / math.Sqrt(float64(width))
	proj := attn / math.Sqrt(2*float64(layers))
	fc := 1 / math.Sqrt(2*float64(width))
	return residualParameters(name, width, hidden, [4]Parameter{
		{init: normal, scale: attn}, {init: normal, scale: proj}, {init: normal, scale: fc}, {init: normal, scale: proj},
	}, 0, 0)
}

// gateParameters draws as PyTorch does for a new block; its ratio is always 4.
func gateParameters(name string, width int) []Parameter {
	in, out := 1/math.Sqrt(float64(width)), 1/math.Sqrt(4*float64(width))
	xavier := math.Sqrt(6 / float64(4*width)) // of [3*width, width]
	list := []Parameter{{name + ".alpha_attn", []int{}, constant, 0}, {name + ".alpha_dense", []int{}, constant, 0}}
	return append(list, residualParameters(name, width, gateHidden(width), [4]Parameter{
		{init: uniform, scale: xavier}, {init: uniform, scale: in}, {init: uniform, scale: in}, {init: uniform, scale: out},
	}, in, out)...)
}

func gateHidden(width int) int { return 4 * width }

// residualParameters are a block's; how has the rules of in_proj, out_proj,
// c_fc and c_proj, and the biases of the last two are uniform within their bounds.
func residualParameters(name string, width, hidden int, how [4]Parameter, fcBias, projBias float64) []Parameter {
	list := layerNormParameters(name+".ln_1", width)
	list = append(list,
		Parameter{name + ".attn.in_proj_weight", []int{3 * width, width}, how[0].init, how[0].scale},
		Parameter{name + ".attn.in_proj_bias", []int{3 * width}, constant, 0},
		Parameter{name + ".attn.out_proj.weight", []int{width, width}, how[1].init, how[1].scale},
		Parameter{name + ".attn.out_proj.bias", []int{width}, constant, 0})
	list = append(list, layerNormParameters(name+".ln_2", width)...)
	return append(list,
		Parameter{name + ".mlp.c_fc.weight", []int{hidden, width}, how[2].init, how[2].scale},
		Parameter{name + ".mlp.c_fc.bias", []int{hidden}, uniform, fcBias},
		Parameter{name + ".mlp.c_proj.weight", []int{width, hidden}, how[3].init, how[3].scale},
		Parameter{name + ".mlp.c_proj.bias", []int{width}, uniform, projBias})
}

// IsVisual says whether a parameter is of the image tower.
func IsVisual(name string) bool { return strings.HasPrefix(name, "visual.") }

// IsText says whether a parameter is of the text tower.
func IsText(name string) bool { return !IsVisual(name) && name != "logit_scale" && !IsHead(name) }

// IsHead says whether a parameter is a head's, and trains.
func IsHead(name string) bool { return name == HeadWeight || name == HeadBias }

// IsGate says whether a parameter is of a gated block.
func IsGate(name string) bool { return strings.Contains(name, ".gated_attn_block.") }

// IsAlpha says whether a parameter opens a gated block.
func IsAlpha(name string) bool {
	return strings.HasSuffix(name, ".alpha_attn") || strings.HasSuffix(name, ".alpha_dense")
}

// TextBytes is the size of the text tower's parameters.
func TextBytes(cfg Config) int64 { return count(cfg, IsText) * ValueBytes }

// count is the number of values of a model's parameters, of those that a
// function takes.
func count(cfg Config, of func(name string) bool) int64 {
	n := int64(0)
	for _, p := range Parameters(cfg) {
		if !of(p.Name) {
			continue
		}
		size := int64(1)
		for _, d := range p.Shape {
			size *= int64(d)
		}
		n += size
	}
	return n
}

// Parameters is the number of a model's values that train in the mode.
func (m Mode) Parameters(cfg Config) int64 { return count(cfg, m.Trains) }

// Parameters is the number of values of a model.
func (c Config) Parameters() int64 { return count(c, everyName) }

// VisualParameters is the number of values of the image tower.
func (c Config) VisualParameters() int64 { return count(c, IsVisual) }

func everyName(string) bool { return true }

// ValueBytes is the size of an f32.
const ValueBytes = 4
