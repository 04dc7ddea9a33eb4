package clip

import (
	"math"
	"strconv"
	"strings"
)

// Bottleneck is one residual block of a ResNet. Its stride is of the average
// pool behind its second convolution, and of the one before the shortcut's.
type Bottleneck struct {
	Name       string
	in, planes int // channels; it gives 4 times planes
	Stride     int
}

const bottleneckExpansion = 4

func (b Bottleneck) out() int { return b.planes * bottleneckExpansion }

// Shortcut says whether the residual stream is projected too.
func (b Bottleneck) Shortcut() bool { return b.Stride > 1 || b.in != b.out() }

// Bottlenecks are the blocks of each stage.
func (v Vision) Bottlenecks() [][]Bottleneck {
	stages := make([][]Bottleneck, len(v.Stages))
	in := v.Width
	for i, n := range v.Stages {
		for j := range n {
			b := Bottleneck{"visual.layer" + strconv.Itoa(i+1) + "." + strconv.Itoa(j), in, v.Width << i, 1}
			if i > 0 && j == 0 {
				b.Stride = 2
			}
			stages[i] = append(stages[i], b)
			in = b.out()
		}
	}
	return stages
}

// MapAfter is the form of a ResNet's map after a stage, or 0 for the stem.
func (v Vision) MapAfter(stage int) (side, channels int) {
	channels = v.Width
	if stage > 0 {
		channels = v.Width << (stage - 1) * bottleneckExpansion
	}
	return MapSide(stage, v.ImageSize), channels
}

// MapSide is the places along a side of so many pixels after a ResNet's stage: its first
// convolution takes an odd side's last pixel, the pools after it leave an odd place out.
func MapSide(stage, pixels int) int { return (pixels + 1) / 2 / 2 >> max(stage-1, 0) }

// resnetParameters are those of a ResNet, drawn as open_clip does: convolutions
// as PyTorch, and the last gain of each bottleneck 0, so that it starts as its
// shortcut.
func resnetParameters(cfg Config) []Parameter {
	v := cfg.Model.Vision
	list := convNormParameters("visual", "1", 3, v.Width/2, 3, 1)
	list = append(list, convNormParameters("visual", "2", v.Width/2, v.Width/2, 3, 1)...)
	list = append(list, convNormParameters("visual", "3", v.Width/2, v.Width, 3, 1)...)
	for _, stage := range v.Bottlenecks() {
		for _, b := range stage {
			list = append(list, convNormParameters(b.Name, "1", b.in, b.planes, 1, 1)...)
			list = append(list, convNormParameters(b.Name, "2", b.planes, b.planes, 3, 1)...)
			list = append(list, convNormParameters(b.Name, "3", b.planes, b.out(), 1, 0)...)
			if b.Shortcut() {
				list = append(list, convParameter(b.Name+".downsample.0", b.in, b.out(), 1))
				list = append(list, batchNormParameters(b.Name+".downsample.1", b.out(), 1)...)
			}
		}
	}
	return append(list, attentionPoolParameters(cfg)...)
}

func convNormParameters(name, number string, in, out, kernel int, gain float64) []Parameter {
	list := []Parameter{convParameter(name+".conv"+number, in, out, kernel)}
	return append(list, batchNormParameters(name+".bn"+number, out, gain)...)
}

func convParameter(name string, in, out, kernel int) Parameter {
	return Parameter{name + ".weight", []int{out, in, kernel, kernel}, uniform, 1 / math.Sqrt(float64(in*kernel*kernel))}
}

func batchNormParameters(name string, width int, gain float64) []Parameter {
	return []Parameter{
		{name + ".weight", []int{width}, constant, gain}, {name + ".bias", []int{width}, constant, 0},
		{name + RunningMean, []int{width}, constant, 0}, {name + RunningVar, []int{width}, constant, 1},
	}
}

// The names of a BatchNorm's statistics end in these.
const (
	RunningMean = ".running_mean"
	RunningVar  = ".running_var"
)

// isStatistic tells a BatchNorm's statistics, which no gradient reaches.
func isStatistic(name string) bool {
	return strings.HasSuffix(name, RunningMean) || strings.HasSuffix(name, RunningVar)
}

// AttentionPool is the beginning of the names of a ResNet's attention pool.
const AttentionPool = "visual.attnpool"

func attentionPoolParameters(cfg Config) []Parameter {
	v := cfg.Model.Vision
	scale := 1 / math.Sqrt(float64(v.Features()))
	list := []Parameter{{AttentionPool + ".positional_embedding", []int{v.Tokens(), v.Features()}, normal, scale}}
	for _, name := range []string{"k_proj", "q_proj", "v_proj", "c_proj"} {
		out := v.Features()
		if name == "c_proj" {
			out = cfg.Model.EmbedDim
		}
		list = append(list,
			Parameter{AttentionPool + "." + name + ".weight", []int{out, v.Features()}, normal, scale},
			Parameter{AttentionPool + "." + name + ".bias", []int{out}, uniform, scale})
	}
	return list
}
