package layout

import (
	"fmt"
	"math"
	"regexp"
	"strconv"

	"react/ops/clip"
)

// shapeMap are the parameters of a checkpoint, by open_clip's names.
type shapeMap map[string][]int

// dim is a dimension of a parameter, 0 when there is none.
func (s shapeMap) dim(name string, axis int) int {
	if shape := s[name]; axis < len(shape) {
		return shape[axis]
	}
	return 0
}

// blocks counts the numbers after a beginning: 1 + the highest.
func (s shapeMap) blocks(prefix string) int {
	number := regexp.MustCompile("^" + regexp.QuoteMeta(prefix) + `\.(\d{1,4})\.`)
	n := 0
	for name := range s {
		if m := number.FindStringSubmatch(name); m != nil {
			i, err := strconv.Atoi(m[1])
			if err == nil {
				n = max(n, i+1)
			}
		}
	}
	return n
}

// gates counts the blocks of the image tower that have a gated block.
func (s shapeMap) gates() int {
	n := 0
	for i := range s.blocks("visual.transformer.resblocks") {
		if s[clip.GateOf(clip.VisionBlock(i))+".alpha_attn"] != nil {
			n++
		}
	}
	return n
}

// deduce gives the config that the shapes alone say, as OpenAI's build_model
// does: heads of 64, which the caller must know to be right. Activation and
// pixel statistics cannot be seen.
func (s shapeMap) deduce() (clip.Config, error) {
	text := s.dim("ln_final.weight", 0)
	side, err := square(s.dim("visual.positional_embedding", 0) - 1)
	v := clip.Vision{Layers: s.blocks("visual.transformer.resblocks"), Width: s.dim("visual.conv1.weight", 0), HeadWidth: headWidth,
		PatchSize: s.dim("visual.conv1.weight", 2)}
	v.ImageSize = side * v.PatchSize
	v.MLPRatio = ratioOf(s.dim(clip.VisionBlock(0)+".mlp.c_fc.weight", 0), max(v.Width, 1))
	if s["visual.layer1.0.conv1.weight"] != nil {
		v, err = s.resnet()
	}
	if err != nil {
		return clip.Config{}, err
	}
	c := clip.Config{Model: clip.Model{EmbedDim: s.dim("text_projection", 1), Vision: v,
		Text: clip.Text{ContextLength: s.dim("positional_embedding", 0), VocabSize: s.dim("token_embedding.weight", 0), Width: text, Heads: text / headWidth,
			Layers: s.blocks("transformer.resblocks"), MLPRatio: ratioOf(s.dim(clip.TextBlock(0)+".mlp.c_fc.weight", 0), max(text, 1))}}}
	if n := s.gates(); n > 0 {
		c = c.WithGates(n)
	}
	if text%headWidth != 0 || v.Width%headWidth != 0 && v.Layers > 0 {
		return c, fmt.Errorf("widths %d and %d are not multiples of %d, so the number of heads cannot be known", v.Width, text, headWidth)
	}
	return c, nil
}

// resnet is the image tower of OpenAI's modified ResNets.
func (s shapeMap) resnet() (clip.Vision, error) {
	side, err := square(s.dim("visual.attnpool.positional_embedding", 0) - 1)
	v := clip.Vision{Width: s.dim("visual.layer1.0.conv1.weight", 0), HeadWidth: headWidth, ImageSize: side * clip.ResNetStride}
	for i := range clip.ResNetStages {
		v.Stages = append(v.Stages, s.blocks("visual.layer"+strconv.Itoa(i+1)))
	}
	return v, err
}

// headWidth is the width of a head in every model of OpenAI's.
const headWidth = 64

// square is the side of a square of n.
func square(n int) (int, error) {
	side := int(math.Round(math.Sqrt(float64(max(n, 0)))))
	if n < 1 || side*side != n {
		return 0, fmt.Errorf("%d positions are not those of a square image", n)
	}
	return side, nil
}

// sameShapes says whether an architecture has these shapes, whatever its
// activation, image size, context and vocabulary.
func sameShapes(a, b clip.Config) bool {
	v, w, t, u := a.Model.Vision, b.Model.Vision, a.Model.Text, b.Model.Text
	return a.Model.EmbedDim == b.Model.EmbedDim && fmt.Sprint(v.Stages) == fmt.Sprint(w.Stages) && v.Layers == w.Layers && v.Width == w.Width &&
		v.PatchSize == w.PatchSize && v.Hidden() == w.Hidden() && t.Width == u.Width && t.Layers == u.Layers && t.Hidden() == u.Hidden()
}

// archOf finds the architecture that ships with these shapes; its heads and
// ratios are exact where shapes say little. With activation "" either will do,
// and the shorter name is given.
func archOf(c clip.Config, activation string) (name string, arch clip.Config, ok bool) {
	for _, candidate := range clip.Archs() {
		a, err := clip.Arch(candidate)
		if err != nil || !sameShapes(a, c) || activation != "" && a.Model.QuickGELU != (activation == quickGELU) {
			continue
		}
		same, had := a.ImageSize() == c.ImageSize(), ok && arch.ImageSize() == c.ImageSize()
		if !ok || same && !had || same == had && len(candidate) < len(name) {
			name, arch, ok = candidate, a, true
		}
	}
	return name, arch, ok
}
